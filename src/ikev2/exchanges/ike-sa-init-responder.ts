/** IKE_SA_INIT as responder (RFC 7296 1.2). Until a request has passed every check here, it has cost no state. */
import { chooseProposal } from "../../negotiate/proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import type { Path } from "../../sa/path.ts";
import { flag } from "../../wire/ikev2/header.ts";
import { encodeMessage, type Message, unsupportedCritical } from "../../wire/ikev2/message.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { hashPayloads, requestPayloads } from "../auth/announce.ts";
import { firstWishes } from "../auth/wishes.ts";
import { halfOpenTime, nonceLength } from "../constants.ts";
import type { Host } from "../host.ts";
import { IkeSa } from "../ike-sa.ts";
import { deriveTicketKeying } from "../keying.ts";
import { countOf, find, notify } from "../payloads.ts";
import { answerFirst, readFirst } from "./first-response.ts";

/** What became of a request: a half-open SA, or an answer without state, or neither. */
export type InitVerdict =
  | { readonly kind: "opened"; readonly sa: IkeSa }
  | { readonly kind: "refused"; readonly reason: Reason; readonly answer: Buffer }
  | { readonly kind: "turned"; readonly answer: Buffer }
  | { readonly kind: "dropped"; readonly why: string };

/** Answers `message`, whose octets were `octets`, for peers that may be the sender, most likely first. */
export function answerInit(
  host: Host,
  peers: readonly PeerDesired[],
  message: Message,
  octets: Uint8Array,
  path: Path,
  allocateSpi: () => bigint,
): InitVerdict {
  const { header, payloads } = message;
  const critical = unsupportedCritical(payloads);
  if (critical !== undefined) {
    const reason: Reason = { code: "unsupported-critical-payload", payload: critical.type };
    const answer = statelessAnswer(
      message,
      notify(notifyType.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(critical.type)),
    );
    return { kind: "refused", reason, answer };
  }
  const sa1 = find(payloads, "SA");
  const ke = find(payloads, "KE");
  const ni = find(payloads, "Nonce");
  if (sa1 === undefined || ke === undefined || ni === undefined)
    return { kind: "dropped", why: "SA, KE or Nonce is missing" };
  if (countOf(payloads, "SA") > 1 || countOf(payloads, "KE") > 1 || countOf(payloads, "Nonce") > 1) {
    return { kind: "dropped", why: "SA, KE or Nonce stands twice" };
  }
  const choice = choose(peers, sa1.proposals, ke.group);
  if (!choice.ok) {
    return {
      kind: "refused",
      reason: choice.reason,
      answer: statelessAnswer(message, notify(notifyType.NO_PROPOSAL_CHOSEN)),
    };
  }
  const { suite, answer } = choice;
  if (ke.group !== suite.ke.ikev2) {
    // RFC 7296 1.2: the initiator begins anew with the method that was chosen.
    const group = Uint8Array.of(suite.ke.ikev2 >> 8, suite.ke.ikev2 & 0xff);
    return { kind: "turned", answer: statelessAnswer(message, notify(notifyType.INVALID_KE_PAYLOAD, group)) };
  }
  const sa = new IkeSa({
    role: "responder",
    host,
    localSpi: allocateSpi(),
    remoteSpi: header.initiatorSpi,
    path,
    state: { kind: "ExpectInitKeys" },
  });
  host.arm(sa, "half-open", host.now() + halfOpenTime);
  const first = readFirst(message, octets, ni.data, path, peers);
  // RFC 7427 4: to whoever says nothing of it, nothing is said; then the older methods are used.
  const wishes = firstWishes(payloads);
  const announced = [...(wishes.hashes === undefined ? [] : hashPayloads(peers)), ...requestPayloads(peers)];
  host.compute(sa, { kind: "respond", method: suite.ke, peerPublic: Uint8Array.from(ke.data) }, (result) => {
    if (result.kind !== "shared") {
      const fault = result.kind === "invalid" ? result.fault : "no shared secret";
      host.send(statelessAnswer(message, notify(notifyType.INVALID_SYNTAX)), path);
      return sa.end({ code: "invalid-public-value", method: suite.ke.keyword, fault });
    }
    const nr = host.random(nonceLength);
    const keys = deriveTicketKeying({
      role: "responder",
      suite,
      secret: result.secret,
      ni: first.ni,
      nr,
      initiatorSpi: header.initiatorSpi,
      responderSpi: sa.localSpi,
      witness: host.keyWitness,
    });
    const own: Payload[] = [
      { kind: "SA", proposals: [answer] },
      { kind: "KE", group: suite.ke.ikev2, data: result.publicValue },
      { kind: "Nonce", data: nr },
      ...announced,
    ];
    answerFirst(sa, first, keys, own, { nr, multipleAuth: true, wishes });
  });
  return { kind: "opened", sa };
}

/** A response in clear, for which nothing is remembered: the responder's SPI is zero. */
export function statelessAnswer(message: Pick<Message, "header">, payload: Payload): Buffer {
  const { header } = message;
  return encodeMessage(
    {
      initiatorSpi: header.initiatorSpi,
      responderSpi: 0n,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: header.exchangeType,
      flags: flag.response,
      messageId: header.messageId,
    },
    [payload],
  );
}

/** The first peer's choice that succeeds, else the first one's reason: which peer it is shows only in IKE_AUTH. */
function choose(peers: readonly PeerDesired[], theirs: Parameters<typeof chooseProposal>[1], keReceived: number) {
  let refusal: ReturnType<typeof chooseProposal<"ike">> | undefined;
  for (const peer of peers) {
    const choice = chooseProposal({ protocol: "ike", ours: peer.ike, withKe: true }, theirs, { keReceived });
    if (choice.ok) return choice;
    refusal ??= choice;
  }
  return refusal ?? chooseProposal({ protocol: "ike", ours: [], withKe: true }, theirs);
}
