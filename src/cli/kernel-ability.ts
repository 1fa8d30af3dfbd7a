/** Whether this kernel can do what the desired state asks for. */
import type { Warning } from "../daemon/warning.ts";
import { findLacks, type Lack } from "../kernel/xfrm/capabilities.ts";
import type { NeededSa } from "../kernel/xfrm/probe-sa.ts";
import { type Family, familyOf } from "../negotiate/address.ts";
import { alternatives, type ProposalList } from "../negotiate/alternatives.ts";
import type { ChildDesired, DesiredState, PeerDesired } from "../sa/desired.ts";

/** What keeps the file from running, and what only makes proposals shorter than they look. */
export interface KernelAbility {
  readonly inability: readonly string[];
  readonly warnings: readonly Warning[];
}

/** Tries what the children's proposals need; nothing is left behind in the kernel. */
export function kernelAbility(
  desired: DesiredState,
  find: (needs: readonly NeededSa[]) => readonly Lack[] = findLacks,
): KernelAbility {
  const children = desired.peers.flatMap((peer) =>
    peer.children.flatMap((child) => needsOf(peer, child).map((needs) => ({ peer, needs, child }))),
  );
  const needs = new Map(children.flatMap((each) => each.needs.map((need) => [keyOf(need), need] as const)));
  const lacks = find([...needs.values()]);
  const fatal = lacks.filter(({ kind, need }) => need === undefined || kind === "no-protocol");
  const lacking = new Map(lacks.flatMap(({ need, sentence }) => (need === undefined ? [] : [[keyOf(need), sentence]])));
  const inability = new Set(fatal.map(({ sentence }) => sentence));
  const warnings = new Map<string, Warning>();
  for (const { peer, child, needs: own } of children) {
    const missing = own.flatMap((need) => lacking.get(keyOf(need)) ?? []);
    if (fatal.length > 0 || missing.length === 0) continue;
    if (missing.length === own.length) {
      inability.add(`${peer.name} / ${child.name}: none of its proposals is possible here`);
      for (const sentence of missing) inability.add(sentence);
    } else {
      for (const sentence of missing) warnings.set(sentence, { kind: "kernel", code: "no-algorithm", sentence });
    }
  }
  return { inability: [...inability], warnings: [...warnings.values()] };
}

/**
 * One kind of SA for each choice that a peer could make among what is offered of the child's proposals; where AH stands
 * around ESP, for each of the two.
 */
function needsOf(peer: PeerDesired, { protocol, proposals, ah }: ChildDesired): NeededSa[][] {
  const family = familyTowards(peer);
  const own = choices({ protocol, ours: proposals, withKe: false, isInAh: ah !== undefined }, family);
  return ah === undefined ? [own] : [own, choices({ protocol: "ah", ours: ah, withKe: false }, family)];
}

function choices(list: ProposalList & { readonly protocol: "esp" | "ah" }, family: Family): NeededSa[] {
  const { protocol } = list;
  return alternatives(list).flatMap(({ rows: { ENCR, INTEG } }): NeededSa[] => {
    if (ENCR.length === 0) return INTEG.map((integ) => ({ protocol, family, integ }));
    if (INTEG.length === 0) return ENCR.map((encr) => ({ protocol, family, encr }));
    return ENCR.flatMap((encr) => INTEG.map((integ) => ({ protocol, family, encr, integ })));
  });
}

/** Where neither end's address is known yet, IPv4: it is what every kernel has. */
function familyTowards({ remote, local }: PeerDesired): Family {
  const address = local ?? (remote === "any" ? undefined : remote[0]);
  return address === undefined ? 4 : familyOf(address);
}

function keyOf({ protocol, family, encr, integ }: NeededSa): string {
  return [protocol, family, encr?.keyword, integ?.keyword].join(" ");
}
