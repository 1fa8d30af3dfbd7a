/** Reasons in plain English, for the log and `status`: both values where both are known, and what the operator can do. */
import type { CandidateRejection, ProposalDifference, ProposalText, Reason, Unbelieved } from "./reason.ts";
import { describeSignature } from "./signature-reason-text.ts";

/** One line, one or two sentences without a full stop at the end; never a secret's octets, and never a line break. */
export function describeReason(reason: Reason): string {
  return oneLine(sentence(reason));
}

function sentence(reason: Reason): string {
  switch (reason.code) {
    case "no-common-proposal":
      return (
        `no common ${protocolLabel(reason.protocol)} proposal: we want ${proposals(reason.ours)}, ` +
        `the peer offers ${proposals(reason.theirs)}${difference(reason.difference)}`
      );
    case "peer-refused-proposal":
      return (
        `the peer refused every ${protocolLabel(reason.protocol)} proposal (NO_PROPOSAL_CHOSEN) and does not say what it ` +
        `wants; we sent ${proposals(reason.sent)}; compare with the peer's configuration`
      );
    case "proposal-not-offered":
      return (
        `the peer answered with an ${protocolLabel(reason.protocol)} proposal that we did not offer: we sent ` +
        `${proposals(reason.sent)}, the peer answered ${proposals(reason.answer)}; the peer breaks RFC 7296 3.3.6`
      );
    case "selectors-do-not-fit":
      return (
        `the traffic selectors do not fit: we have ${list(reason.ours, "none")}, the peer ` +
        `has ${list(reason.theirs, "none")}; ${reason.difference}`
      );
    case "peer-refused-selectors":
      return (
        `the peer refused the traffic selectors (TS_UNACCEPTABLE) and does not say what it wants; we sent ` +
        `${list(reason.sent, "none")}; compare with what the peer protects`
      );
    case "mode-mismatch":
      return `${reason.child}: we want ${reason.ours} mode, the peer wants ${reason.theirs} mode; both ends must use the same mode`;
    case "wrong-secret":
      return (
        `${reason.identity} does not prove itself with our secret ${quoted(reason.secret)}; both ends must hold the ` +
        `same secret for this pair of identities`
      );
    case "peer-refused-authentication":
      return (
        `the peer refused our authentication (AUTHENTICATION_FAILED); we sent the identity ${reason.sentIdentity} and ` +
        `used ${reason.proof}; check both at the peer${doubts(reason.doubts)}`
      );
    case "certificate-unreadable":
    case "certificate-refused":
    case "identity-not-in-certificate":
    case "unknown-key":
    case "wrong-signature":
    case "signature-not-allowed":
    case "no-common-signature":
      return describeSignature(reason);
    case "login-failed":
      return `${quoted(reason.user)} could not log in from ${reason.remote}: ${loginFailure[reason.why]}`;
    case "peer-refused-login":
      if (reason.asked !== undefined)
        return `the peer asks for ${reason.asked} to log in (XAuth), and we have a name and a password: have it ask for these`;
      return (
        `the peer does not take our name ${quoted(reason.user)} with our password (XAuth)` +
        `${reason.said === undefined ? "" : `; it says ${quoted(reason.said)}`}; check xauth here and the user at the peer`
      );
    case "inner-address-unusable":
      return (
        `the peer gave ${reason.given === undefined ? "us no address inside" : `us ${reason.given} as our address inside`} ` +
        `(mode config), and our lines have ${list(reason.wanted, "no tunnel")}; the peer must have a pool inside them, and ` +
        `hand its addresses out in the way that our section waits for`
      );
    case "pool-exhausted":
      return `every address of ${reason.pool} is given to a caller: make the pool larger, or wait until one leaves`;
    case "wrong-auth-rounds":
      return (
        `${reason.identity} proves itself in ${reason.seen > reason.wanted ? "more rounds" : count(reason.seen, "round")}, ` +
        `its section asks for ${count(reason.wanted, "round")}; both ends must name the same (RFC 4739)`
      );
    case "extension-missing":
      return (
        `the peer does not support several rounds of authentication (${reason.extension}, RFC 4739), and its section ` +
        `asks for them`
      );
    case "unauthenticated-overlap":
      return (
        `${reason.child}: the peer proves nothing, and asks for ${reason.wanted}, which ${reason.owner} protects for a ` +
        `peer that does`
      );
    case "unauthenticated-limit":
      return (
        `${reason.limit} IKE SAs with callers that prove nothing stand already, ` +
        `${reason.of === "address" ? `all from ${reason.remote}` : `and ${reason.remote} asks for one more`}`
      );
    case "childless-refused":
      return childlessText[reason.by];
    case "wrong-auth-method":
      return `${reason.identity} proves itself by ${reason.seen}, its section asks for ${reason.wanted}`;
    case "wrong-identity":
      return (
        `the peer claims the identity ${reason.seen}, we expect ${reason.wanted}; set the peer's id here, or the ` +
        `identity there`
      );
    case "unknown-peer":
      return unknownPeer(reason);
    case "no-answer":
      if (reason.unbelieved !== undefined) return unbelieved(reason, reason.unbelieved);
      return (
        `no answer from ${reason.remote} to ${reason.exchange}: sent ${count(reason.attempts, "time")} in ` +
        `${count(reason.seconds, "second")}; is the peer up, and are UDP 500 and 4500 open to it?`
      );
    case "send-failed":
      return `the host's network stack refused to send to ${reason.remote}: ${reason.errno}; check the route and the firewall`;
    case "kernel-refused":
      return `the kernel refused ${reason.request}: ${reason.errno}${reason.said === "" ? "" : ` (${reason.said})`}`;
    case "key-exchange-not-offered":
      return (
        `the peer asks for the key exchange ${reason.wanted}, which we did not offer; we sent ` +
        `${list(reason.sent, "none")}; add it to our proposals if it is strong enough`
      );
    case "invalid-public-value":
      return `the peer's public value for ${reason.method} is invalid: ${reason.fault}; an attack, or a defect of the peer`;
    case "too-many-restarts":
      return (
        `the peer made us start again ${count(reason.restarts, "time")}, asking for cookies or another key exchange; ` +
        `we gave up`
      );
    case "invalid-syntax":
      return `the peer's ${reason.exchange} message is malformed: ${reason.fault}`;
    case "protocol-violation":
      return `the peer's ${reason.exchange} message breaks the protocol: ${reason.fault}`;
    case "unsupported-critical-payload":
      return `the peer's message has a critical payload of type ${reason.payload}, which is not known here`;
    case "peer-error":
      return `the peer answered ${reason.exchange} with the error ${reason.notify}; its log says why`;
    case "ikev1-alone":
      return `${reason.child}: esp and ah together can be agreed on with IKEv1 alone, and the peer called with IKEv2; have it call with IKEv1, or take one out at both ends`;
    case "nat-forbids-ah":
      return `${reason.child}: there is a NAT between the ends, and AH cannot pass one; use ESP`;
    case "nat-forbids-transport":
      return (
        `${reason.child}: another host behind the NAT ${reason.remote} has it in transport mode already, and packets for ` +
        `the two cannot be told apart; use a tunnel`
      );
    case "address-changed":
      return (
        `${reason.child}: the way to the peer changed to ${reason.to}, and its SAs could not follow (${reason.obstacle}); ` +
        `it is negotiated anew`
      );
    case "peer-lost-state":
      return "the peer restarted and lost the IKE SA, as its token proves (RFC 6290)";
    case "peer-deleted":
      return `the peer deleted the ${reason.what}`;
    case "replaced":
      return "another IKE SA with the same peer took its place";
    case "already-connected":
      return `${reason.identity} is connected from ${reason.from} already, and its section says unique: keep`;
    case "lifetime-over":
      return `the ${reason.what} reached its hard lifetime`;
    case "redirected":
      return `the called gateway sent the caller to ${reason.to} (RFC 5685)`;
    case "redirect-refused":
      return `the peer would send us to ${reason.to}: ${redirectText[reason.why]}`;
    case "authentication-expired":
      return "the peer did not prove again in time who it is, and reauth says that it must (RFC 4478)";
    case "idle":
      return `${reason.child} carried no packet for ${reason.seconds} s, and its line says on-demand with that idle time; the next packet brings it back`;
    case "sa-vanished":
      return (
        `the SA with SPI ${reason.spi.toString(16).padStart(8, "0")} vanished from the kernel; somebody else deleted ` +
        `it (look for ip xfrm flush or another IKE daemon)`
      );
    case "operator":
      return operatorText[reason.action];
  }
}

