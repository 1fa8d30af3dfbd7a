/** Aggressive mode as initiator (RFC 2409 5.1, 5.4): three messages, the identities in clear. */
import type { KePair } from "../../crypto/key-exchange.ts";
import { identityFromWire } from "../../negotiate/identity.ts";
import { encryptionMethod, loginOf, signs } from "../../negotiate/isakmp-methods.ts";
import {
  type IsakmpPolicy,
  type IsakmpTerms,
  isakmpSuites,
  offerIsakmp,
  verifyIsakmp,
} from "../../negotiate/isakmp-proposals.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { ikev1Methods } from "../../sa/ikev1-methods.ts";
import { isEncapsulated } from "../../sa/nat.ts";
import { floated, type Path } from "../../sa/path.ts";
import { encodeBody } from "../../wire/ikev1/message.ts";
import type { IdPayload } from "../../wire/ikev1/payloads/identity.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { notifyType } from "../../wire/ikev1/registry/notify.ts";
import { certificateRequests } from "../certificate-requests.ts";
import { nonceLength } from "../constants.ts";
import type { Host } from "../host.ts";
import { IkeV1Sa } from "../ike-v1-sa.ts";
import { findNat, natDiscoveryPayloads, ownVendorIds, readVendorIds } from "../nat-detection.ts";
import { find, hasNotify, identityPayload } from "../payloads.ts";
import type { Agreed, Handshake, State } from "../state.ts";
import { offeredSeconds } from "../succession.ts";
import { type KeyContents, keyPayloads, natTraversalWith, readKeyPayloads } from "./key-payloads.ts";
import { initialContact, natContext } from "./main-mode-initiator.ts";
import { identityFault, prove, secretOf, verify, violation, withoutSecret } from "./proof.ts";
import { takeSharedSecret } from "./shared-secret.ts";
import type { Phase1Input } from "./table.ts";

/** Opens an ISAKMP SA with a peer in aggressive mode: a key pair is being made. */
export function beginAggressiveMode(host: Host, peer: PeerDesired, path: Path, localSpi: bigint): IkeV1Sa {
  const sa = new IkeV1Sa({
    role: "initiator",
    mode: "aggressive",
    host,
    localSpi,
    remoteSpi: 0n,
    path,
    peer,
    state: { kind: "ExpectKeyPair" },
  });
  host.opened(sa);
  // RFC 2409 5: the key exchange begins with the first message, so that its group cannot be negotiated.
  const group = isakmpSuites(peer.ike)[0]?.ke;
  if (group === undefined) throw new RangeError(`peer ${peer.name} offers nothing that IKEv1 can name`);
  const methods = ikev1Methods(peer, "initiator");
  const single = methods.some((method) => encryptionMethod(method) !== undefined);
  const policy: IsakmpPolicy = { ours: peer.ike, methods, group, ...(single ? { single } : {}) };
  host.compute(sa, { kind: "generate", method: group }, (result) => {
    if (result.kind === "generated") sendFirst(sa, peer, policy, result.pair);
  });
  return sa;
}

function sendFirst(sa: IkeV1Sa, peer: PeerDesired, policy: IsakmpPolicy, pair: KePair): void {
  const offered: Payload = { isakmp: "SA", proposals: [offerIsakmp(policy, offeredSeconds(peer))] };
  const ni = sa.host.random(nonceLength);
  const [suite] = isakmpSuites(policy.ours);
  const [method] = policy.methods;
  if (suite === undefined || method === undefined) return;
  const identity = identityPayload(peer.localId);
  const vendorIds = ownVendorIds(policy.methods);
  const terms: IsakmpTerms = { suite, method, seconds: undefined };
  const state: State = { kind: "ExpectAggressiveAnswer", offer: { policy, saBody: encodeBody(offered) }, pair, ni };
  sa.state = state;
  keyPayloads(sa, { terms }, peer, { ke: pair.publicValue, nonce: ni, identity }, (payloads) => {
    // RFC 2409 5.3: whatever follows the nonce is encrypted.
    if (encryptionMethod(method) !== undefined) return sa.sendClear([offered, ...vendorIds, ...payloads]);
    const requests = policy.methods.some((one) => signs(one, "responder")) ? certificateRequests([peer]) : [];
    sa.sendClear([offered, ...payloads, identity, ...requests, ...vendorIds]);
  });
}

