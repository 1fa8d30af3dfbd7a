/** Devices on which IPsec is switched off. */
import { readFileSync } from "node:fs";
import { dumpLinks, getRoute, LINK_FLAG, type Link, type NetlinkSocket } from "../../netlink-xfrm/index.ts";
import type { Hazard, HazardQuery } from "./hazards.ts";
import { unless } from "./refusal.ts";

/** `devices`: the underlay devices, on which protected packets leave. */
export function findDeviceHazards(
  socket: NetlinkSocket,
  query: Pick<HazardQuery, "peers" | "locksEverybody">,
): { readonly hazards: readonly Hazard[]; readonly devices: readonly string[] } {
  const links = socket.dump(dumpLinks());
  const towards = new Set(query.peers.map((peer) => outputInterface(socket, peer)));
  const underlay = links.filter((link) => towards.has(link.index) || (query.locksEverybody && carriesTraffic(link)));
  const devices = underlay.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const hazards = ["all", ...devices].flatMap((device) => switches.flatMap((each) => switchHazard(device, each)));
  return { hazards, devices };
}

/** The kernel reads them per device; `all` counts for every device. IPv6 has no disable_xfrm. */
const switches = [
  { family: "ipv4", name: "disable_xfrm", effect: "packets leave it in clear whatever the policies say" },
  {
    family: "ipv4",
    name: "disable_policy",
    effect: "packets that arrive in clear are taken whatever the policies say",
  },
  {
    family: "ipv6",
    name: "disable_policy",
    effect: "packets that arrive in clear are taken whatever the policies say",
  },
] as const;

function switchHazard(device: string, { family, name, effect }: (typeof switches)[number]): Hazard[] {
  if (readSwitch(`/proc/sys/net/${family}/conf/${device}/${name}`) !== 1) return [];
  // A dot in a device's name is a slash in sysctl's notation.
  const key = `net.${family}.conf.${device.replaceAll(".", "/")}.${name}`;
  const where = device === "all" ? "every device" : `device ${device}`;
  return [
    {
      kind: name,
      device,
      detail: `${key}=1`,
      sentence: `${key} is 1, so on ${where} ${effect}`,
      remedy: `sysctl -w ${key}=0`,
    },
  ];
}

/** Undefined where the kernel has no such setting. */
function readSwitch(path: string): number | undefined {
  try {
    return Number(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function outputInterface(socket: NetlinkSocket, peer: string): number | undefined {
  return unless(["ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"], () =>
    socket.request(getRoute({ destination: peer })),
  )?.outputInterface;
}

function carriesTraffic({ flags }: Link): boolean {
  return (flags & LINK_FLAG.up) !== 0 && (flags & LINK_FLAG.loopback) === 0;
}
