/** Aggressive mode as responder, with a pre-shared key (RFC 2409 5.4); only for peers whose section allows it (invariant 9). */
import { identityFromWire } from "../../negotiate/identity.ts";
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
import { natContext } from "./main-mode-initiator.ts";
import { choose, type Phase1Verdict } from "./main-mode-responder.ts";
import { proofPayload, secretOf, sharedKeyMethod, verifyIdentified } from "./proof.ts";
import type { Phase1Input } from "./table.ts";

/** Message 1, from one of `callers`, whose identity says which. */
export function answerAggressiveMode(
  host: Host,
  callers: readonly PeerDesired[],
  { header, payloads, path }: { readonly header: Header; readonly payloads: readonly Payload[]; readonly path: Path },
  localSpi: bigint,
): Phase1Verdict {
  const offered = find(payloads, "SA");
  const ke = find(payloads, "KE");
  const nonce = find(payloads, "NONCE");
  const id = find(payloads, "ID");
  if (offered === undefined || ke === undefined || nonce === undefined || id === undefined)
    return refusal({
      code: "protocol-violation",
      exchange: "aggressive mode",
      fault: "SA, KE, nonce or ID is missing",
    });
  const remoteId = identityFromWire(id.idType, id.data);
  const admits = (one: PeerDesired) => callers.includes(one);
  const found = host.selectPeer({ path, remoteId, method: sharedKeyMethod, admits });
  if ("reason" in found) return refusal(found.reason);
  const { peer } = found;
  const secret = secretOf(peer);
  const choice = choose([peer], offered.proposals);
  if (!choice.ok) return refusal(choice.reason);
  // Those that may call have one.
  if (secret === undefined)
    return refusal({ code: "protocol-violation", exchange: "aggressive mode", fault: "no secret" });
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
  sa.natTraversal = abilities.natTraversal;
  sa.deadPeers.peerSpeaks(abilities.dpd);
  sa.fragmentation.peerTakesFragments(abilities.fragments);
  sa.peer = peer;
  sa.remoteId = remoteId;
  const agreed = { terms: choice.terms, saBody: encodeBody(offered) };
  const identified = { ...id, data: Uint8Array.from(id.data) };
  const ni = Uint8Array.from(nonce.data);
  const gxi = Uint8Array.from(ke.data);
  const { suite } = choice.terms;
  const { answer } = choice;
  host.compute(sa, { kind: "respond", method: suite.ke, peerPublic: gxi }, (result) => {
    if (result.kind !== "shared") {
      const fault = result.kind === "invalid" ? result.fault : "no shared secret";
      return sa.end({ code: "invalid-public-value", method: suite.ke.keyword, fault });
    }
    const nr = host.random(nonceLength);
    const gxr = Uint8Array.from(result.publicValue);
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
    const handshake = { ...agreed, gxi, gxr, skeyid };
    sa.state = { kind: "ExpectAggressiveProof", handshake, id: identified };
    const identity = identityPayload(peer.localId);
    sa.sendClear([
      { isakmp: "SA", proposals: [answer] },
      { isakmp: "KE", data: gxr },
      { isakmp: "NONCE", data: nr },
      identity,
      proofPayload(sa, handshake, identity),
      ...ownVendorIds,
      ...natDiscoveryPayloads(sa.natTraversal, natContext(sa, agreed)),
    ]);
  });
  return { kind: "opened", sa };
}

/** Message 3: the peer's proof. */
export function takeAggressiveProof(sa: IkeV1Sa, { payloads, path }: Phase1Input, commit: () => void): void {
  const { state, host, peer, remoteId } = sa;
  if (state.kind !== "ExpectAggressiveProof" || peer === undefined || remoteId === undefined) return;
  const { handshake, id } = state;
  const proven = verifyIdentified(sa, handshake, id, payloads);
  if (!proven.ok) return sa.note(proven.reason);
  commit();
  sa.nat = findNat(sa.natTraversal, payloads, natContext(sa, handshake));
  if (sa.nat.local) sa.host.learnAbilities();
  if (isEncapsulated(sa.nat)) sa.path = path;
  handshake.skeyid.destroy();
  const reason = host.unwelcome(peer, remoteId, path);
  if (reason !== undefined) return sa.end(reason);
  sa.agreedSeconds = handshake.terms.seconds;
  sa.establish(hasNotify(payloads, notifyType.INITIAL_CONTACT));
}

function refusal(reason: Reason): Phase1Verdict {
  return { kind: "refused", reason };
}
