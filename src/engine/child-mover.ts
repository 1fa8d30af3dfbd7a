/** Child SAs that go where their IKE SA went: to other addresses or UDP ports, without a gap (RFC 7296 2.23, RFC 4555 3.5). */

import type { KernelRequest, SaId, SaMove } from "../kernel/port.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import {
  type ChildEnds,
  type ChildSa,
  inboundEnds,
  inboundId,
  isBetween,
  outboundEnds,
  outboundId,
  protocolOf,
} from "../sa/child-sa.ts";
import { ChildRecord } from "./child-record.ts";
import type { Parts } from "./parts.ts";

interface Moving {
  readonly sa: AnyIkeSa;
  readonly child: ChildSa;
}

/**
 * Moves `child`, and whatever of the same child travels between the same ends: the kernel finds SAs by reqid and
 * addresses. Where it refuses, all of them go, under whichever ends they stand, and are negotiated anew.
 */
export function moveChild(parts: Parts, sa: AnyIkeSa, child: ChildSa, ends: ChildEnds): void {
  const peer = parts.running.peerByReqid(child.reqid);
  const from: ChildEnds = { local: child.local, remote: child.remote, encapsulation: child.encapsulation };
  const group = [...(peer?.sas ?? [sa])].flatMap((owner) => movingOn(owner, child, from)).reverse();
  const before = group.flatMap(standingIds);
  const record = peer?.children.get(child.desired.name) ?? new ChildRecord(child.desired, child.reqid, parts.now);
  const policies = parts.policies.move(
    group.map((one) => one.child),
    () => {
      for (const one of group) record.move(one.child, ends);
    },
  );
  for (const one of group) one.sa.children.redirect(one.child);
  const common = { protocol: protocolOf(child), mode: child.mode, reqid: child.reqid };
  const inbound: SaMove = {
    ...common,
    direction: "in",
    from: inboundEnds(from),
    to: inboundEnds(ends),
    spis: group.map((one) => one.child.spiIn),
    policies: policies.filter(({ direction }) => direction !== "out"),
  };
  const outbound: SaMove = {
    ...common,
    direction: "out",
    from: outboundEnds(from),
    to: outboundEnds(ends),
    spis: group.filter((one) => one.sa.children.hasOutbound(one.child)).map((one) => one.child.spiOut),
    policies: policies.filter(({ direction }) => direction === "out"),
  };
  // What is still open for one of these policies would put the old ends back.
  for (const policy of policies) parts.repairs.supersede({ kind: "setPolicy", policy });
  const requests: KernelRequest[] = [inbound, outbound].map((move) => ({ kind: "migrate", move }));
  parts.outbox.kernel(requests, (answers) => {
    const last = answers.at(-1);
    if (last?.kind === "refused") return strand(parts, group, before, last.refusal);
    for (const one of group) parts.routes.moved(one.child);
  });
}

/** Its Child SAs of the same child between these ends, oldest first. */
function movingOn(sa: AnyIkeSa, like: ChildSa, ends: ChildEnds): Moving[] {
  return [...sa.children.values()]
    .filter((child) => child.reqid === like.reqid && child.mode === like.mode && isBetween(child, ends))
    .map((child) => ({ sa, child }));
}

function standingIds({ sa, child }: Moving): SaId[] {
  return sa.children.hasOutbound(child) ? [inboundId(child), outboundId(child)] : [inboundId(child)];
}

/** Some may have moved and some not: both places are cleared. */
function strand(
  parts: Parts,
  group: readonly Moving[],
  before: readonly SaId[],
  refusal: { readonly errno: string; readonly said: string },
): void {
  const obstacle = `the kernel said ${refusal.errno}${refusal.said === "" ? "" : `: ${refusal.said}`}`;
  for (const { sa, child } of group) {
    if (sa.children.get(child.spiIn) === child) sa.children.strand(child, obstacle);
  }
  for (const id of before) parts.repairs.insist({ kind: "deleteSa", sa: id });
}
