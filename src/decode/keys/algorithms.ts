/** Keys with the names that key files give their algorithms. */
import { encrNamed, integNamed } from "../../crypto/foreign-names.ts";
import { type EncrTransform, encrKeyLength } from "../../crypto/transforms/encr.ts";
import type { IntegTransform } from "../../crypto/transforms/integ.ts";

/** A key file that says something that cannot be. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

/** An algorithm that nothing here computes: its SA stays closed, the others of the file do not. */
export class UnknownAlgorithmError extends KeyFileError {}

/** The cipher of that name for a key of so many octets, salt included. Throws {@link KeyFileError}, and {@link UnknownAlgorithmError} where the name is of none. */
export function cipherFor(name: string, octets: number, icvLength?: number): EncrTransform {
  for (const saltLength of [0, 3, 4]) {
    const row = encrNamed(name, { keyLength: octets - saltLength, icvLength });
    if (row !== undefined && row.saltLength === saltLength && encrKeyLength(row) === octets) return row;
  }
  if (!keyOctets.some((keyLength) => encrNamed(name, { keyLength }) !== undefined))
    throw new UnknownAlgorithmError(`no cipher "${name}" is known`);
  throw new KeyFileError(`no cipher "${name}" with a key of ${octets} octets is known`);
}

/** The integrity algorithm of that name; undefined for none. Throws {@link UnknownAlgorithmError}. */
export function integrityFor(
  name: string,
): { readonly integ: IntegTransform; readonly icvLength?: number } | undefined {
  if (/^\s*(?:|null|none.*|any.*)$/i.test(name.replace(/\[[^\]]*\]/g, "").trim())) return undefined;
  const named = integNamed(name);
  if (named === undefined) throw new UnknownAlgorithmError(`no integrity algorithm "${name}" is known`);
  return named;
}

/** The octets of an ICV of which Wireshark's tables say that it is there and not to be checked; undefined for others. */
export function uncheckedIcvLength(name: string): number | undefined {
  const bits = /ANY (\d+) bit/i.exec(name)?.[1];
  return bits === undefined ? undefined : Number(bits) / 8;
}

/** Keys of ciphers, without salt. */
const keyOctets: readonly number[] = [8, 16, 24, 32];
