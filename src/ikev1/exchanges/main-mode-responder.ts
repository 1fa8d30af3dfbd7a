/** Main mode as responder (RFC 2409 5.1, 5.4). Nothing is repeated to where nobody has shown to be. */

import { identityFromWire } from "../../negotiate/identity.ts";
import { loginOf, signs } from "../../negotiate/isakmp-methods.ts";
import { chooseIsakmp, type IsakmpAnswer } from "../../negotiate/isakmp-proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { ikev1Methods } from "../../sa/ikev1-methods.ts";
import { isEncapsulated } from "../../sa/nat.ts";
import type { Path } from "../../sa/path.ts";
import type { Header } from "../../wire/ikev1/header.ts";
import { encodeBody } from "../../wire/ikev1/message.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { protocolId } from "../../wire/ikev1/registry/message.ts";
import { notifyType } from "../../wire/ikev1/registry/notify.ts";
import { certificateRequests } from "../certificate-requests.ts";
import { halfOpenTime, nonceLength } from "../constants.ts";
import type { Host } from "../host.ts";
import { IkeV1Sa } from "../ike-v1-sa.ts";
import { findNat, natDiscoveryPayloads, ownVendorIds, readVendorIds } from "../nat-detection.ts";
import { find, hasNotify, identityPayload } from "../payloads.ts";
import { shorterLifetime } from "../responder-lifetime.ts";
import type { Agreed, Handshake } from "../state.ts";
import { offeredSeconds } from "../succession.ts";
import { cookiesOf, sayError } from "./informational.ts";
import { type KeyContents, keyPayloads, natTraversalWith, readKeyPayloads } from "./key-payloads.ts";
import { initialContact, natContext } from "./main-mode-initiator.ts";
import {
  credentialMethod,
  prove,
  sameSecret,
  secretOf,
  unwelcomeCaller,
  verify,
  violation,
  withoutSecret,
} from "./proof.ts";
import { takeSharedSecret } from "./shared-secret.ts";
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
  sa.natTraversal = natTraversalWith(agreed.terms.method, abilities.natTraversal);
  sa.deadPeers.peerSpeaks(abilities.dpd);
  sa.fragmentation.peerTakesFragments(abilities.fragments);
  sa.sendClear([{ isakmp: "SA", proposals: [choice.answer] }, ...ownVendorIds([agreed.terms.method])]);
  return { kind: "opened", sa };
}

/** Message 3: the peer's key exchange value and nonce. */
export function takeKeyRequest(sa: IkeV1Sa, { payloads }: Phase1Input, commit: () => void): void {
  const { state, path } = sa;
  if (state.kind !== "ExpectKeyRequest") return;
  const { agreed, callers } = state;
  const { method } = agreed.terms;
  // RFC 2409 5.4: the key must be known before the identity is: it is found by the address.
  const secret = withoutSecret(agreed) ? undefined : callers.map(secretOf).find((one) => one !== undefined);
  const possible = callers.filter(
    (peer) =>
      ikev1Methods(peer, "responder").includes(method) && (secret === undefined || sameSecret(secretOf(peer), secret)),
  );
  const context = { ...natContext(sa, agreed), forged: callers[0]?.nat.force === true };
  const nat = findNat(sa.natTraversal, payloads, context);
  readKeyPayloads(sa, agreed, possible, payloads, (contents) => {
    if (contents === undefined) return sa.note(violation(sa, "KE or nonce is missing"));
    const { identity } = contents;
    if (identity === undefined) {
      commit();
      sa.nat = nat;
      return answerKey(sa, { agreed, psk: secret?.octets, callers: possible, context }, contents);
    }
    // Whom to encrypt for is decided by who it is said to be; nobody else can read the answer.
    const remoteId = identityFromWire(identity.idType, identity.data);
    const admits = (peer: PeerDesired) => possible.includes(peer);
    const found = sa.host.selectPeer({ path, remoteId, method: credentialMethod(method), admits });
    if ("reason" in found) return sa.note(found.reason);
    commit();
    sa.nat = nat;
    answerKey(sa, { agreed, psk: undefined, callers: [found.peer], context }, contents);
  });
}