const redirectText = {
  forbidden: "redirect.follow says no",
  unlisted: "that is no other of its addresses; add it to remote if you trust it with this tunnel",
  loop: "it has done so 5 times within 5 minutes; two gateways may be sending us to each other",
} as const;

const childlessText = {
  us: "the IKE_AUTH asks for no Child SA, and childless: never forbids that (RFC 6023)",
  peer: "there is no Child SA to ask for now, and the peer takes no IKE_AUTH without one (RFC 6023)",
} as const;

const operatorText = {
  down: "taken down by the operator; underlock up brings it back",
  removed: "removed from the configuration",
  stopped: "the daemon was told to stop",
} as const;

function unknownPeer(reason: Extract<Reason, { code: "unknown-peer" }>): string {
  const identity = reason.identity === undefined ? "" : ` with the identity ${reason.identity}`;
  const who = `no configured peer fits ${reason.remote}${identity}, which called ${reason.local}`;
  if (reason.rejected.length === 0) return `${who}; no peer is configured`;
  return `${who}; tried ${shortened(reason.rejected.map(rejection), "; ")}`;
}

function rejection({ peer, field, wanted, seen }: CandidateRejection): string {
  return `${peer} (its ${field} is ${wanted}, seen ${seen})`;
}

/** The peer is there, and its ports are open: something about the proof is wrong, which it alone knows. */
function unbelieved(
  { exchange, remote, attempts, seconds }: Extract<Reason, { code: "no-answer" }>,
  { sentIdentity, proof, said }: Unbelieved,
): string {
  const clear = said === undefined ? "" : `; ${said} came in clear meanwhile, which anybody can send`;
  return (
    `no answer from ${remote} to our proof in ${exchange}: sent ${count(attempts, "time")} in ${count(seconds, "second")}, and ` +
    `what came before was answered; we sent the identity ${sentIdentity} and used ${proof}, and one of them may differ from ` +
    `what the peer has: its log says which${clear}`
  );
}

