/** Main mode as responder, with a pre-shared key (RFC 2409 5.4). Nothing is repeated to where nobody has shown to be. */
import { chooseIsakmp, type IsakmpAnswer } from "../../negotiate/isakmp-proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { isEncapsulated } from "../../sa/nat.ts";
import type { Path } from "../../sa/path.ts";
import type { Header } from "../../wire/ikev1/header.ts";
import { encodeBody } from "../../wire/ikev1/message.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { notifyType } from "../../wire/ikev1/registry/notify.ts";
import { halfOpenTime, nonceLength } from "../constants.ts";
import type { Host } from "../host.ts";
import { IkeV1Sa } from "../ike-v1-sa.ts";
import { deriveIsakmpKeying, lowestNonce } from "../keying.ts";
import { findNat, natDiscoveryPayloads, ownVendorIds, readVendorIds } from "../nat-detection.ts";
import { find, hasNotify, identityPayload } from "../payloads.ts";
import type { Agreed } from "../state.ts";
import { sayError } from "./informational.ts";
import { initialContact, natContext } from "./main-mode-initiator.ts";
import {
  presharedMethod,
  proofPayload,
  sameSecret,
  secretOf,
  sharedKeyMethod,
  verifyProof,
  violation,
} from "./proof.ts";
import type { Phase1Input } from "./table.ts";

/** What became of a first message: a half-open SA, or a refusal. */
export type Phase1Verdict =
  | { readonly kind: "opened"; readonly sa: IkeV1Sa }
  | { readonly kind: "refused"; readonly reason: Reason };

/** Message 1, from one of `callers`, most likely first. */
export function answerMainMode(
  host: Host,
  callers: readonly PeerDesired[],
  { header, payloads, path }: { readonly header: Header; readonly payloads: readonly Payload[]; readonly path: Path },
  localSpi: bigint,
): Phase1Verdict {
  const offered = find(payloads, "SA");
  if (offered === undefined) {
    const reason: Reason = { code: "protocol-violation", exchange: "main mode", fault: "SA is missing" };
    return { kind: "refused", reason };
  }
  const choice = choose(callers, offered.proposals);
  if (!choice.ok) return { kind: "refused", reason: choice.reason };
  const agreed: Agreed = { terms: choice.terms, saBody: encodeBody(offered) };
  const sa = new IkeV1Sa({
    role: "responder",
    mode: "main",
    host,
    localSpi,
    remoteSpi: header.initiatorCookie,
    path,
    state: { kind: "ExpectKeyRequest", agreed, callers },
  });
  host.opened(sa);
  host.arm(sa, "half-open", host.now() + halfOpenTime);
  const abilities = readVendorIds(payloads);
  sa.natTraversal = abilities.natTraversal;
  sa.deadPeers.peerSpeaks(abilities.dpd);
  sa.fragmentation.peerTakesFragments(abilities.fragments);
  sa.sendClear([{ isakmp: "SA", proposals: [choice.answer] }, ...ownVendorIds]);
  return { kind: "opened", sa };
}

/** Message 3: the peer's key exchange value and nonce. */
export function takeKeyRequest(sa: IkeV1Sa, { payloads }: Phase1Input, commit: () => void): void {
  const { state } = sa;
  const ke = find(payloads, "KE");
  const nonce = find(payloads, "NONCE");
  if (state.kind !== "ExpectKeyRequest") return;
  if (ke === undefined || nonce === undefined) return sa.note(violation(sa, "KE or nonce is missing"));
  const { agreed, callers } = state;
  const { suite } = agreed.terms;
  // RFC 2409 5.4: the key must be known before the identity is: it is found by the address.
  const secret = callers.map(secretOf).find((one) => one !== undefined);
  if (secret === undefined) return;
  const ni = Uint8Array.from(nonce.data);
  const gxi = Uint8Array.from(ke.data);
  commit();
  const context = { ...natContext(sa, agreed), forged: callers[0]?.nat.force === true };
  sa.nat = findNat(sa.natTraversal, payloads, context);
  if (sa.nat.local) sa.host.learnAbilities();
  sa.state = { kind: "ExpectSharedSecret" };
  sa.host.compute(sa, { kind: "respond", method: suite.ke, peerPublic: gxi }, (result) => {
    if (result.kind !== "shared") {
      const fault = result.kind === "invalid" ? result.fault : "no shared secret";
      return sa.end({ code: "invalid-public-value", method: suite.ke.keyword, fault });
    }
    const nr = sa.host.random(nonceLength);
    const gxr = Uint8Array.from(result.publicValue);
    sa.sendClear([
      { isakmp: "KE", data: gxr },
      { isakmp: "NONCE", data: nr },
      ...natDiscoveryPayloads(sa.natTraversal, context),
    ]);
    const { keying, skeyid, iv } = deriveIsakmpKeying({
      suite,
      psk: secret.octets,
      shared: result.secret,
      ni,
      nr,
      gxi,
      gxr,
      initiatorCookie: sa.initiatorSpi,
      responderCookie: sa.responderSpi,
    });
    sa.keying = keying;
    sa.phase1Chain = { iv };
    sa.lowestNonce = lowestNonce(ni, nr);
    const possible = callers.filter((peer) => sameSecret(secretOf(peer), secret));
    sa.state = { kind: "ExpectIdentityRequest", handshake: { ...agreed, gxi, gxr, skeyid }, callers: possible };
  });
}

/** Message 5: who the peer is. */
export function takeIdentityRequest(sa: IkeV1Sa, { payloads, path }: Phase1Input, commit: () => void): void {
  const { state, host } = sa;
  if (state.kind !== "ExpectIdentityRequest") return;
  const { handshake, callers } = state;
  const proven = verifyProof(sa, handshake, payloads);
  if (!proven.ok) return sa.note(proven.reason);
  commit();
  // The proof holds: its sender is where the message came from (RFC 3947 4).
  if (isEncapsulated(sa.nat)) sa.path = path;
  sa.remoteId = proven.identity;
  const admits = (peer: PeerDesired) => callers.includes(peer);
  const found = host.selectPeer({ path, remoteId: proven.identity, method: sharedKeyMethod, admits });
  if ("reason" in found) return refuse(sa, found.reason);
  const { peer } = found;
  sa.peer = peer;
  const reason = host.unwelcome(peer, proven.identity, path);
  if (reason !== undefined) return refuse(sa, reason);
  const identity = identityPayload(peer.localId);
  const contact = host.isInitialContact(sa, peer) ? [initialContact(sa)] : [];
  sa.sendEncrypted([identity, proofPayload(sa, handshake, identity), ...contact]);
  handshake.skeyid.destroy();
  sa.agreedSeconds = handshake.terms.seconds;
  sa.establish(hasNotify(payloads, notifyType.INITIAL_CONTACT));
}

/** Turned away, and told so under the keys that both ends have. */
function refuse(sa: IkeV1Sa, reason: Reason): void {
  sayError(sa, notifyType.AUTHENTICATION_FAILED);
  sa.end(reason);
}

/** The first caller's choice that succeeds, else the first one's reason. */
export function choose(callers: readonly PeerDesired[], theirs: Parameters<typeof chooseIsakmp>[1]): IsakmpAnswer {
  let refusal: IsakmpAnswer | undefined;
  for (const { ike } of callers) {
    const choice = chooseIsakmp({ ours: ike, method: presharedMethod }, theirs);
    if (choice.ok) return choice;
    refusal ??= choice;
  }
  return refusal ?? chooseIsakmp({ ours: [], method: presharedMethod }, theirs);
}