/** Message 4, to whoever of `callers` it is. */
function answerKey(
  sa: IkeV1Sa,
  options: {
    readonly agreed: Agreed;
    readonly psk: Uint8Array | undefined;
    readonly callers: readonly PeerDesired[];
    readonly context: ReturnType<typeof natContext>;
  },
  { ke: peerPublic, nonce: ni, identity: claimed }: KeyContents,
): void {
  const { agreed, psk, callers, context } = options;
  const { suite, method } = agreed.terms;
  const [peer] = callers;
  if (sa.nat.local) sa.host.learnAbilities();
  sa.state = { kind: "ExpectSharedSecret" };
  sa.host.compute(sa, { kind: "respond", method: suite.ke, peerPublic }, (result) => {
    const nr = sa.host.random(nonceLength);
    const made = takeSharedSecret(sa, result, { agreed, psk, ni, nr, peerPublic });
    if (made === undefined) return;
    const handshake = { ...made, claimed };
    const identity = peer === undefined ? undefined : identityPayload(peer.localId);
    keyPayloads(sa, agreed, peer, { ke: made.gxr, nonce: nr, identity }, (payloads) => {
      sa.sendClear([
        ...payloads,
        ...(signs(method, "initiator") ? certificateRequests(callers) : []),
        ...natDiscoveryPayloads(sa.natTraversal, context),
      ]);
      sa.state = { kind: "ExpectIdentityRequest", handshake, callers };
    });
  });
}

/** Message 5: who the peer is. */
export function takeIdentityRequest(sa: IkeV1Sa, { payloads, path }: Phase1Input, commit: () => void): void {
  const { state, host } = sa;
  if (state.kind !== "ExpectIdentityRequest") return;
  const { handshake, callers } = state;
  const id = handshake.claimed ?? find(payloads, "ID");
  if (id === undefined) return sa.note(violation(sa, "the identity is missing"));
  const identity = identityFromWire(id.idType, id.data);
  const method = credentialMethod(handshake.terms.method);
  const admits = (peer: PeerDesired) => callers.includes(peer);
  const select = () => host.selectPeer({ path, remoteId: identity, method, admits });
  // Whose signature is taken depends on who it is said to be; a secret holds whoever it is.
  const claimed = withoutSecret(handshake) ? select() : undefined;
  if (claimed !== undefined && "reason" in claimed) return sa.note(claimed.reason);
  const isFirst = hasNotify(payloads, notifyType.INITIAL_CONTACT);
  verify(sa, claimed?.peer, handshake, id, payloads, (reason) => {
    if (reason !== undefined) return sa.note(reason);
    commit();
    // The proof holds: its sender is where the message came from (RFC 3947 4).
    if (isEncapsulated(sa.nat)) sa.path = path;
    sa.remoteId = identity;
    const found = claimed ?? select();
    if ("reason" in found) return refuse(sa, found.reason);
    const unwelcome = unwelcomeCaller(sa, found.peer, identity, path);
    if (unwelcome !== undefined) return refuse(sa, unwelcome);
    answerIdentity(sa, found.peer, handshake, isFirst);
  });
}

/** Message 6. */
function answerIdentity(sa: IkeV1Sa, peer: PeerDesired, handshake: Handshake, isFirst: boolean): void {
  sa.peer = peer;
  const identity = identityPayload(peer.localId);
  prove(sa, peer, handshake, identity, (proof) => {
    const contact = sa.host.isInitialContact(sa, peer) ? [initialContact(sa)] : [];
    sa.sendEncrypted([
      ...(handshake.claimed === undefined ? [identity] : []),
      ...proof,
      ...contact,
      ...isakmpLifetime(sa, peer, handshake),
    ]);
    handshake.skeyid.destroy();
    sa.agreedSeconds = handshake.terms.seconds;
    sa.establish(isFirst, loginOf(handshake.terms.method));
  });
}

/** Whether the ISAKMP SA lives for less time than it was offered for. */
export function isakmpLifetime(sa: IkeV1Sa, peer: PeerDesired, { terms }: Handshake): readonly Payload[] {
  return shorterLifetime(protocolId.ISAKMP, cookiesOf(sa), terms.seconds, offeredSeconds(peer));
}

/** Turned away, and told so under the keys that both ends have. */
function refuse(sa: IkeV1Sa, reason: Reason): void {
  sayError(sa, notifyType.AUTHENTICATION_FAILED);
  sa.end(reason);
}

/** The first caller's choice that succeeds, else the first one's reason. */
export function choose(callers: readonly PeerDesired[], theirs: Parameters<typeof chooseIsakmp>[1]): IsakmpAnswer {
  let refusal: IsakmpAnswer | undefined;
  for (const caller of callers) {
    const choice = chooseIsakmp({ ours: caller.ike, methods: ikev1Methods(caller, "responder") }, theirs);
    if (choice.ok) return choice;
    refusal ??= choice;
  }
  return refusal ?? chooseIsakmp({ ours: [], methods: [] }, theirs);
}
