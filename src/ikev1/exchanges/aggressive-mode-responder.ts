/** Aggressive mode as responder (RFC 2409 5.1, 5.4); only for peers whose section allows it (invariant 9). */
import { type Identity, identityFromWire } from "../../negotiate/identity.ts";
import { encryptionMethod, loginOf, signs } from "../../negotiate/isakmp-methods.ts";
import type { IsakmpTerms } from "../../negotiate/isakmp-proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { ikev1Methods } from "../../sa/ikev1-methods.ts";
import { isEncapsulated } from "../../sa/nat.ts";
import type { Path } from "../../sa/path.ts";
import type { Header } from "../../wire/ikev1/header.ts";
import { encodeBody } from "../../wire/ikev1/message.ts";
import type { IdPayload } from "../../wire/ikev1/payloads/identity.ts";
import type { Proposal } from "../../wire/ikev1/payloads/sa.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { notifyType } from "../../wire/ikev1/registry/notify.ts";
import { askedAuthorities, certificateRequests } from "../certificate-requests.ts";
import { halfOpenTime, nonceLength } from "../constants.ts";
import type { Host } from "../host.ts";
import { IkeV1Sa } from "../ike-v1-sa.ts";
import { findNat, natDiscoveryPayloads, ownVendorIds, readVendorIds } from "../nat-detection.ts";
import { find, hasNotify, identityPayload } from "../payloads.ts";
import type { Agreed } from "../state.ts";
import { type KeyContents, keyPayloads, natTraversalWith, readAll, readKeyPayloads } from "./key-payloads.ts";
import { natContext } from "./main-mode-initiator.ts";
import { choose, isakmpLifetime, type Phase1Verdict } from "./main-mode-responder.ts";
import { credentialMethod, prove, secretOf, unwelcomeCaller, verify, withoutSecret } from "./proof.ts";
import { takeSharedSecret } from "./shared-secret.ts";
import type { Phase1Input } from "./table.ts";

/** Message 1, from one of `callers`, whose identity says which. */
export function answerAggressiveMode(
  host: Host,
  callers: readonly PeerDesired[],
  { header, payloads, path }: { readonly header: Header; readonly payloads: readonly Payload[]; readonly path: Path },
  localSpi: bigint,
): Phase1Verdict {
  const offered = find(payloads, "SA");
  if (offered === undefined) return refusal(missing);
  const possible = choose(callers, offered.proposals);
  if (!possible.ok) return refusal(possible.reason);
  const { method } = possible.terms;
  const admits = (one: PeerDesired) => callers.includes(one) && ikev1Methods(one, "responder").includes(method);
  const select = (remoteId: Identity) => host.selectPeer({ path, remoteId, method: credentialMethod(method), admits });
  const open = (terms: IsakmpTerms) => {
    const sa = new IkeV1Sa({
      role: "responder",
      mode: "aggressive",
      host,
      localSpi,
      remoteSpi: header.initiatorCookie,
      path,
      state: { kind: "ExpectSharedSecret" },
    });
    host.opened(sa);
    host.arm(sa, "half-open", host.now() + halfOpenTime);
    const abilities = readVendorIds(payloads);
    sa.natTraversal = natTraversalWith(terms.method, abilities.natTraversal);
    sa.deadPeers.peerSpeaks(abilities.dpd);
    sa.fragmentation.peerTakesFragments(abilities.fragments);
    sa.askedFor = askedAuthorities(payloads);
    return sa;
  };
  const saBody = encodeBody(offered);
  if (encryptionMethod(method) !== undefined) {
    const { terms, answer } = possible;
    const sa = open(terms);
    // Who it is can be read only once it has been decrypted: whoever it may be has the same key of ours.
    readKeyPayloads(sa, possible, callers.filter(admits), payloads, (contents) => {
      if (contents?.identity === undefined) return sa.end(missing);
      const { idType, data } = contents.identity;
      const found = select(identityFromWire(idType, data));
      if ("reason" in found) return sa.end(found.reason);
      sa.state = { kind: "ExpectSharedSecret" };
      answerCaller(sa, found.peer, { agreed: { terms, saBody }, answer, id: contents.identity, contents });
    });
    return { kind: "opened", sa };
  }
  const read = readAll(payloads);
  const id = find(read, "ID");
  const ke = find(read, "KE");
  const nonce = find(read, "NONCE");
  if (ke === undefined || nonce === undefined || id === undefined) return refusal(missing);
  const found = select(identityFromWire(id.idType, id.data));
  if ("reason" in found) return refusal(found.reason);
  const { peer } = found;
  const choice = choose([peer], offered.proposals);
  if (!choice.ok) return refusal(choice.reason);
  const { terms, answer } = choice;
  const sa = open(terms);
  const contents = { ke: Uint8Array.from(ke.data), nonce: Uint8Array.from(nonce.data), identity: undefined };
  const identified = { ...id, data: Uint8Array.from(id.data) };
  answerCaller(sa, peer, { agreed: { terms, saBody }, answer, id: identified, contents });
  return { kind: "opened", sa };
}

