/** IKE_AUTH as responder (RFC 7296 1.2): who it is, the proof, the first Child SA. */
import { leadsTo } from "../../credentials/leads-to.ts";
import { allowsSuite, formatSuite } from "../../negotiate/allowed-suite.ts";
import { identityFromWire } from "../../negotiate/identity.ts";
import { formatOffer } from "../../negotiate/proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import { authenticates, type PeerDesired } from "../../sa/desired.ts";
import type { Path } from "../../sa/path.ts";
import { needsIkev1 } from "../../sa/remote-access.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { sentCertificates } from "../auth/peer-signature.ts";
import { AuthRounds } from "../auth/rounds.ts";
import { answeredCapabilities, takeCapabilities } from "../capabilities.ts";
import { answerChild } from "../child-responder.ts";
import type { IkeSa } from "../ike-sa.ts";
import { supportPayloads, takeSupport } from "../mobike.ts";
import { find, findNotify, notify } from "../payloads.ts";
import { authLifetimePayloads, beginAuthentication } from "../reauthentication.ts";
import { redirectPayload } from "../redirect.ts";
import { ResumedRounds } from "../resumption/resumed-rounds.ts";
import { type AuthAttempt, type Handshake, wipeHandshake } from "../state.ts";

const type = exchangeType.IKE_AUTH;

/** Verifies the initiator, proves ourselves, round by round, and answers the Child SA that it asks for, if any (RFC 6023). */
export function answerAuth(sa: IkeSa, payloads: readonly Payload[], path: Path): void {
  const { state } = sa;
  if (state.kind !== "ExpectAuthRequest") return;
  const { handshake } = state;
  const attempt = state.attempt ?? begin(sa, handshake, payloads, path);
  if ("reason" in attempt) return refuse(sa, handshake, attempt);
  const { peer, rounds } = attempt;
  sa.state = { ...state, attempt };
  rounds.verify(payloads, (reason) => {
    if (sa.state.kind !== "ExpectAuthRequest") return;
    if (reason !== undefined) return refuse(sa, handshake, { reason, claimed: peer });
    rounds.prove((proven) => {
      if (sa.state.kind !== "ExpectAuthRequest") return;
      if ("reason" in proven) return refuse(sa, handshake, { reason: proven.reason, claimed: peer });
      const proof = proven.payloads;
      if (!rounds.isOver) return sa.respond(type, proof);
      const unwelcome = usedBefore(sa, handshake) ?? sa.host.unwelcome(peer, rounds.remoteId, path);
      if (unwelcome !== undefined) return refuse(sa, handshake, { reason: unwelcome, claimed: peer });
      const settings = [...answeredCapabilities(sa, attempt, handshake), ...authLifetimePayloads(peer.reauth)];
      finish(sa, handshake, attempt, [...proof, ...settings], path);
    });
  });
}

/** RFC 5723 4.3.1: a ticket serves once, and has served when both ends have proved that it is theirs. */
function usedBefore(sa: IkeSa, { resumed }: Handshake): Reason | undefined {
  if (resumed?.ticket === undefined || sa.host.tickets.use(resumed.ticket, sa.host.now())) return undefined;
  return { code: "protocol-violation", exchange: "IKE_AUTH", fault: "the ticket has served before" };
}

interface Refusal {
  readonly reason: Reason;
  /** Which peer it claimed to be. */
  readonly claimed?: PeerDesired;
}

/** Which peer the first request's identities belong to, before anything is proved. */
function begin(sa: IkeSa, handshake: Handshake, payloads: readonly Payload[], path: Path): AuthAttempt | Refusal {
  const idi = find(payloads, "IDi");
  if (idi === undefined) {
    return { reason: { code: "protocol-violation", exchange: "IKE_AUTH", fault: "IDi is missing" } };
  }
  if (handshake.resumed !== undefined) return beginResumed(sa, handshake, handshake.resumed, payloads);
  const idr = find(payloads, "IDr");
  const selected = sa.host.selectPeer({
    path,
    remoteId: identityFromWire(idi.idType, idi.data),
    localId: idr === undefined ? undefined : identityFromWire(idr.idType, idr.data),
    method: find(payloads, "AUTH")?.method,
    leadsTo: leadsTo(sentCertificates(payloads)),
    rejects: needsIkev1,
  });
  if ("reason" in selected) return selected;
  const { peer } = selected;
  const reason = obstacle(sa, peer, handshake, payloads);
  if (reason !== undefined) return { reason, claimed: peer };
  return { peer, rounds: new AuthRounds(sa, peer, handshake), request: payloads };
}

