/** Main mode as initiator (RFC 2409 5.1, 5.4): six messages, the last two encrypted. */
import type { KePair } from "../../crypto/key-exchange.ts";
import { identityFromWire } from "../../negotiate/identity.ts";
import { loginOf, signs } from "../../negotiate/isakmp-methods.ts";
import { formatIsakmpOffer, type IsakmpPolicy, offerIsakmp, verifyIsakmp } from "../../negotiate/isakmp-proposals.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { ikev1Methods } from "../../sa/ikev1-methods.ts";
import { isEncapsulated } from "../../sa/nat.ts";
import { floated, type Path } from "../../sa/path.ts";
import { encodeBody } from "../../wire/ikev1/message.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { protocolId } from "../../wire/ikev1/registry/message.ts";
import { notifyType } from "../../wire/ikev1/registry/notify.ts";
import { certificateRequests } from "../certificate-requests.ts";
import { nonceLength } from "../constants.ts";
import type { Host } from "../host.ts";
import { IkeV1Sa } from "../ike-v1-sa.ts";
import { findNat, natDiscoveryPayloads, ownVendorIds, readVendorIds } from "../nat-detection.ts";
import { cookieOctets, find, hasNotify, identityPayload, isakmpNotify } from "../payloads.ts";
import { shortest } from "../responder-lifetime.ts";
import type { Agreed, State } from "../state.ts";
import { offeredSeconds } from "../succession.ts";
import { type KeyContents, keyPayloads, natTraversalWith, readKeyPayloads } from "./key-payloads.ts";
import { identityFault, prove, secretOf, verify, violation, withoutSecret } from "./proof.ts";
import { takeSharedSecret } from "./shared-secret.ts";
import type { Phase1Input } from "./table.ts";

/** Opens an ISAKMP SA with a peer in main mode: the first message is out. */
export function beginMainMode(host: Host, peer: PeerDesired, path: Path, localSpi: bigint): IkeV1Sa {
  const policy: IsakmpPolicy = { ours: peer.ike, methods: ikev1Methods(peer, "initiator") };
  const offered: Payload = { isakmp: "SA", proposals: [offerIsakmp(policy, offeredSeconds(peer))] };
  const sa = new IkeV1Sa({
    role: "initiator",
    mode: "main",
    host,
    localSpi,
    remoteSpi: 0n,
    path,
    peer,
    state: { kind: "ExpectSaAnswer", offer: { policy, saBody: encodeBody(offered) } },
  });
  host.opened(sa);
  sa.sendClear([offered, ...ownVendorIds(policy.methods)]);
  return sa;
}

/** Message 2: the suite that the peer chose. */
export function takeSaAnswer(sa: IkeV1Sa, { payloads, header }: Phase1Input, commit: () => void): void {
  const { state } = sa;
  const answer = find(payloads, "SA");
  if (state.kind !== "ExpectSaAnswer" || answer === undefined || header.responderCookie === 0n) return;
  const { policy, saBody } = state.offer;
  const verdict = verifyIsakmp(policy, answer.proposals);
  // Anybody can answer so: the real answer may still come.
  if (!verdict.ok) return sa.note(verdict.reason);
  const abilities = readVendorIds(payloads);
  commit();
  sa.settle();
  sa.remoteSpi = header.responderCookie;
  sa.natTraversal = natTraversalWith(verdict.terms.method, abilities.natTraversal);
  sa.deadPeers.peerSpeaks(abilities.dpd);
  sa.fragmentation.peerTakesFragments(abilities.fragments);
  sa.state = { kind: "ExpectKeyPair" };
  const agreed: Agreed = { terms: verdict.terms, saBody };
  const { ke } = verdict.terms.suite;
  sa.host.compute(sa, { kind: "generate", method: ke }, (result) => {
    if (result.kind === "generated") sendKey(sa, agreed, result.pair);
  });
}

/** Message 3. */
function sendKey(sa: IkeV1Sa, agreed: Agreed, pair: KePair): void {
  const ni = sa.host.random(nonceLength);
  const requests =
    sa.peer !== undefined && signs(agreed.terms.method, "responder") ? certificateRequests([sa.peer]) : [];
  const identity = sa.peer === undefined ? undefined : identityPayload(sa.peer.localId);
  const state: State = { kind: "ExpectKeyAnswer", agreed, pair, ni };
  sa.state = state;
  keyPayloads(sa, agreed, sa.peer, { ke: pair.publicValue, nonce: ni, identity }, (payloads) => {
    sa.sendClear([...payloads, ...requests, ...natDiscoveryPayloads(sa.natTraversal, natContext(sa, agreed))]);
  });
}

