/** What we say of the proofs that we take, to whoever may be at the other end. */
import { signatureAlgorithm } from "../../credentials/algorithm-identifier.ts";
import type { PeerTrust } from "../../credentials/peer-trust.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { type AuthAnnouncement, encodeAnnouncements } from "../../wire/ikev2/auth/announcements.ts";
import { encodeHashAlgorithms } from "../../wire/ikev2/auth/hash-algorithms.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { authMethod, certEncoding } from "../../wire/ikev2/registry/identity.ts";
import { hashAlgorithm, notifyType } from "../../wire/ikev2/registry/notify.ts";
import { notify } from "../payloads.ts";
import { digitalSchemes } from "./signature-schemes.ts";

type Peers = readonly Pick<PeerDesired, "auth">[];

/** Authorities that CERTREQ names: more would not fit into IKE_SA_INIT without fragments, and mean "any that you have". */
const mostAuthorities = 24;

/** Whether one of them signs, or is shown signatures. */
export function usesSignatures(peers: Peers): boolean {
  return peers.some(
    ({ auth }) =>
      auth.local.some(({ credential }) => credential.kind === "key") ||
      auth.remote.some(({ credential }) => credential.kind === "trust"),
  );
}

/** SIGNATURE_HASH_ALGORITHMS, in IKE_SA_INIT, where one of them needs it (RFC 7427 4). */
export function hashPayloads(peers: Peers): Payload[] {
  if (!usesSignatures(peers)) return [];
  const sha1 = trusts(peers).some((trust) => trust.sha1) ? [hashAlgorithm.SHA1] : [];
  const data = encodeHashAlgorithms([...verified, ...sha1]);
  return [notify(notifyType.SIGNATURE_HASH_ALGORITHMS, data)];
}

/** CERTREQ and SUPPORTED_AUTH_METHODS: of the initiator in IKE_AUTH, of the responder in IKE_SA_INIT (RFC 7296 1.2, RFC 9593 3.1). */
export function requestPayloads(peers: Peers): Payload[] {
  const found = trusts(peers);
  if (found.length === 0) return [];
  const hashes = new Map<string, Uint8Array>();
  for (const { authorityHashes } of found)
    for (const each of authorityHashes) hashes.set(Buffer.from(each).toString("hex"), each);
  const data = Buffer.concat([...hashes.values()].slice(0, mostAuthorities));
  const encoding = certEncoding.X509_CERTIFICATE_SIGNATURE;
  const requests: Payload[] = hashes.size === 0 ? [] : [{ kind: "CERTREQ", encoding, data }];
  // RFC 4806 3.1: no hashes, since whoever its authority lets answer is trusted. Asked where nothing holds without an answer.
  const isStrict = found.some(({ revocation }) => revocation === "strict");
  if (isStrict) requests.push({ kind: "CERTREQ", encoding: certEncoding.OCSP_CONTENT, data: new Uint8Array(0) });
  // RFC 7296 3.10.1: where one of them may be looked up.
  const looksUp = found.some(({ places = [] }) => places.length > 0);
  if (looksUp) requests.push(notify(notifyType.HTTP_CERT_LOOKUP_SUPPORTED));
  return [...requests, notify(notifyType.SUPPORTED_AUTH_METHODS, encodeAnnouncements(methods(peers)))];
}

const verified = [hashAlgorithm.SHA2_256, hashAlgorithm.SHA2_384, hashAlgorithm.SHA2_512, hashAlgorithm.IDENTITY];

function trusts(peers: Peers): readonly PeerTrust[] {
  return peers.flatMap(({ auth }) =>
    auth.remote.flatMap(({ credential }) => (credential.kind === "trust" ? [credential.trust] : [])),
  );
}

/** Every method that a first round of one of them may be. */
function methods(peers: Peers): readonly AuthAnnouncement[] {
  const kinds = new Set(peers.map(({ auth }) => auth.remote[0]?.credential.kind));
  const plain = (method: number): AuthAnnouncement => ({ method, certLink: 0, algorithm: undefined });
  const list: AuthAnnouncement[] = [];
  if (kinds.has("trust")) {
    const sha1 = trusts(peers).some((trust) => trust.sha1);
    const schemes = digitalSchemes.filter((scheme) => sha1 || !("hash" in scheme) || scheme.hash !== "sha1");
    for (const scheme of schemes) {
      list.push({ method: authMethod.DIGITAL_SIGNATURE, certLink: 0, algorithm: signatureAlgorithm(scheme) });
    }
    list.push(...[1, 9, 10, 11].map(plain));
  }
  if (kinds.has("psk")) list.push(plain(authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE));
  if (kinds.has("null")) list.push(plain(authMethod.NULL_AUTHENTICATION));
  return list;
}
