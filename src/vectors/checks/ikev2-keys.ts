import { prfNamed } from "../../crypto/foreign-names.ts";
import { childKeymat, ikeKeyStream, rekeySkeyseed, skeyseed } from "../../crypto/ikev2-keys.ts";
import type { Ikev2KeysCase, Outcome } from "../case.ts";
import { compared, notApplicable, octets } from "./outcome.ts";

/** Every step of RFC 7296 2.14, 2.17 and 2.18 of which the vector has the result. */
export function checkIkev2Keys(vector: Ikev2KeysCase): Outcome {
  const row = prfNamed(vector.prf);
  if (row === undefined) return notApplicable(vector.prf, "not a PRF of IKEv2");
  const [ni, nr, shared] = [octets(vector.ni), octets(vector.nr), octets(vector.shared)];
  const [spiI, spiR] = [octets(vector.spiI), octets(vector.spiR)];
  const seed = skeyseed(row, ni, nr, shared);
  const known = Math.max(row.keyLength, (vector.keys ?? "").length / 2);
  const keys = ikeKeyStream(row, seed, ni, nr, spiI, spiR, known);
  const skD = keys.subarray(0, row.keyLength);
  const fresh = octets(vector.newShared ?? "");
  const steps: readonly [string | undefined, (wanted: string) => Buffer][] = [
    [vector.skeyseed, () => seed],
    [vector.keys, (wanted) => keys.subarray(0, wanted.length / 2)],
    [vector.child, (wanted) => childKeymat(row, skD, ni, nr, undefined, wanted.length / 2)],
    [vector.childWithSecret, (wanted) => childKeymat(row, skD, ni, nr, fresh, wanted.length / 2)],
    [vector.rekeySkeyseed, () => rekeySkeyseed(row, skD, fresh, ni, nr)],
  ];
  const compare = (got: Buffer, wanted: string) => {
    const outcome = compared([row.keyword], vector.result, got, octets(wanted));
    return { ...outcome, algorithm: `ikev2 keys, ${row.keyword}` };
  };
  let last: Outcome = notApplicable("ikev2 keys", "it has no result to compare");
  for (const [wanted, compute] of steps) {
    if (wanted === undefined) continue;
    last = compare(compute(wanted), wanted);
    if (last.status === "failed") return last;
  }
  return last;
}
