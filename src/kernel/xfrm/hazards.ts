/** What on this host would defeat a lock, by name: settings, NAT rules and VXLAN destinations. Looks, and changes nothing. */
import type { Address } from "../../negotiate/address.ts";
import type { Selector } from "../../negotiate/selector.ts";
import { NetlinkSocket } from "../../netlink-xfrm/index.ts";
import { findDeviceHazards } from "./device-hazards.ts";
import { findNatHazards } from "./nat-hazards.ts";
import { type ReadNatTools, readNatTools } from "./nat-tools.ts";
import { findVxlanHazards } from "./vxlan-hazards.ts";

/** One thing that defeats, or may defeat, what the configuration asks for. */
export interface Hazard {
  readonly kind: "disable_xfrm" | "disable_policy" | "source-nat" | "vxlan-group" | "vxlan-vtep";
  /** The device concerned, or `all`. */
  readonly device: string;
  /** The setting, rule or address, as its own tool names it. */
  readonly detail: string;
  /** What it is and what it does, in one sentence. */
  readonly sentence: string;
  /** A command, or an action, that ends it. */
  readonly remedy: string;
}

/** What is to be protected. */
export interface HazardQuery {
  /** Outer addresses of the peers. */
  readonly peers: readonly Address[];
  /** Locks towards everybody stand: then every device counts, not only those that lead to peers. */
  readonly locksEverybody: boolean;
  /** Outbound selectors of tunnels: what a NAT rule must not catch. */
  readonly tunnels: readonly Selector[];
  /** Outbound selectors of what this host itself sends (transport mode), each with whether its kind is locked towards everybody. */
  readonly own: readonly { readonly selector: Selector; readonly locked: boolean }[];
  /** UDP destination ports of the VXLAN that is protected, each with whether it is locked towards everybody. */
  readonly vxlan: readonly { readonly port: number; readonly locked: boolean }[];
}

/** The hazards, and what was looked at: an absent tool means that nothing was seen, not that nothing is there. */
export interface HazardReport {
  readonly hazards: readonly Hazard[];
  readonly looked: readonly string[];
}

/** Looks at the network namespace that this process is in. Throws NetlinkError and SystemCallError where the kernel does not answer. */
export async function findHazards(query: HazardQuery, readNat: ReadNatTools = readNatTools): Promise<HazardReport> {
  const socket = NetlinkSocket.route();
  try {
    const underlay = findDeviceHazards(socket, query);
    const vxlan = findVxlanHazards(socket, query);
    const nat = await findNatHazards(query, underlay.devices, readNat);
    return {
      hazards: [...underlay.hazards, ...nat.hazards, ...vxlan],
      looked: [
        `sysctl of ${["all", ...underlay.devices].join(", ")}`,
        ...nat.looked,
        "VXLAN devices and forwarding entries",
      ],
    };
  } finally {
    socket.close();
  }
}
