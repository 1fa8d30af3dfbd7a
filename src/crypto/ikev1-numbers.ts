import { type EncrTransform, encrTransforms } from "./transforms/encr.ts";
import { type IntegTransform, integTransforms } from "./transforms/integ.ts";
import { type KeTransform, keTransforms } from "./transforms/ke.ts";
import { type PrfTransform, prfTransforms } from "./transforms/prf.ts";

/** The rows of the one table by the numbers that IKEv1 has for them. */

/** A row that protects ISAKMP messages, with its number there. */
export type IsakmpEncr = EncrTransform & { readonly ikev1: { readonly ike: number } };

/** A row whose hash is negotiated in phase 1: the hash itself, and its HMAC as PRF (RFC 2409 4). */
export type IsakmpHash = PrfTransform & {
  readonly ikev1: { readonly hash: number };
  readonly method: { readonly kind: "hmac" };
};

// Key lengths are below 2^16 (a two-octet attribute), identifiers too: one number holds both.
function key(number: number, keyBits: number): number {
  return number * 0x10000 + keyBits;
}

/** Rows by number, and by key length where the Key Length attribute says it. */
function encrBy<R extends EncrTransform>(rows: readonly R[], number: (row: R) => number | undefined) {
  const index = new Map<number, R>();
  for (const row of rows) {
    const own = number(row);
    if (own !== undefined) index.set(key(own, row.keyLengthAttribute ? row.keyBits : 0), row);
  }
  return index;
}

function by<R>(rows: readonly R[], number: (row: R) => number | undefined): ReadonlyMap<number, R> {
  const index = new Map<number, R>();
  for (const row of rows) {
    const own = number(row);
    if (own !== undefined) index.set(own, row);
  }
  return index;
}

const isakmpEncrs = encrBy(encrTransforms.filter(isIsakmpEncr), ({ ikev1 }) => ikev1.ike);
const espTransforms = encrBy(encrTransforms, ({ ikev1 }) => ikev1?.esp);
const hashes = by(prfTransforms.filter(isIsakmpHash), ({ ikev1 }) => ikev1.hash);
const groups = by(keTransforms, ({ ikev1 }) => ikev1);
const authentications = by(integTransforms, ({ ikev1 }) => ikev1?.auth);
const ahTransforms = by(integTransforms, ({ ikev1 }) => ikev1?.ah);

/** Whether IKEv1 has a number for it in phase 1; those rows are all CBC. */
export function isIsakmpEncr(row: EncrTransform): row is IsakmpEncr {
  return row.ikev1?.ike !== undefined;
}

/** Whether IKEv1 has a number for it in phase 1. */
export function isIsakmpHash(row: PrfTransform): row is IsakmpHash {
  return row.ikev1 !== undefined && row.method.kind === "hmac";
}

/** Encryption Algorithm attribute of phase 1, with the Key Length attribute where there is one. */
export function findIsakmpEncr(number: number, keyBits?: number): IsakmpEncr | undefined {
  return isakmpEncrs.get(key(number, keyBits ?? 0));
}

/** Hash Algorithm attribute of phase 1. */
export function findIsakmpHash(number: number): IsakmpHash | undefined {
  return hashes.get(number);
}

/** Group Description attribute, of both phases. */
export function findIkev1Group(number: number): KeTransform | undefined {
  return groups.get(number);
}

/** ESP transform identifier, with the Key Length attribute where there is one. */
export function findEspTransform(id: number, keyBits?: number): EncrTransform | undefined {
  return espTransforms.get(key(id, keyBits ?? 0));
}

/** Authentication Algorithm attribute of ESP and AH. */
export function findIkev1Authentication(number: number): IntegTransform | undefined {
  return authentications.get(number);
}

/** AH transform identifier; it and the Authentication Algorithm attribute must name the same row (RFC 2407 4.4.3). */
export function findAhTransform(id: number): IntegTransform | undefined {
  return ahTransforms.get(id);
}