/** `first difference: encryption (ours aes256gcm16, theirs aes128)`. */
function difference(first: ProposalDifference | undefined): string {
  if (first === undefined) return "";
  const { transformType, oursOfType, theirsOfType, ours, theirs } = first;
  const what = transformLabels[transformType] ?? transformType;
  const values = `ours ${list(oursOfType, "none")}, theirs ${list(theirsOfType, "none")}`;
  return `; first difference: ${what} (${values}) between ${ours} and ${theirs}`;
}

const transformLabels: Readonly<Record<string, string>> = {
  ENCR: "encryption",
  INTEG: "integrity",
  PRF: "PRF",
  KE: "key exchange",
  ESN: "extended sequence numbers",
  protocol: "protocol",
};

function doubts(sentences: readonly string[] | undefined): string {
  return sentences === undefined || sentences.length === 0 ? "" : `. It may have disliked: ${sentences.join("; ")}`;
}

function protocolLabel(protocol: "ike" | "esp" | "ah"): string {
  return protocol.toUpperCase();
}

function proposals(texts: readonly ProposalText[]): string {
  return list(texts, "nothing");
}

function list(texts: readonly string[], none: string): string {
  return texts.length === 0 ? none : shortened(texts, ", ");
}

/** A peer may offer dozens; a line that nobody can read helps nobody. The reason itself holds them all. */
function shortened(texts: readonly string[], separator: string): string {
  if (texts.length <= maximumShown) return texts.join(separator);
  return `${texts.slice(0, maximumShown).join(separator)} and ${texts.length - maximumShown} more`;
}

function count(number: number, unit: string): string {
  return `${number} ${unit}${number === 1 ? "" : "s"}`;
}

function quoted(name: string): string {
  return `"${name}"`;
}

/** A peer's words may hold anything; a line break in the log would forge a line. */
function oneLine(text: string): string {
  return text.replace(controlCharacters, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

const controlCharacters = /[\p{Cc}\u2028\u2029]/gu;

const maximumShown = 8;

const loginFailure: Readonly<Record<Extract<Reason, { code: "login-failed" }>["why"], string>> = {
  "unknown-user": "nobody of that name is among the users of xauth",
  "wrong-password": "the password is another one than that of xauth",
  "no-password": "no password came, or none could be given there",
  "too-many-failures": "too many wrong passwords came from there within a minute, so this one was not looked at",
};
