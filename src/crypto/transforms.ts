import { type EncrTransform, encrTransforms } from "./transforms/encr.ts";
import { type IntegTransform, integTransforms } from "./transforms/integ.ts";
import { type KeTransform, keTransforms } from "./transforms/ke.ts";
import { type PrfTransform, prfTransforms } from "./transforms/prf.ts";

/**
 * The one table of algorithms: what each transform is called, numbered, sized and done with.
 * Proposals, keywords, key material, kernel requests and the MTU formula all read it; a new algorithm is a new row.
 */

/** Extended sequence numbers or not (transform type 5). */
export interface EsnTransform {
  readonly type: "ESN";
  readonly keyword: "esn" | "noesn";
  readonly ikev2: 0 | 1;
  readonly name: string;
  readonly decodeOnly?: string;
}

/** One row of the table. */
export type Transform = EncrTransform | IntegTransform | PrfTransform | KeTransform | EsnTransform;

/** The five transform types of RFC 7296 3.3.2. */
export type TransformType = Transform["type"];

const esnTransforms: readonly EsnTransform[] = [
  { type: "ESN", keyword: "noesn", ikev2: 0, name: "No Extended Sequence Numbers" },
  { type: "ESN", keyword: "esn", ikev2: 1, name: "Extended Sequence Numbers" },
];

/** Every transform known, strongest first within ENCR, INTEG, PRF and KE. */
export const transforms: readonly Transform[] = [
  ...encrTransforms,
  ...integTransforms,
  ...prfTransforms,
  ...keTransforms,
  ...esnTransforms,
];

/** Second spellings that strongSwan accepts for a keyword of the table. */
const aliases: Readonly<Record<string, string>> = {
  aes: "aes128",
  camellia: "camellia128",
  sha: "sha1",
  sha2_256: "sha256",
  sha2_384: "sha384",
  sha2_512: "sha512",
  curve25519: "x25519",
  curve448: "x448",
};

const byId: Readonly<Record<TransformType, ReadonlyMap<number, Transform>>> = {
  ENCR: indexById("ENCR"),
  INTEG: indexById("INTEG"),
  PRF: indexById("PRF"),
  KE: indexById("KE"),
  ESN: indexById("ESN"),
};

const byKeyword: ReadonlyMap<string, Transform> = indexByKeyword();

/** The row of that type, or undefined when the table has none; `R` narrows by the type asked for. */
export function findTransform<T extends TransformType>(
  type: T,
  ikev2Id: number,
  keyBits?: number,
): Extract<Transform, { type: T }> | undefined {
  // The index of a type holds rows of that type alone.
  return byId[type].get(idKey(ikev2Id, keyBits ?? 0)) as Extract<Transform, { type: T }> | undefined;
}

/** The row that a keyword or one of its second spellings names, in lower case; undefined when none does. */
export function findKeyword(keyword: string): Transform | undefined {
  return byKeyword.get(keyword);
}

/** Every word that `findKeyword` knows. */
export function knownKeywords(): Iterable<string> {
  return byKeyword.keys();
}

// Key lengths are below 2^16 (a two-octet attribute), identifiers too: one number holds both.
function idKey(id: number, keyBits: number): number {
  return id * 0x10000 + keyBits;
}

function indexById(type: TransformType): ReadonlyMap<number, Transform> {
  const index = new Map<number, Transform>();
  for (const row of transforms) {
    // A transform without the Key Length attribute must not carry one (RFC 7296 3.3.5), so it is found without.
    if (row.type === type)
      index.set(idKey(row.ikev2, row.type === "ENCR" && row.keyLengthAttribute ? row.keyBits : 0), row);
  }
  return index;
}

function indexByKeyword(): ReadonlyMap<string, Transform> {
  const index = new Map<string, Transform>(transforms.map((row) => [row.keyword, row]));
  for (const [alias, keyword] of [...Object.entries(aliases), ...icvAliases()]) {
    const row = index.get(keyword);
    if (row !== undefined) index.set(alias, row);
  }
  return index;
}

/** AES-GCM and AES-CCM are also written with the ICV in bits ("aes128gcm128"), or without it for 16 octets. */
function* icvAliases(): Generator<[alias: string, keyword: string]> {
  for (const row of encrTransforms) {
    const family = /^(aes\d+[gc]cm)\d+$/.exec(row.keyword)?.[1];
    if (family === undefined) continue;
    yield [`${family}${row.icvLength * 8}`, row.keyword];
    if (row.icvLength === 16) yield [family, row.keyword];
  }
}
