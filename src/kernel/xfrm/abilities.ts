import { delSa, getSa, NetlinkError, newSa } from "../../netlink-xfrm/index.ts";
import type { KernelAbilities } from "../port.ts";
import { plainEsp, probeSa } from "./probe-sa.ts";
import { unless } from "./refusal.ts";
import { identity, saMessage } from "./sa-message.ts";
import type { XfrmSocket } from "./xfrm-socket.ts";

/**
 * What this kernel can do, found by trying it. An older kernel passes over an attribute that it does not know in
 * silence, so the SA is read back.
 */
export function probeAbilities(socket: XfrmSocket): KernelAbilities {
  const encapsulation = { sourcePort: 4500, destinationPort: 4500 };
  const sa = { ...probeSa({ protocol: "esp", family: 4, ...plainEsp }), encapsulation, keepaliveSeconds: 20 };
  try {
    socket.request(newSa(saMessage(sa)));
  } catch (error) {
    if (error instanceof NetlinkError) return { natKeepalive: false };
    throw error;
  }
  const seen = unless(["ESRCH"], () => socket.request(getSa(identity(sa))));
  unless(["ESRCH"], () => socket.request(delSa(identity(sa))));
  return { natKeepalive: seen?.natKeepaliveInterval === sa.keepaliveSeconds };
}