/** Message 2, to a caller that says it is this peer. */
function answerCaller(
  sa: IkeV1Sa,
  peer: PeerDesired,
  call: {
    readonly agreed: Agreed;
    readonly answer: Proposal;
    readonly id: IdPayload;
    readonly contents: KeyContents;
  },
): void {
  const { host } = sa;
  const { agreed, answer, id: identified, contents } = call;
  const { suite, method } = agreed.terms;
  const { ke: peerPublic, nonce: ni } = contents;
  sa.peer = peer;
  sa.remoteId = identityFromWire(identified.idType, identified.data);
  const psk = withoutSecret(agreed) ? undefined : secretOf(peer)?.octets;
  host.compute(sa, { kind: "respond", method: suite.ke, peerPublic }, (result) => {
    const nr = host.random(nonceLength);
    const handshake = takeSharedSecret(sa, result, { agreed, psk, ni, nr, peerPublic });
    if (handshake === undefined) return;
    const identity = identityPayload(peer.localId);
    const discovery = natDiscoveryPayloads(sa.natTraversal, natContext(sa, agreed));
    prove(sa, peer, handshake, identity, (proof) => {
      keyPayloads(sa, agreed, peer, { ke: handshake.gxr, nonce: nr, identity }, (keys) => {
        sa.state = { kind: "ExpectAggressiveProof", handshake, id: identified };
        const chosen: Payload = { isakmp: "SA", proposals: [answer] };
        const vendorIds = ownVendorIds([method]);
        if (encryptionMethod(method) !== undefined)
          return sa.sendClear([chosen, ...vendorIds, ...keys, ...proof, ...discovery]);
        const requests = signs(method, "initiator") ? certificateRequests([peer]) : [];
        sa.sendClear([chosen, ...keys, identity, ...proof, ...requests, ...vendorIds, ...discovery]);
      });
    });
  });
}

/** Message 3: the peer's proof. */
export function takeAggressiveProof(sa: IkeV1Sa, { payloads, path }: Phase1Input, commit: () => void): void {
  const { state, host, peer, remoteId } = sa;
  if (state.kind !== "ExpectAggressiveProof" || peer === undefined || remoteId === undefined) return;
  const { handshake, id } = state;
  const isFirst = hasNotify(payloads, notifyType.INITIAL_CONTACT);
  const nat = findNat(sa.natTraversal, payloads, natContext(sa, handshake));
  verify(sa, peer, handshake, id, payloads, (reason) => {
    if (reason !== undefined) return sa.note(reason);
    commit();
    sa.nat = nat;
    if (nat.local) host.learnAbilities();
    if (isEncapsulated(nat)) sa.path = path;
    handshake.skeyid.destroy();
    const unwelcome = unwelcomeCaller(sa, peer, remoteId, path);
    if (unwelcome !== undefined) return sa.end(unwelcome);
    sa.agreedSeconds = handshake.terms.seconds;
    sa.establish(isFirst, loginOf(handshake.terms.method));
    // RFC 2407 4.6.3: never in aggressive mode itself, which does not protect it.
    const lifetime = isakmpLifetime(sa, peer, handshake);
    if (lifetime.length > 0) sa.exchanges.inform(lifetime);
  });
}

const missing: Reason = {
  code: "protocol-violation",
  exchange: "aggressive mode",
  fault: "SA, KE, nonce or ID is missing",
};

function refusal(reason: Reason): Phase1Verdict {
  return { kind: "refused", reason };
}
