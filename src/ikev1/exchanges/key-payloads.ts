/**
 * Key exchange value and nonce of phase 1: in clear, or with the identity encrypted for the one end that
 * has the private key (RFC 2409 5.2, 5.3).
 */

import type { OwnKey } from "../../credentials/own-key.ts";
import { hash } from "../../crypto/hash.ts";
import { expandCipherKey } from "../../crypto/ikev1-keys.ts";
import { IsakmpCipher } from "../../crypto/isakmp-cipher.ts";
import { keyPrf } from "../../crypto/prf.ts";
import { constantTimeEqual, wipe } from "../../crypto/secret.ts";
import { encryptionMethod } from "../../negotiate/isakmp-methods.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { encryptionKey, ownEncryptionKeys } from "../../sa/ikev1-methods.ts";
import { WireError } from "../../wire/error.ts";
import { limits } from "../../wire/ikev1/limits.ts";
import { decodeBody, encodeBody } from "../../wire/ikev1/message.ts";
import type { IdPayload } from "../../wire/ikev1/payloads/identity.ts";
import type { OpaquePayload, Payload } from "../../wire/ikev1/payloads/table.ts";
import { payloadType } from "../../wire/ikev1/registry/message.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import { hashOf } from "../keying.ts";
import type { NatTraversal } from "../nat-detection.ts";
import { cookieOctets, find } from "../payloads.ts";
import type { Agreed, State } from "../state.ts";

/** What an end says of itself. */
export interface KeyContents {
  readonly ke: Uint8Array;
  readonly nonce: Uint8Array;
  /** Where it is said here already; else it comes with the proof. */
  readonly identity: IdPayload | undefined;
}

/** Payloads whose bodies are encrypted in what a state waits for; their headers are in clear. */
export function opaqueTypes(state: State): ReadonlySet<number> | undefined {
  const number = awaitedMethod(state);
  const method = number === undefined ? undefined : encryptionMethod(number);
  return method === undefined ? undefined : encryptedTypes[method];
}

function awaitedMethod(state: State): number | undefined {
  if (state.kind === "ExpectKeyAnswer" || state.kind === "ExpectKeyRequest") return state.agreed.terms.method;
  return state.kind === "ExpectAggressiveAnswer" ? state.offer.policy.methods[0] : undefined;
}

/** What is left unread of a first message of aggressive mode, until it is known by which method it is. */
export const unreadTypes: ReadonlySet<number> = new Set<number>([payloadType.ID, payloadType.NONCE, payloadType.KE]);

/** Reads it after all. Throws {@link WireError}. */
export function readAll(payloads: readonly Payload[]): readonly Payload[] {
  return payloads.map((one) =>
    one.isakmp === "opaque" && unreadTypes.has(one.type) ? decodeBody(one.type, one.body) : one,
  );
}

const encryptedTypes = {
  encryption: new Set<number>([payloadType.ID, payloadType.NONCE]),
  // RFC 2409 5.3: all that follow the nonce, in whatever order.
  "revised-encryption": new Set<number>([
    payloadType.ID,
    payloadType.NONCE,
    payloadType.KE,
    payloadType.CERT,
    payloadType.CR,
  ]),
} as const;

/** What NAT traversal comes to: where all that follows the nonce is encrypted, NAT-D has no place (RFC 2409 5.3). */
export function natTraversalWith(method: number, spoken: NatTraversal): NatTraversal {
  return encryptionMethod(method) === "revised-encryption" ? "none" : spoken;
}

/** Our payloads, for a peer that is known where they are to be encrypted. */
export function keyPayloads(
  sa: IkeV1Sa,
  { terms }: Pick<Agreed, "terms">,
  peer: PeerDesired | undefined,
  { ke, nonce, identity }: KeyContents,
  then: (payloads: readonly Payload[]) => void,
): void {
  const method = encryptionMethod(terms.method);
  const clear: Payload = { isakmp: "KE", data: ke };
  if (method === undefined) return then([clear, { isakmp: "NONCE", data: nonce }]);
  const credential = peer?.auth.remote[0]?.credential;
  const key = credential?.kind === "trust" ? encryptionKey(credential.trust) : undefined;
  if (key === undefined || identity === undefined) return;
  const idBody = encodeBody(identity);
  const plaintexts = method === "encryption" ? [nonce, idBody] : [nonce];
  sa.host.compute(sa, { kind: "encrypt", key, plaintexts }, (result) => {
    if (result.kind !== "encrypted") return;
    const [sealedNonce = none, sealedId = none] = result.ciphertexts;
    if (method === "encryption")
      return then([clear, opaque(payloadType.ID, sealedId), opaque(payloadType.NONCE, sealedNonce)]);
    const chain = ephemeralChain(sa.localSpi, terms, nonce);
    const rest = [opaque(payloadType.KE, chain.encrypt(ke)), opaque(payloadType.ID, chain.encrypt(idBody))];
    chain.destroy();
    then([opaque(payloadType.NONCE, sealedNonce), ...rest]);
  });
}

