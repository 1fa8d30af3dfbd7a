/** What this host makes of a desired state: what its kernel cannot do, and what would defeat the locks. */
import type { Warning } from "../daemon/warning.ts";
import { childSelectors } from "../engine/policies.ts";
import { type HazardQuery, findHazards as lookAtHost } from "../kernel/xfrm/hazards.ts";
import type { ReadNatTools } from "../kernel/xfrm/nat-tools.ts";
import type { Prefix } from "../negotiate/address.ts";
import { ipProtocol, type Selector } from "../negotiate/selector.ts";
import type { DesiredState } from "../sa/desired.ts";
import { kernelAbility } from "./kernel-ability.ts";

export interface HostFindings {
  /** Sentences; where there is one, the daemon does not start. */
  readonly inability: readonly string[];
  readonly hazards: readonly Warning[];
}

/** Asks the kernel and the host; changes nothing. */
export async function askHost(desired: DesiredState): Promise<HostFindings> {
  const { inability, warnings } = kernelAbility(desired);
  return { inability, hazards: [...warnings, ...(await findHazards(desired))] };
}

/** What on this host would defeat the locks now. Rejects with NetlinkError or SystemCallError where it cannot be looked at. */
export async function findHazards(desired: DesiredState, readNat?: ReadNatTools): Promise<readonly Warning[]> {
  const { hazards } = await lookAtHost(hazardQuery(desired), readNat);
  return hazards.map(({ kind, sentence, remedy }) => ({
    kind: "hazard",
    code: kind,
    sentence: `${sentence}: ${remedy}`,
  }));
}

/** What the hazards are looked for in: everything that is locked, of broken peers too. */
export function hazardQuery(desired: DesiredState): HazardQuery {
  const peers = [...desired.peers, ...(desired.locked ?? [])];
  const children = peers.flatMap((peer) => peer.children.map((child) => ({ peer, child })));
  const { locks } = desired.local;
  const ports = new Map<number, boolean>();
  for (const { child } of children) {
    const { protocol, port } = child.remote;
    if (child.mode === "transport" && protocol === ipProtocol.udp && port !== undefined) ports.set(port, false);
  }
  for (const { protocol, port } of locks) if (protocol === ipProtocol.udp && port !== undefined) ports.set(port, true);
  return {
    peers: [...new Set(peers.flatMap(({ remote }) => (remote === "any" ? [] : remote)))],
    locksEverybody: locks.length > 0,
    tunnels: children.flatMap(({ peer, child }) => (child.mode === "tunnel" ? childSelectors(peer, child) : [])),
    own: children.flatMap(({ peer, child }) =>
      child.mode === "transport" ? ownPackets(childSelectors(peer, child), locks) : [],
    ),
    vxlan: [...ports].map(([port, locked]) => ({ port, locked })),
  };
}

/** What has one address of ours as its source: what has any is in the policies whatever is made of it. VXLAN's answers are VXLAN too. */
function ownPackets(selectors: readonly Selector[], locks: DesiredState["local"]["locks"]): HazardQuery["own"] {
  return selectors
    .filter(({ source, sourcePort }) => source.length === hostLength(source) && sourcePort === undefined)
    .map((selector) => ({
      selector,
      locked: locks.some(
        ({ protocol, port }) =>
          protocol === selector.protocol && (port === undefined || port === selector.destinationPort),
      ),
    }));
}

function hostLength({ address }: Prefix): number {
  return address.includes(":") ? 128 : 32;
}