/** RFC 5723 4.3.3: who it is stands in the ticket. */
function beginResumed(
  sa: IkeSa,
  handshake: Handshake,
  { peer, remoteId }: NonNullable<Handshake["resumed"]>,
  request: readonly Payload[],
): AuthAttempt | Refusal {
  if (!handshake.childless && find(request, "SA") === undefined)
    return { reason: { code: "childless-refused", by: "us" }, claimed: peer };
  return { peer, rounds: new ResumedRounds(sa, handshake, peer.localId, remoteId), request };
}

/** What keeps this peer from an IKE SA whatever it proves. */
function obstacle(
  sa: IkeSa,
  peer: PeerDesired,
  handshake: Handshake,
  payloads: readonly Payload[],
): Reason | undefined {
  const suite = sa.keying?.suite;
  if (suite === undefined) return { code: "protocol-violation", exchange: "IKE_AUTH", fault: "no keys" };
  const policy = { protocol: "ike", ours: peer.ike, withKe: true } as const;
  if (!allowsSuite(policy, suite)) {
    // The suite was chosen before the identity was known, for another peer at the same address.
    const theirs = [formatSuite(suite)];
    const ours = formatOffer(policy);
    return { code: "no-common-proposal", protocol: "ike", ours, theirs, difference: undefined };
  }
  // RFC 6023 3: as if it were not known here.
  if (!handshake.childless && find(payloads, "SA") === undefined) return { code: "childless-refused", by: "us" };
  const { local, remote } = peer.auth;
  const several = Math.max(local.length, remote.length) > 1;
  if (several && findNotify(payloads, notifyType.MULTIPLE_AUTH_SUPPORTED) === undefined)
    return { code: "extension-missing", extension: "MULTIPLE_AUTH_SUPPORTED" };
  return undefined;
}

function refuse(sa: IkeSa, handshake: Handshake, { reason, claimed }: Refusal): void {
  // RFC 7296 2.21.2: one answer for every cause; which it was stays here.
  const broken = reason.code === "protocol-violation" || reason.code === "childless-refused";
  sa.respond(type, [notify(broken ? notifyType.INVALID_SYNTAX : notifyType.AUTHENTICATION_FAILED)]);
  wipeHandshake(handshake);
  // Of several peers at one address, the one that it claimed to be is told of.
  sa.peer = claimed;
  if (claimed !== undefined) sa.host.refused([claimed], reason);
  sa.end(reason);
}

function finish(sa: IkeSa, handshake: Handshake, attempt: AuthAttempt, proof: readonly Payload[], path: Path): void {
  const { peer, rounds, request } = attempt;
  wipeHandshake(handshake);
  sa.peer = peer;
  sa.remoteId = rounds.remoteId;
  // RFC 7296 2.23: an initiator behind a NAT has moved to port 4500, and perhaps to another address.
  sa.path = path;
  if (sa.fragmentSize > 0) sa.fragmentSize = peer.messages.fragmentSize;
  takeSupport(sa, request);
  if (sa.nat.local) sa.host.learnAbilities();
  sa.establish();
  beginAuthentication(sa, handshake, attempt.rounds);
  takeCapabilities(sa, peer, request);
  // RFC 7619 2.3: nobody's word for it is enough to give up what stands.
  const initialContact = authenticates(peer) && findNotify(request, notifyType.INITIAL_CONTACT) !== undefined;
  sa.host.established(sa, initialContact);
  const said = sa.mobike === undefined ? proof : [...proof, ...supportPayloads(sa)];
  // RFC 5685 6: both have proved who they are, and there will be no Child SA here.
  const elsewhere = sa.host.elsewhere(sa, peer);
  if (elsewhere !== undefined) return sa.respond(type, [...said, redirectPayload(elsewhere)]);
  if (find(request, "SA") === undefined) return sa.respond(type, said);
  // The operator wants the peer down: it learns so at once, and no Child SA comes to be meanwhile.
  if (sa.state.kind !== "Established") return sa.respond(type, [...said, notify(notifyType.TEMPORARY_FAILURE)]);
  const candidates = sa.host.childCandidates(peer);
  const child = { peer, candidates, payloads: request, ni: handshake.ni, nr: handshake.nr, withKe: false };
  answerChild(sa, child, (answer) => {
    sa.respond(type, [...said, ...answer.payloads]);
    if (answer.child !== undefined) sa.children.add(answer.child);
  });
}