/** The peer's payloads; `then` gets undefined where they are none. `peers`: whoever it may be, by whose section we have our key. */
export function readKeyPayloads(
  sa: IkeV1Sa,
  { terms }: Pick<Agreed, "terms">,
  peers: readonly PeerDesired[],
  payloads: readonly Payload[],
  then: (contents: KeyContents | undefined) => void,
  theirCookie: bigint = sa.remoteSpi,
): void {
  const method = encryptionMethod(terms.method);
  if (method === undefined) return then(contentsInClear(payloads));
  const bodies = payloads.flatMap(bodyOf);
  const ke = find(payloads, "KE");
  const clearKe =
    ke === undefined ? bodies.find(({ type }) => type === payloadType.KE)?.body : Uint8Array.from(ke.data);
  const nonce = bodies.find(({ type }) => type === payloadType.NONCE);
  const id = bodies.find(({ type }) => type === payloadType.ID);
  const own = chooseKey(sa, terms, peers, payloads);
  if (nonce === undefined || id === undefined || own === undefined) return then(undefined);
  const ciphertexts = method === "encryption" ? [nonce.body, id.body] : [nonce.body];
  const before = sa.state;
  // Whatever came may be anybody's: where it is no good, what was before goes on.
  sa.state = { kind: "ExpectPlaintext", before };
  sa.host.compute(sa, { kind: "decrypt", key: own.key, ciphertexts }, (result) => {
    sa.state = before;
    if (result.kind !== "decrypted") return;
    const [plainNonce = none, plainId = none] = result.plaintexts;
    if (method === "encryption") return then(contentsOf(clearKe, plainNonce, plainId));
    const chain = ephemeralChain(theirCookie, terms, plainNonce);
    const opened = new Map<number, Uint8Array>();
    for (const { type, body } of bodies.slice(bodies.indexOf(nonce) + 1)) {
      const plaintext = chain.decrypt(body);
      if (plaintext !== undefined && !opened.has(type)) opened.set(type, plaintext);
    }
    chain.destroy();
    then(contentsOf(opened.get(payloadType.KE), plainNonce, opened.get(payloadType.ID)));
  });
}

function contentsInClear(payloads: readonly Payload[]): KeyContents | undefined {
  const ke = find(payloads, "KE");
  const nonce = find(payloads, "NONCE");
  if (ke === undefined || nonce === undefined) return undefined;
  return { ke: Uint8Array.from(ke.data), nonce: Uint8Array.from(nonce.data), identity: undefined };
}

function contentsOf(
  ke: Uint8Array | undefined,
  nonce: Uint8Array,
  idBody: Uint8Array | undefined,
): KeyContents | undefined {
  if (ke === undefined || idBody === undefined) return undefined;
  try {
    const identity = decodeBody(payloadType.ID, idBody);
    // Another length is as wrong as another padding, and must look the same to who sent it.
    const isNonce = nonce.length >= limits.nonce.min && nonce.length <= limits.nonce.max;
    return identity.isakmp === "ID" ? { ke, nonce: isNonce ? nonce : hash("sha256", nonce), identity } : undefined;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** RFC 2409 5.2: of several keys the one whose certificate's hash is sent, else the first. */
function chooseKey(
  sa: IkeV1Sa,
  terms: Agreed["terms"],
  peers: readonly PeerDesired[],
  payloads: readonly Payload[],
): OwnKey | undefined {
  const keys = peers.flatMap(({ auth }) => {
    const credential = auth.local[0]?.credential;
    return credential?.kind === "key" ? ownEncryptionKeys(credential.keys) : [];
  });
  const named = sa.role === "responder" ? find(payloads, "HASH") : undefined;
  const isNamed = ({ chain }: OwnKey): boolean =>
    named !== undefined &&
    chain[0] !== undefined &&
    constantTimeEqual(named.data, hash(hashOf(terms.suite), chain[0].der));
  return keys.find(isNamed) ?? keys[0];
}

/** Ke_i or Ke_r of RFC 2409 5.3: each payload after the nonce goes on where the one before ended, from an IV of zeros. */
function ephemeralChain(cookie: bigint, { suite }: Agreed["terms"], nonce: Uint8Array) {
  const keyed = keyPrf(suite.prf, nonce);
  const seed = keyed.sign(cookieOctets(cookie));
  keyed.destroy();
  const key = expandCipherKey(suite.prf, suite.encr, seed);
  const cipher = new IsakmpCipher(suite.encr, key);
  wipe(seed, key);
  let iv: Buffer = Buffer.alloc(cipher.blockLength);
  return {
    encrypt(body: Uint8Array): Buffer {
      const ciphertext = cipher.encrypt(iv, padded(body, cipher.blockLength));
      iv = cipher.ivAfter(ciphertext);
      return ciphertext;
    },
    decrypt(body: Uint8Array): Uint8Array | undefined {
      const plaintext = cipher.decrypt(iv, body);
      if (plaintext === undefined) return undefined;
      iv = cipher.ivAfter(body);
      const padding = (plaintext.at(-1) ?? 0) + 1;
      return padding > plaintext.length ? undefined : plaintext.subarray(0, plaintext.length - padding);
    },
    destroy: () => cipher.destroy(),
  };
}

/** RFC 2409 5.3: zeros, and their number in the last octet, which does not count itself; there always is one. */
function padded(body: Uint8Array, blockLength: number): Buffer {
  const length = (Math.floor(body.length / blockLength) + 1) * blockLength;
  const whole = Buffer.alloc(length);
  whole.set(body);
  whole[length - 1] = length - body.length - 1;
  return whole;
}

function opaque(type: number, body: Uint8Array): OpaquePayload {
  return { isakmp: "opaque", type, body };
}

/** What may be encrypted, copied out of its message: Vendor IDs too, which look the same either way. */
function bodyOf(payload: Payload): OpaquePayload[] {
  if (payload.isakmp === "opaque") return [opaque(payload.type, Uint8Array.from(payload.body))];
  return payload.isakmp === "VID" ? [opaque(payloadType.VID, Uint8Array.from(payload.data))] : [];
}

const none = new Uint8Array(0);
