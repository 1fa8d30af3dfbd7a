/** CREATE_CHILD_SA as responder, for a new IKE SA in place of the one it came on (RFC 7296 1.3.2, 2.18). */
import type { DesiredProposal } from "../../negotiate/alternatives.ts";
import { chooseProposal } from "../../negotiate/proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import type { Proposal } from "../../wire/ikev2/payloads/sa.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { nonceLength } from "../constants.ts";
import type { IkeSa } from "../ike-sa.ts";
import { find, ikeSpiNumber, ikeSpiOctets, notify } from "../payloads.ts";
import { notifyOf } from "../reason-notify.ts";
import { endedBySyntax } from "../refuse-request.ts";
import { withPrf } from "../successor-proposals.ts";

const type = exchangeType.CREATE_CHILD_SA;
const exchange = "CREATE_CHILD_SA";

/** Answers the peer's wish for a successor of an established IKE SA. */
export function answerIkeRekey(sa: IkeSa, peer: PeerDesired, payloads: readonly Payload[]): void {
  const { host, succession } = sa;
  const refuse = (reason: Reason): void => {
    host.rekeyFailed(sa, reason);
    const payloads = [notify(notifyOf(reason))];
    sa.respond(type, payloads);
    endedBySyntax(sa, "ours", type, payloads);
  };
  const ke = find(payloads, "KE");
  const nonce = find(payloads, "Nonce");
  // RFC 7296 1.3.2: the key exchange is not optional here.
  if (ke === undefined || nonce === undefined) {
    return refuse({ code: "protocol-violation", exchange, fault: "KE or Nonce is missing" });
  }
  const localSpi = host.freshSpi();
  const choice = choose(sa, peer, find(payloads, "SA")?.proposals ?? [], ke.group, ikeSpiOctets(localSpi));
  if (!choice.ok) return refuse(choice.reason);
  const { suite, answer } = choice;
  const remoteSpi = ikeSpiNumber(choice.peerSpi);
  if (remoteSpi === undefined)
    return refuse({ code: "protocol-violation", exchange, fault: "the SPI is not 8 octets" });
  if (ke.group !== suite.ke.ikev2) {
    const group = Uint8Array.of(suite.ke.ikev2 >> 8, suite.ke.ikev2 & 0xff);
    return sa.respond(type, [notify(notifyType.INVALID_KE_PAYLOAD, group)]);
  }
  // RFC 7296 2.25.1, 2.25.2: not while a Child SA is being made, replaced or closed, nor when it has been replaced.
  if (sa.children.exchanges.isBusy || !succession.theyAsk())
    return sa.respond(type, [notify(notifyType.TEMPORARY_FAILURE)]);
  const ni = Uint8Array.from(nonce.data);
  const nr = host.random(nonceLength);
  host.compute(sa, { kind: "respond", method: suite.ke, peerPublic: Uint8Array.from(ke.data) }, (result) => {
    if (result.kind !== "shared") {
      succession.theyFailed();
      const fault = result.kind === "invalid" ? result.fault : "no shared secret";
      return refuse({ code: "invalid-public-value", method: suite.ke.keyword, fault });
    }
    const { secret } = result;
    const stands = sa.state.kind === "Established";
    const terms = { role: "responder", localSpi, remoteSpi, suite, secret, ni, nr } as const;
    const successor = stands ? succession.make(terms) : undefined;
    if (successor === undefined) {
      // It is being closed meanwhile.
      succession.theyFailed();
      return sa.respond(type, [notify(notifyType.TEMPORARY_FAILURE)]);
    }
    sa.respond(type, [
      { kind: "SA", proposals: [answer] },
      { kind: "Nonce", data: nr },
      { kind: "KE", group: suite.ke.ikev2, data: result.publicValue },
    ]);
    succession.theyMade(successor);
  });
}

/** What has the old IKE SA's PRF goes before what we would rather have. */
function choose(sa: IkeSa, peer: PeerDesired, theirs: readonly Proposal[], keReceived: number, spi: Uint8Array) {
  const before = sa.keying?.suite.prf;
  const among = (ours: readonly DesiredProposal[]) =>
    chooseProposal({ protocol: "ike", ours, withKe: true }, theirs, { keReceived, spi });
  const same = before === undefined ? undefined : among(withPrf(peer.ike, before));
  return same?.ok ? same : among(peer.ike);
}
