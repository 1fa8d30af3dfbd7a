import type { EncrTransform } from "./transforms/encr.ts";
import type { IntegTransform } from "./transforms/integ.ts";
import type { PrfTransform } from "./transforms/prf.ts";
import { findKeyword, type Transform, transforms } from "./transforms.ts";

/**
 * Rows of the table by the names that other programs and test vectors use: the registry's, OpenSSL's, Wireshark's
 * ("AES-GCM-256 with 16 octet ICV [RFC5282]"), DPDK's ("SHA256_HMAC"). Never used in a negotiation.
 */

/** What may be known besides the name, in octets. */
export interface EncrHints {
  /** Without the salt. */
  readonly keyLength?: number | undefined;
  readonly icvLength?: number | undefined;
}

/** An integrity algorithm and how much of its output is sent, in octets, where that is not the row's own. */
export interface NamedInteg {
  readonly integ: IntegTransform;
  readonly icvLength?: number;
}

/** The encryption row; undefined when the table has none. */
export function encrNamed(name: string, hints: EncrHints = {}): EncrTransform | undefined {
  const exact = findKeyword(name.toLowerCase());
  if (exact?.type === "ENCR") return exact;
  const words = simplified(name);
  const icvLength = hints.icvLength ?? numberAfter(words, /(?:ICV ?|WITH |GCM |CCM )(8|12|16)(?: |$)/) ?? 16;
  const keyBits = (hints.keyLength ?? 0) * 8 || (numberAfter(words, /(?:^|[ A-Z])(128|192|256)(?: |$)/) ?? 128);
  const family = encrFamily(words);
  if (family === undefined) return undefined;
  return encrRows.find(
    (row) =>
      (family.endsWith("_") ? row.name.startsWith(family) : row.name === family) &&
      (!row.keyLengthAttribute || row.keyBits === keyBits) &&
      (!row.aead || !row.keyLengthAttribute || row.method === undefined || row.icvLength === icvLength),
  );
}

/** The integrity row; undefined for none and for what the table has not. */
export function integNamed(name: string): NamedInteg | undefined {
  const exact = findKeyword(name.toLowerCase());
  if (exact?.type === "INTEG") return { integ: exact };
  const words = simplified(name);
  const bits = numberAfter(words, /[ A-Z0-9]+ (96|128|160|192|256)$/);
  const family = integFamily(words);
  if (family === undefined) return undefined;
  const rows = integRows.filter((row) => row.name.startsWith(family) && row.decodeOnly === undefined);
  const integ = rows.find((row) => row.icvLength * 8 === bits) ?? rows.find((row) => row.icvLength !== 20) ?? rows[0];
  if (integ === undefined) return undefined;
  return bits === undefined || bits === integ.icvLength * 8 ? { integ } : { integ, icvLength: bits / 8 };
}

/** The PRF row of a PRF or of the hash that its HMAC uses. */
export function prfNamed(name: string): PrfTransform | undefined {
  const exact = findKeyword(name.toLowerCase());
  if (exact?.type === "PRF") return exact;
  const family = integFamily(simplified(name))?.replace("AUTH_", "").replace("AES_", "AES128_");
  return family === undefined ? undefined : prfRows.find((row) => row.name.endsWith(family));
}

const encrRows = transforms.filter((row): row is EncrTransform => row.type === "ENCR");
const integRows = transforms.filter((row): row is IntegTransform => row.type === "INTEG");
const prfRows = transforms.filter((row: Transform): row is PrfTransform => row.type === "PRF");

function simplified(name: string): string {
  return name
    .replace(/\[[^\]]*\]/g, "")
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, " ")
    .trim();
}

function numberAfter(text: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

function encrFamily(words: string): string | undefined {
  if (words.includes("GMAC")) return "ENCR_NULL_AUTH_AES_GMAC";
  if (words.includes("CHACHA")) return "ENCR_CHACHA20_POLY1305";
  if (words.includes("CAMELLIA")) return /CTR|CCM|GCM/.test(words) ? undefined : "ENCR_CAMELLIA_CBC";
  if (/3DES|TRIPLE ?DES|DES EDE|3 DES/.test(words)) return "ENCR_3DES";
  if (words.includes("AES") || words.includes("RIJNDAEL")) {
    if (words.includes("GCM")) return "ENCR_AES_GCM_";
    if (words.includes("CCM")) return "ENCR_AES_CCM_";
    if (words.includes("CTR") || words.includes("COUNTER")) return "ENCR_AES_CTR";
    return "ENCR_AES_CBC";
  }
  if (/(?:^| )DES(?: (?:CBC|EDE))?$/.test(words)) return "ENCR_DES";
  return /(?:^| )NULL(?: |$)/.test(words) ? "ENCR_NULL" : undefined;
}

function integFamily(words: string): string | undefined {
  const sha2 = /SHA ?2? ?(256|384|512)/.exec(words)?.[1];
  if (sha2 !== undefined) return `AUTH_HMAC_SHA2_${sha2}`;
  if (/SHA ?2? ?224/.test(words)) return undefined;
  if (/SHA ?1|SHA(?: |$)/.test(words)) return "AUTH_HMAC_SHA1";
  if (words.includes("MD5")) return "AUTH_HMAC_MD5";
  if (words.includes("CAMELLIA")) return undefined;
  if (words.includes("XCBC")) return "AUTH_AES_XCBC";
  if (words.includes("CMAC")) return "AUTH_AES_CMAC";
  return undefined;
}
