import { prfNamed } from "../../crypto/foreign-names.ts";
import { rekeySkeyseed, skeyseed } from "../../crypto/ikev2-keys.ts";
import { keyPrf, prfPlus } from "../../crypto/prf.ts";
import type { Ikev2KeysCase, Outcome } from "../case.ts";
import { compared, notApplicable, octets } from "./outcome.ts";

/** Every step of RFC 7296 2.14, 2.17 and 2.18 of which the vector has the result. */
export function checkIkev2Keys(vector: Ikev2KeysCase): Outcome {
  const row = prfNamed(vector.prf);
  if (row === undefined) return notApplicable(vector.prf, "not a PRF of IKEv2");
  const [ni, nr, shared] = [octets(vector.ni), octets(vector.nr), octets(vector.shared)];
  const seed = skeyseed(row, ni, nr, shared);
  const nonces = Buffer.concat([ni, nr]);
  const keys = prfPlus(
    keyPrf(row, seed),
    Buffer.concat([nonces, octets(vector.spiI), octets(vector.spiR)]),
    Math.max(row.keyLength, (vector.keys ?? "").length / 2),
  );
  const skD = keys.subarray(0, row.keyLength);
  const fresh = octets(vector.newShared ?? "");
  const stretched = (data: Uint8Array, hex: string) => prfPlus(keyPrf(row, skD), data, hex.length / 2);
  const steps: readonly [string | undefined, (wanted: string) => Buffer][] = [
    [vector.skeyseed, () => seed],
    [vector.keys, (wanted) => keys.subarray(0, wanted.length / 2)],
    [vector.child, (wanted) => stretched(nonces, wanted)],
    [vector.childWithSecret, (wanted) => stretched(Buffer.concat([fresh, nonces]), wanted)],
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
