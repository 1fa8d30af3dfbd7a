/** Encryption with RSA, PKCS #1 v1.5 (RFC 8017 7.2), which phase 1 of IKEv1 may prove itself by (RFC 2409 5.2). */
import { constants, createHmac, type KeyObject, privateDecrypt, publicEncrypt } from "node:crypto";
import type { PublicKey } from "./public-key.ts";

/** Octets of what stands in the place of a plaintext that is none. */
const substituteLength = 32;

/** Octets that the padding takes of the modulus' length. */
export const paddingLength = 11;

/** Encrypts up to the modulus' length less {@link paddingLength} octets for who has the private key; not deterministic. */
export function encryptFor({ handle }: PublicKey, plaintext: Uint8Array): Buffer {
  return publicEncrypt({ key: handle, padding: constants.RSA_PKCS1_PADDING }, plaintext);
}

/**
 * The plaintext; where the padding is wrong, octets that only this key could have made of this ciphertext: whoever sent it
 * must not learn which of the two it was (implicit rejection, against Bleichenbacher's attack, which
 * was carried out on this very exchange).
 */
export function decryptWith(key: KeyObject, ciphertext: Uint8Array): Buffer {
  const substitute = substituteFor(key, ciphertext);
  let padded: Buffer;
  try {
    padded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext);
  } catch {
    // A number that is not below the modulus: its sender knows that much.
    return substitute;
  }
  // Every octet is looked at, whatever those before it were.
  let separator = 0;
  for (let i = padded.length - 1; i >= 2; i -= 1) separator = padded[i] === 0 ? i : separator;
  const isPadded = (padded[0] === 0 ? 1 : 0) & (padded[1] === 2 ? 1 : 0) & (separator >= paddingLength - 1 ? 1 : 0);
  const plaintext = Buffer.from(padded.subarray(separator + 1));
  padded.fill(0);
  return isPadded === 1 ? plaintext : substitute;
}

function substituteFor(key: KeyObject, ciphertext: Uint8Array): Buffer {
  const secret = key.export({ format: "der", type: "pkcs8" });
  const substitute = createHmac("sha256", secret).update(ciphertext).digest();
  secret.fill(0);
  return substitute.subarray(0, substituteLength);
}