/** Message 2: all that the peer has to say, and its proof. */
export function takeAggressiveAnswer(sa: IkeV1Sa, { payloads, header }: Phase1Input, commit: () => void): void {
  const { state, peer } = sa;
  const answer = find(payloads, "SA");
  if (state.kind !== "ExpectAggressiveAnswer" || peer === undefined) return;
  if (answer === undefined || header.responderCookie === 0n) return sa.note(violation(sa, "SA is missing"));
  const { offer } = state;
  const verdict = verifyIsakmp(offer.policy, answer.proposals);
  if (!verdict.ok) return sa.note(verdict.reason);
  const abilities = readVendorIds(payloads);
  // The message outlives this call: what is still to be checked of it is kept.
  const rest = payloads.map(copied);
  const id = find(payloads, "ID");
  const clearId = id === undefined ? undefined : { ...id, data: Uint8Array.from(id.data) };
  const agreed = { terms: verdict.terms, saBody: offer.saBody };
  const take = (contents: KeyContents | undefined) => {
    const said = contents?.identity ?? clearId;
    if (contents === undefined || said === undefined) return sa.note(violation(sa, "KE, nonce or ID is missing"));
    commit();
    sa.settle();
    sa.remoteSpi = header.responderCookie;
    sa.natTraversal = natTraversalWith(verdict.terms.method, abilities.natTraversal);
    sa.deadPeers.peerSpeaks(abilities.dpd);
    sa.fragmentation.peerTakesFragments(abilities.fragments);
    goOn(sa, peer, state, { agreed, contents, said, rest });
  };
  readKeyPayloads(sa, agreed, [peer], payloads, take, header.responderCookie);
}

/** The shared secret, the peer's proof, and ours. */
function goOn(
  sa: IkeV1Sa,
  peer: PeerDesired,
  { pair, ni }: Extract<State, { readonly kind: "ExpectAggressiveAnswer" }>,
  answer: {
    readonly agreed: Agreed;
    readonly contents: KeyContents;
    readonly said: IdPayload;
    readonly rest: readonly Payload[];
  },
): void {
  const { agreed, contents, said, rest } = answer;
  const { ke: peerPublic, nonce: nr } = contents;
  const { host } = sa;
  const theirId = identityFromWire(said.idType, said.data);
  const psk = withoutSecret(agreed) ? undefined : secretOf(peer)?.octets;
  sa.nat = findNat(sa.natTraversal, rest, natContext(sa, agreed));
  if (sa.nat.local) sa.host.learnAbilities();
  sa.state = { kind: "ExpectSharedSecret" };
  host.compute(sa, { kind: "finish", pair, peerPublic }, (result) => {
    const handshake = takeSharedSecret(sa, result, { agreed, psk, ni, nr, peerPublic });
    if (handshake === undefined) return;
    verify(sa, peer, handshake, said, rest, (reason) => {
      const fault = reason ?? identityFault(peer, theirId);
      if (fault !== undefined) {
        handshake.skeyid.destroy();
        return sa.end(fault);
      }
      sa.remoteId = theirId;
      sendProof(sa, peer, handshake, hasNotify(rest, notifyType.INITIAL_CONTACT));
    });
  });
}

/** Message 3. */
function sendProof(sa: IkeV1Sa, peer: PeerDesired, handshake: Handshake, isFirst: boolean): void {
  const discovery = natDiscoveryPayloads(sa.natTraversal, natContext(sa, handshake));
  prove(sa, peer, handshake, identityPayload(peer.localId), (proof) => {
    if (isEncapsulated(sa.nat)) sa.path = floated(sa.path);
    const contact = sa.host.isInitialContact(sa, peer) ? [initialContact(sa)] : [];
    sa.sendEncrypted([...proof, ...discovery, ...contact]);
    handshake.skeyid.destroy();
    sa.agreedSeconds = handshake.terms.seconds;
    sa.establish(isFirst, loginOf(handshake.terms.method));
  });
}

/** What is needed of a payload after its message is gone. */
function copied(payload: Payload): Payload {
  if (payload.isakmp === "HASH" || payload.isakmp === "SIG" || payload.isakmp === "CERT")
    return { ...payload, data: Uint8Array.from(payload.data) };
  if (payload.isakmp === "NAT-D" || payload.isakmp === "NAT-D-draft")
    return { ...payload, hash: Uint8Array.from(payload.hash) };
  return payload;
}