/** Message 4: the peer's key exchange value and nonce. */
export function takeKeyAnswer(sa: IkeV1Sa, { payloads }: Phase1Input, commit: () => void): void {
  const { state, peer } = sa;
  if (state.kind !== "ExpectKeyAnswer" || peer === undefined) return;
  const nat = findNat(sa.natTraversal, payloads, natContext(sa, state.agreed));
  readKeyPayloads(sa, state.agreed, [peer], payloads, (contents) => {
    if (contents === undefined) return sa.note(violation(sa, "KE or nonce is missing"));
    commit();
    sa.nat = nat;
    goOn(sa, peer, state, contents);
  });
}

/** The shared secret, and message 5. */
function goOn(
  sa: IkeV1Sa,
  peer: PeerDesired,
  { agreed, pair, ni }: Extract<State, { readonly kind: "ExpectKeyAnswer" }>,
  { ke: peerPublic, nonce: nr, identity: claimed }: KeyContents,
): void {
  const psk = withoutSecret(agreed) ? undefined : secretOf(peer)?.octets;
  sa.settle();
  if (sa.nat.local) sa.host.learnAbilities();
  if (isEncapsulated(sa.nat)) sa.path = floated(sa.path);
  sa.state = { kind: "ExpectSharedSecret" };
  sa.host.compute(sa, { kind: "finish", pair, peerPublic }, (result) => {
    const made = takeSharedSecret(sa, result, { agreed, psk, ni, nr, peerPublic });
    if (made === undefined) return;
    const handshake = { ...made, claimed };
    const identity = identityPayload(peer.localId);
    prove(sa, peer, handshake, identity, (proof) => {
      sa.state = { kind: "ExpectIdentityAnswer", handshake };
      const contact = sa.host.isInitialContact(sa, peer) ? [initialContact(sa)] : [];
      sa.sendEncrypted([...(claimed === undefined ? [identity] : []), ...proof, ...contact]);
    });
  });
}

/** Message 6: who the peer is. */
export function takeIdentityAnswer(sa: IkeV1Sa, { payloads }: Phase1Input, commit: () => void): void {
  const { state, peer } = sa;
  if (state.kind !== "ExpectIdentityAnswer" || peer === undefined) return;
  const { handshake } = state;
  const id = handshake.claimed ?? find(payloads, "ID");
  if (id === undefined) return sa.note(violation(sa, "the identity is missing"));
  const identity = identityFromWire(id.idType, id.data);
  const isFirst = hasNotify(payloads, notifyType.INITIAL_CONTACT);
  verify(sa, peer, handshake, id, payloads, (reason) => {
    // What is not proved counts for nothing, so that the real answer may still come.
    if (reason !== undefined) return sa.note(reason);
    const fault = identityFault(peer, identity);
    commit();
    if (fault !== undefined) return sa.end(fault);
    handshake.skeyid.destroy();
    sa.remoteId = identity;
    const { seconds } = handshake.terms;
    sa.agreedSeconds = shortest({ seconds, kilobytes: undefined }, payloads, protocolId.ISAKMP).seconds;
    sa.establish(isFirst, loginOf(handshake.terms.method));
  });
}

/** INITIAL-CONTACT, named by both cookies (RFC 2407 4.6.3.3). */
export function initialContact(sa: IkeV1Sa): Payload {
  const cookies = Buffer.concat([cookieOctets(sa.initiatorSpi), cookieOctets(sa.responderSpi)]);
  return isakmpNotify(notifyType.INITIAL_CONTACT, cookies);
}

/** What NAT discovery is about on this ISAKMP SA. */
export function natContext(sa: IkeV1Sa, { terms }: Pick<Agreed, "terms">) {
  const { initiatorSpi, responderSpi, path, peer } = sa;
  return {
    suite: terms.suite,
    initiatorCookie: initiatorSpi,
    responderCookie: responderSpi,
    path,
    forged: peer?.nat.force === true,
  };
}

/** Our suites, for a reason that says what was refused. */
export function offeredSuites(peer: PeerDesired): string[] {
  return formatIsakmpOffer({ ours: peer.ike, methods: ikev1Methods(peer, "initiator") });
}
