import { EspCipher } from "../../crypto/esp-cipher.ts";
import { encrNamed } from "../../crypto/foreign-names.ts";
import { makeSkCipher } from "../../crypto/sk-cipher.ts";
import { findKeyword } from "../../crypto/transforms.ts";
import type { AeadCase, CipherCase, Outcome } from "../case.ts";
import { compared, failed, notApplicable, octets } from "./outcome.ts";

const ICV_LENGTH = 16;
const nothing = Buffer.alloc(0);

/** A cipher as the SK payload uses it: sealed with an integrity algorithm, whose ICV is taken off again. */
export function checkCipher(vector: CipherCase): Outcome {
  const key = octets(vector.key);
  const row = encrNamed(vector.algorithm, { keyLength: key.length });
  const integ = findKeyword("sha256");
  if (row === undefined || integ?.type !== "INTEG") return notApplicable(vector.algorithm, "not in the table");
  if (row.aead || row.keyBits !== key.length * 8) {
    return notApplicable(row.keyword, `the key has ${key.length * 8} bits`);
  }
  const [plaintext, ciphertext, iv] = [octets(vector.plaintext), octets(vector.ciphertext), octets(vector.iv)];
  if (iv.length !== row.ivLength) return notApplicable(row.keyword, `the IV has ${iv.length} octets`);
  if (row.keyword === "null") {
    // Never in IKE: the ESP codec has it.
    const cipher = new EspCipher({ encr: row, encrKey: nothing });
    const packet = cipher.seal(Buffer.alloc(8), nothing, plaintext);
    return compared([row.keyword], vector.result, packet.subarray(8), ciphertext);
  }
  const integKey = Buffer.alloc(integ.keyLength);
  const cipher = makeSkCipher(row, integ, Buffer.concat([key, octets(vector.salt ?? "")]), integKey);
  if (plaintext.length % row.blockLength !== 0) return notApplicable(row.keyword, "the plaintext is not whole blocks");
  const sealed = cipher.seal(nothing, iv, plaintext);
  const opened = cipher.open(nothing, iv, sealed);
  cipher.destroy();
  if (opened === undefined || !opened.equals(plaintext)) return failed([row.keyword], "does not open what it sealed");
  return compared([row.keyword], vector.result, sealed.subarray(0, sealed.length - ICV_LENGTH), ciphertext);
}

/** An AEAD cipher, both ways; one that must be refused is only opened. */
export function checkAead(vector: AeadCase): Outcome {
  const [key, nonce, tag] = [octets(vector.key), octets(vector.nonce), octets(vector.tag)];
  const row = encrNamed(vector.algorithm, { keyLength: key.length, icvLength: tag.length });
  if (row === undefined) return notApplicable(vector.algorithm, `not in the table with a tag of ${tag.length} octets`);
  if (row.keyBits !== key.length * 8) return notApplicable(row.keyword, `the key has ${key.length * 8} bits`);
  const nonceLength = row.saltLength + row.ivLength;
  if (nonce.length !== nonceLength) {
    return notApplicable(row.keyword, `its nonce has ${nonceLength} octets in IPsec, not as many as here`);
  }
  if (tag.length !== row.icvLength) {
    return notApplicable(row.keyword, `its ICV has ${row.icvLength} octets in IPsec, not as many as here`);
  }
  if (row.method === undefined) return notApplicable(row.keyword, "only whole ESP packets are computed with it");
  const iv = nonce.subarray(row.saltLength);
  const aad = octets(vector.aad);
  const cipher = makeSkCipher(row, undefined, Buffer.concat([key, nonce.subarray(0, row.saltLength)]), nothing);
  const sealed = Buffer.concat([octets(vector.ciphertext), tag]);
  const opened = cipher.open(aad, iv, sealed);
  const plaintext = octets(vector.plaintext);
  if (vector.result === "invalid")
    return compared([row.keyword], "invalid", opened === undefined ? undefined : sealed, sealed);
  if (opened !== undefined && !opened.equals(plaintext)) {
    return compared([row.keyword], vector.result, opened, plaintext);
  }
  return compared(
    [row.keyword],
    vector.result,
    opened === undefined ? undefined : cipher.seal(aad, iv, plaintext),
    sealed,
  );
}
