import { gatewayText } from "../ikev2/redirect.ts";
import type { KernelRefusal, Policy } from "../kernel/port.ts";
import { formatSuite } from "../negotiate/allowed-suite.ts";
import type { Reason } from "../negotiate/reason.ts";
import { formatSelector } from "../negotiate/selector.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { LockDesired } from "../sa/desired.ts";
import { formatEndpoint } from "../sa/path.ts";
import type { ChildRecord } from "./child-record.ts";
import type { Peer } from "./peer.ts";
import { childLockPolicies, overlayLockPolicies } from "./policies.ts";
import { protectingPolicies } from "./policy-users.ts";
import type { ChildStatus, IkeSaStatus, LockStatus, PeerStatus } from "./status.ts";

/** Whether policies stand in the kernel as they should. */
export type AskPolicies = (policies: Iterable<Policy>) => {
  readonly installed: boolean;
  readonly refusal?: KernelRefusal;
};

/** One lock towards everybody as `status` shows it. */
export function lockStatus(lock: LockDesired, standing: AskPolicies): LockStatus {
  const { installed, refusal } = standing(overlayLockPolicies(lock));
  return { name: lock.name, port: lock.port, installed, ...reasonOf(refusal) };
}

/** One peer as `status` shows it. */
export function peerStatus(peer: Peer, standing: AskPolicies): PeerStatus {
  const { desired, reason } = peer;
  const ikeSas = [...peer.sas].filter((sa) => sa.state.kind === "Established").map(ikeSaStatus);
  return {
    name: desired.name,
    state: peer.state,
    since: peer.since,
    ...(reason === undefined ? {} : { reason }),
    attempts: peer.attempts,
    ...(peer.handover.redirectTo === undefined ? {} : { redirectTo: gatewayText(peer.handover.redirectTo) }),
    localId: desired.localId.text,
    remoteId: desired.remoteId?.text ?? "any",
    ikeSas,
    children: [...peer.children.values()].map((record) => {
      const policies = childLockPolicies(desired, record.desired);
      for (const child of record.sas) policies.push(...protectingPolicies(child));
      const fault = reasonOf(standing(policies).refusal).reason;
      return childStatus(record, fault);
    }),
  };
}

function ikeSaStatus(sa: AnyIkeSa): IkeSaStatus {
  return {
    initiatorSpi: hex(sa.initiatorSpi, 16),
    responderSpi: hex(sa.responderSpi, 16),
    role: sa.role,
    local: formatEndpoint(sa.path.local),
    remote: formatEndpoint(sa.path.remote),
    remoteId: sa.remoteId?.text ?? "",
    proposal: sa.keying === undefined ? "" : formatSuite(sa.keying.suite),
    natLocal: sa.nat.local,
    natRemote: sa.nat.remote,
    since: sa.establishedAt,
  };
}

function reasonOf(refusal: KernelRefusal | undefined): { readonly reason?: Reason } {
  return refusal === undefined ? {} : { reason: { code: "kernel-refused", ...refusal } };
}

function childStatus(record: ChildRecord, policyFault: Reason | undefined): ChildStatus {
  const { desired, reason } = record;
  return {
    name: desired.name,
    line: desired.line,
    state: record.state.kind,
    since: record.since,
    ...(reason === undefined ? {} : { reason }),
    ...(policyFault === undefined ? {} : { policyFault }),
    mode: desired.mode,
    protocol: desired.protocol,
    reqid: record.reqid,
    sas: [...record.sas].map((child) => ({
      proposal: formatSuite(child.suite),
      spiIn: hex(child.spiIn, 8),
      spiOut: hex(child.spiOut, 8),
      selectors: child.selectors.map(formatSelector),
      since: child.since,
    })),
  };
}

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
