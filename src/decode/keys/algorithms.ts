/** Keys with the names that key files give their algorithms. */
import { encrNamed, integNamed } from "../../crypto/foreign-names.ts";
import { type EncrTransform, encrKeyLength } from "../../crypto/transforms/encr.ts";
import type { IntegTransform } from "../../crypto/transforms/integ.ts";

/** A key file that says something that cannot be. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
}

/** The cipher of that name for a key of so many octets, salt included. Throws {@link KeyFileError}. */
export function cipherFor(name: string, octets: number, icvLength?: number): EncrTransform {
  for (const saltLength of [0, 3, 4]) {
    const row = encrNamed(name, { keyLength: octets - saltLength, icvLength });
    if (row !== undefined && row.saltLength === saltLength && encrKeyLength(row) === octets) return row;
  }
  throw new KeyFileError(`no cipher "${name}" with a key of ${octets} octets is known`);
}

/** The integrity algorithm of that name; undefined for none. Throws {@link KeyFileError}. */
export function integrityFor(
  name: string,
): { readonly integ: IntegTransform; readonly icvLength?: number } | undefined {
  if (/^\s*(?:|null|none.*|any.*)$/i.test(name.replace(/\[[^\]]*\]/g, "").trim())) return undefined;
  const named = integNamed(name);
  if (named === undefined) throw new KeyFileError(`no integrity algorithm "${name}" is known`);
  return named;
}
