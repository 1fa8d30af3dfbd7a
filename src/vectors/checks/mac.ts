import { gmac } from "../../crypto/esp-cipher.ts";
import { encrNamed, integNamed, prfNamed } from "../../crypto/foreign-names.ts";
import { keyMac } from "../../crypto/mac/mac.ts";
import { keyPrf, prfPlus } from "../../crypto/prf.ts";
import { transforms } from "../../crypto/transforms.ts";
import type { MacCase, Outcome, PrfCase } from "../case.ts";
import { compared, notApplicable, octets } from "./outcome.ts";

/** A MAC of the table, compared in as many octets as the vector has. */
export function checkMac(vector: MacCase): Outcome {
  if (vector.nonce !== undefined) return checkGmac(vector, octets(vector.nonce));
  const named = integNamed(vector.algorithm);
  const method = named?.integ.method;
  if (named === undefined || method === undefined) return notApplicable(vector.algorithm, "not in the table");
  const key = octets(vector.key);
  if (method.kind !== "hmac" && key.length !== 16) {
    return notApplicable(named.integ.keyword, "only 128-bit keys are used in IPsec");
  }
  const wanted = octets(vector.mac);
  // Every truncation of one MAC is the same code; a row counts when its own length was compared.
  const rows = transforms.filter(
    (row) =>
      row.type === "INTEG" &&
      row.method?.kind === method.kind &&
      (row.method.kind !== "hmac" || method.kind !== "hmac" || row.method.hash === method.hash) &&
      row.icvLength <= wanted.length,
  );
  const keyed = keyMac(method, key);
  const mac = keyed.sign(octets(vector.data)).subarray(0, wanted.length);
  keyed.destroy();
  return compared([named.integ.keyword, ...rows.map((row) => row.keyword)], vector.result, mac, wanted);
}

/** As ESP packets are authenticated with it (RFC 4543). */
function checkGmac({ algorithm, key, data, mac, result }: MacCase, nonce: Uint8Array): Outcome {
  const row = encrNamed(algorithm, { keyLength: key.length / 2 });
  if (row?.name !== "ENCR_NULL_AUTH_AES_GMAC" || row.keyBits !== key.length * 4)
    return notApplicable(algorithm, "no MAC of IPsec that has a nonce");
  const nonceLength = row.saltLength + row.ivLength;
  if (nonce.length !== nonceLength)
    return notApplicable(row.keyword, `its nonce has ${nonceLength} octets in IPsec, not as many as here`);
  return compared([row.keyword], result, gmac(octets(key), nonce, octets(data)), octets(mac));
}

/** A PRF of the table, or prf+ with it. */
export function checkPrf(vector: PrfCase): Outcome {
  const row = prfNamed(vector.prf);
  if (row === undefined) return notApplicable(vector.prf, "not in the table");
  const keyed = keyPrf(row, octets(vector.key));
  const wanted = octets(vector.out);
  const data = octets(vector.data);
  const out = vector.check === "prf" ? keyed.sign(data) : prfPlus(keyed, data, wanted.length);
  keyed.destroy();
  return compared([row.keyword], vector.result, out.subarray(0, wanted.length), wanted);
}
