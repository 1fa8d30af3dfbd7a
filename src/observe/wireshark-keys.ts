/** Lines of Wireshark's key tables (its "uat" files): each an SA. */
import type { EncrTransform } from "../crypto/transforms/encr.ts";
import type { IntegTransform } from "../crypto/transforms/integ.ts";
import type { SaInstall } from "../kernel/port.ts";
import type { WitnessedIkeKeys, WitnessedIsakmpKey } from "../sa/key-witness.ts";

/** A line of `ikev2_decryption_table`: SPIs, SK_e, cipher, SK_a, integrity algorithm. */
export function ikeSaLine(keys: WitnessedIkeKeys): string {
  const { encr, integ } = keys;
  const spi = (value: bigint) => value.toString(16).padStart(16, "0");
  const cells = [
    spi(keys.initiatorSpi),
    spi(keys.responderSpi),
    hex(keys.skEi),
    hex(keys.skEr),
    `"${ikeCipherName(encr)}"`,
    hex(keys.skAi),
    hex(keys.skAr),
    `"${integ === undefined ? "NONE [RFC4306]" : (ikeIntegrityNames[integ.keyword] ?? integ.name)}"`,
  ];
  return cells.join(",");
}

/** A line of `ikev1_decryption_table`: the initiator's cookie, the encryption key. */
export function isakmpSaLine({ initiatorCookie, key }: WitnessedIsakmpKey): string {
  return `${initiatorCookie.toString(16).padStart(16, "0")},${hex(key)}`;
}

/** A line of `esp_sa`; undefined for AH, of which Wireshark has no keys. */
export function espSaLine(sa: SaInstall): string | undefined {
  if (sa.encr === undefined) return undefined;
  const { transform, key } = sa.encr;
  const cells = [
    sa.source.includes(":") ? "IPv6" : "IPv4",
    sa.source,
    sa.destination,
    `0x${sa.spi.toString(16).padStart(8, "0")}`,
    espCipherName(transform),
    key.length === 0 ? "" : `0x${hex(key)}`,
    espIntegrityName(transform, sa.integ?.transform),
    sa.integ === undefined ? "" : `0x${hex(sa.integ.key)}`,
    sa.esn ? "64-bit" : "32-bit",
  ];
  return cells.map((cell) => `"${cell}"`).join(",");
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}

/** As epan/dissectors/packet-isakmp.c names them; what it does not know it can still be told by hand. */
function ikeCipherName({ name, keyword, keyBits, icvLength, method }: EncrTransform): string {
  switch (method?.mode) {
    case "gcm":
      return `AES-GCM-${keyBits} with ${icvLength} octet ICV [RFC5282]`;
    case "ccm":
      return `AES-CCM-${keyBits} with ${icvLength} octet ICV [RFC5282]`;
    case "cbc":
      if (name === "ENCR_AES_CBC") return `AES-CBC-${keyBits} [RFC3602]`;
      return keyword === "3des" ? "3DES [RFC2451]" : `${name}-${keyBits}`;
    case "ctr":
      return `AES-CTR-${keyBits} [RFC5930]`;
    default:
      return name;
  }
}

const ikeIntegrityNames: Readonly<Record<string, string>> = {
  md5: "HMAC_MD5_96 [RFC2403]",
  sha1: "HMAC_SHA1_96 [RFC2404]",
  sha1_160: "HMAC_SHA1_160 [RFC4595]",
  sha256: "HMAC_SHA2_256_128 [RFC4868]",
  sha384: "HMAC_SHA2_384_192 [RFC4868]",
  sha512: "HMAC_SHA2_512_256 [RFC4868]",
};

function espCipherName({ name, icvLength, keyword, method }: EncrTransform): string {
  if (method?.mode === "gcm") return `AES-GCM with ${icvLength} octet ICV [RFC4106]`;
  if (method?.mode === "chacha20-poly1305") return "ChaCha20 with Poly1305 [RFC7634]";
  const names: Readonly<Record<string, string>> = {
    ENCR_AES_CBC: "AES-CBC [RFC3602]",
    ENCR_AES_CTR: "AES-CTR [RFC3686]",
    ENCR_3DES: "TripleDES-CBC [RFC2451]",
    ENCR_DES: "DES-CBC [RFC2405]",
    ENCR_NULL: "NULL",
  };
  return names[name] ?? (keyword.includes("gmac") ? "NULL" : name);
}

function espIntegrityName(encr: EncrTransform, integ: IntegTransform | undefined): string {
  if (integ === undefined)
    return encr.aead ? (encr.method === undefined ? "ANY 128 bit authentication [no checking]" : "NULL") : "NULL";
  const names: Readonly<Record<string, string>> = {
    md5: "HMAC-MD5-96 [RFC2403]",
    sha1: "HMAC-SHA-1-96 [RFC2404]",
    sha256: "HMAC-SHA-256-128 [RFC4868]",
    sha384: "HMAC-SHA-384-192 [RFC4868]",
    sha512: "HMAC-SHA-512-256 [RFC4868]",
  };
  return names[integ.keyword] ?? `ANY ${integ.icvLength * 8} bit authentication [no checking]`;
}
