/** What AUTH is made of, with a pre-shared key or a signature (RFC 7296 2.15). */
import { type KeyedPrf, keyPrf } from "../crypto/prf.ts";
import type { PrfTransform } from "../crypto/transforms/prf.ts";
import type { IdiPayload, IdrPayload } from "../wire/ikev2/payloads/identity.ts";

const keyPad = Buffer.from("Key Pad for IKEv2", "ascii");

/** What one end signs: its own first message, the other end's nonce, and its identity under its SK_p. */
export interface SignedOctets {
  readonly message: Uint8Array;
  readonly nonce: Uint8Array;
  readonly identity: Pick<IdiPayload | IdrPayload, "idType" | "data" | "bodyReserved">;
  readonly skP: Uint8Array;
}

/** AUTH = prf(prf(Shared Secret, "Key Pad for IKEv2"), message | nonce | prf(SK_p, IDx')). */
export function pskAuth(prf: PrfTransform, secret: Uint8Array, signed: SignedOctets): Buffer {
  const padded = once(prf, secret, keyPad);
  const auth = once(prf, padded, signed.message, signed.nonce, macedIdentity(prf, signed));
  padded.fill(0);
  return auth;
}

/** What a signature is made over: message | nonce | prf(SK_p, IDx'). */
export function signedOctets(prf: PrfTransform, signed: SignedOctets): Buffer {
  return Buffer.concat([signed.message, signed.nonce, macedIdentity(prf, signed)]);
}

/** prf(SK_p, IDx'). */
export function macedIdentity(prf: PrfTransform, { identity, skP }: SignedOctets): Buffer {
  const reserved = identity.bodyReserved ?? 0;
  const head = Uint8Array.of(identity.idType, reserved >>> 16, (reserved >>> 8) & 0xff, reserved & 0xff);
  return once(prf, skP, head, identity.data);
}

function once(prf: PrfTransform, key: Uint8Array, ...chunks: Uint8Array[]): Buffer {
  const keyed: KeyedPrf = keyPrf(prf, key);
  const output = keyed.sign(...chunks);
  keyed.destroy();
  return output;
}
