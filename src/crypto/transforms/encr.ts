import type { CipherCCMTypes, CipherChaCha20Poly1305Types, CipherGCMTypes } from "node:crypto";

/** An encryption algorithm (transform type 1). Lengths in octets unless the name says bits. */
export interface EncrTransform {
  readonly type: "ENCR";
  /** As strongSwan writes it: "aes256gcm16". */
  readonly keyword: string;
  /** Transform ID in the IKEv2 registry. */
  readonly ikev2: number;
  /** Numbers in the IKEv1 registries: phase 1 encryption algorithm, ESP transform identifier. */
  readonly ikev1?: { readonly ike?: number; readonly esp?: number };
  /** Name in the IANA registry. */
  readonly name: string;
  /** Bits of the key proper, without the salt. */
  readonly keyBits: number;
  /** The Key Length attribute is sent and required (RFC 7296 3.3.5). */
  readonly keyLengthAttribute: boolean;
  /** Octets of salt that key derivation appends to the key (RFC 4106 8.1, RFC 5282 7.1, RFC 5930 2). */
  readonly saltLength: number;
  /** Octets of IV sent in each packet. */
  readonly ivLength: number;
  /** Octets of ICV; 0 unless AEAD. */
  readonly icvLength: number;
  /** The plaintext is padded to a multiple of this in the SK payload; 1 for stream modes. */
  readonly blockLength: number;
  /** Authenticates by itself, so that no INTEG is negotiated with it. */
  readonly aead: boolean;
  readonly uses: { readonly ike: boolean; readonly esp: boolean };
  /** What Linux XFRM calls it, and in which netlink attribute it goes. */
  readonly kernel?: { readonly kind: "crypt" | "aead"; readonly name: string };
  /** Bits of security. */
  readonly strength: number;
  /** Why it runs only where a peer's section allows it explicitly. */
  readonly weak?: string;
  /** Why it is understood but never offered or chosen. */
  readonly decodeOnly?: string;
  /** Why IKEv2 has no use for it, though it has a number there. */
  readonly ikev1Only?: string;
  /** How IKE's own messages are encrypted with it; absent where `uses.ike` is false. */
  readonly method?: CipherMethod;
}

/** How the SK payload is encrypted: the mode decides how the nonce is made, `openssl` names the cipher. */
export type CipherMethod =
  | {
      readonly aead: false;
      readonly mode: "cbc" | "ctr";
      readonly openssl: string;
      /** OpenSSL's cipher takes the key this many times over. */
      readonly keyCopies?: 3;
    }
  | { readonly aead: true; readonly mode: "gcm"; readonly openssl: CipherGCMTypes }
  | { readonly aead: true; readonly mode: "ccm"; readonly openssl: CipherCCMTypes }
  | { readonly aead: true; readonly mode: "chacha20-poly1305"; readonly openssl: CipherChaCha20Poly1305Types };

/** The ENCR rows, in the order in which they are preferred within a mode. */
export const encrTransforms: readonly EncrTransform[] = [
  ...aesKeyBits((bits) => gcm(bits, 16)),
  ...aesKeyBits((bits) => gcm(bits, 12)),
  ...aesKeyBits((bits) => gcm(bits, 8)),
  chacha20Poly1305(),
  ...aesKeyBits((bits) => ccm(bits, 16)),
  ...aesKeyBits((bits) => ccm(bits, 12)),
  ...aesKeyBits((bits) => ccm(bits, 8)),
  ...aesKeyBits(aesCbc),
  ...aesKeyBits(aesCtr),
  ...aesKeyBits(camelliaCbc),
  ...aesKeyBits(aesGmac),
  tripleDes(),
  singleDes(),
  nullEncryption(),
];

/** Octets of key material that a cipher takes, salt included. */
export function encrKeyLength(encr: EncrTransform): number {
  return encr.keyBits / 8 + encr.saltLength;
}

type AesKeyBits = 128 | 192 | 256;

function aesKeyBits(row: (bits: AesKeyBits) => EncrTransform): EncrTransform[] {
  return ([256, 192, 128] as const).map(row);
}

/** RFC 4106 for ESP, RFC 5282 for IKE: nonce = salt (4) | IV (8). */
function gcm(bits: AesKeyBits, icvLength: 8 | 12 | 16): EncrTransform {
  const id = { 8: 18, 12: 19, 16: 20 }[icvLength];
  return {
    type: "ENCR",
    keyword: `aes${bits}gcm${icvLength}`,
    ikev2: id,
    ikev1: { esp: id },
    name: `ENCR_AES_GCM_${icvLength}`,
    keyBits: bits,
    keyLengthAttribute: true,
    saltLength: 4,
    ivLength: 8,
    icvLength,
    blockLength: 1,
    aead: true,
    uses: { ike: true, esp: true },
    kernel: { kind: "aead", name: "rfc4106(gcm(aes))" },
    strength: bits,
    method: { aead: true, mode: "gcm", openssl: `aes-${bits}-gcm` },
  };
}

/** RFC 4309 for ESP, RFC 5282 for IKE: nonce = salt (3) | IV (8). */
function ccm(bits: AesKeyBits, icvLength: 8 | 12 | 16): EncrTransform {
  const id = { 8: 14, 12: 15, 16: 16 }[icvLength];
  return {
    type: "ENCR",
    keyword: `aes${bits}ccm${icvLength}`,
    ikev2: id,
    ikev1: { esp: id },
    name: `ENCR_AES_CCM_${icvLength}`,
    keyBits: bits,
    keyLengthAttribute: true,
    saltLength: 3,
    ivLength: 8,
    icvLength,
    blockLength: 1,
    aead: true,
    uses: { ike: true, esp: true },
    kernel: { kind: "aead", name: "rfc4309(ccm(aes))" },
    strength: bits,
    method: { aead: true, mode: "ccm", openssl: `aes-${bits}-ccm` },
  };
}

/** RFC 7634: nonce = salt (4) | IV (8); no Key Length attribute. */
function chacha20Poly1305(): EncrTransform {
  return {
    type: "ENCR",
    keyword: "chacha20poly1305",
    ikev2: 28,
    name: "ENCR_CHACHA20_POLY1305",
    keyBits: 256,
    keyLengthAttribute: false,
    saltLength: 4,
    ivLength: 8,
    icvLength: 16,
    blockLength: 1,
    aead: true,
    uses: { ike: true, esp: true },
    kernel: { kind: "aead", name: "rfc7539esp(chacha20,poly1305)" },
    strength: 256,
    method: { aead: true, mode: "chacha20-poly1305", openssl: "chacha20-poly1305" },
  };
}

/** RFC 3602. */
function aesCbc(bits: AesKeyBits): EncrTransform {
  return {
    type: "ENCR",
    keyword: `aes${bits}`,
    ikev2: 12,
    ikev1: { ike: 7, esp: 12 },
    name: "ENCR_AES_CBC",
    keyBits: bits,
    keyLengthAttribute: true,
    saltLength: 0,
    ivLength: 16,
    icvLength: 0,
    blockLength: 16,
    aead: false,
    uses: { ike: true, esp: true },
    kernel: { kind: "crypt", name: "cbc(aes)" },
    strength: bits,
    method: { aead: false, mode: "cbc", openssl: `aes-${bits}-cbc` },
  };
}

/** RFC 3686 for ESP, RFC 5930 for IKE: counter block = salt (4) | IV (8) | 1. */
function aesCtr(bits: AesKeyBits): EncrTransform {
  return {
    type: "ENCR",
    keyword: `aes${bits}ctr`,
    ikev2: 13,
    ikev1: { esp: 13 },
    name: "ENCR_AES_CTR",
    keyBits: bits,
    keyLengthAttribute: true,
    saltLength: 4,
    ivLength: 8,
    icvLength: 0,
    blockLength: 1,
    aead: false,
    uses: { ike: true, esp: true },
    kernel: { kind: "crypt", name: "rfc3686(ctr(aes))" },
    strength: bits,
    method: { aead: false, mode: "ctr", openssl: `aes-${bits}-ctr` },
  };
}

/** RFC 4312 for ESP, RFC 5529 for IKE. */
function camelliaCbc(bits: AesKeyBits): EncrTransform {
  return {
    type: "ENCR",
    keyword: `camellia${bits}`,
    ikev2: 23,
    ikev1: { ike: 8, esp: 22 },
    name: "ENCR_CAMELLIA_CBC",
    keyBits: bits,
    keyLengthAttribute: true,
    saltLength: 0,
    ivLength: 16,
    icvLength: 0,
    blockLength: 16,
    aead: false,
    uses: { ike: true, esp: true },
    kernel: { kind: "crypt", name: "cbc(camellia)" },
    strength: bits,
    method: { aead: false, mode: "cbc", openssl: `camellia-${bits}-cbc` },
  };
}

/** RFC 4543: authentication without encryption, as an AEAD whose ciphertext is the plaintext. */
function aesGmac(bits: AesKeyBits): EncrTransform {
  return {
    type: "ENCR",
    keyword: `aes${bits}gmac`,
    ikev2: 21,
    ikev1: { esp: 23 },
    name: "ENCR_NULL_AUTH_AES_GMAC",
    keyBits: bits,
    keyLengthAttribute: true,
    saltLength: 4,
    ivLength: 8,
    icvLength: 16,
    blockLength: 1,
    aead: true,
    uses: { ike: false, esp: true },
    kernel: { kind: "aead", name: "rfc4543(gcm(aes))" },
    strength: bits,
    weak: "it does not encrypt (RFC 4543)",
  };
}

/** RFC 2451; the key is 192 bits of which 168 count. */
function tripleDes(): EncrTransform {
  return {
    type: "ENCR",
    keyword: "3des",
    ikev2: 3,
    ikev1: { ike: 5, esp: 3 },
    name: "ENCR_3DES",
    keyBits: 192,
    keyLengthAttribute: false,
    saltLength: 0,
    ivLength: 8,
    icvLength: 0,
    blockLength: 8,
    aead: false,
    uses: { ike: true, esp: true },
    kernel: { kind: "crypt", name: "cbc(des3_ede)" },
    strength: 112,
    weak: "its 64-bit blocks repeat after a few gigabytes under one key (RFC 8221 5)",
    method: { aead: false, mode: "cbc", openssl: "des-ede3-cbc" },
  };
}

/**
 * RFC 2405; the key is 64 bits of which 56 count. OpenSSL 3 has it only in a provider that is not loaded: EDE under one key
 * three times is the same cipher.
 */
function singleDes(): EncrTransform {
  return {
    type: "ENCR",
    keyword: "des",
    ikev2: 2,
    ikev1: { ike: 1, esp: 2 },
    name: "ENCR_DES",
    keyBits: 64,
    keyLengthAttribute: false,
    saltLength: 0,
    ivLength: 8,
    icvLength: 0,
    blockLength: 8,
    aead: false,
    uses: { ike: true, esp: true },
    kernel: { kind: "crypt", name: "cbc(des)" },
    strength: 56,
    weak: "its keys can be found by trying them all (RFC 8221 5, RFC 8247 2.1)",
    ikev1Only: "RFC 8247 2.1 forbids it",
    method: { aead: false, mode: "cbc", openssl: "des-ede3-cbc", keyCopies: 3 },
  };
}

/** RFC 2410. */
function nullEncryption(): EncrTransform {
  return {
    type: "ENCR",
    keyword: "null",
    ikev2: 11,
    ikev1: { esp: 11 },
    name: "ENCR_NULL",
    keyBits: 0,
    keyLengthAttribute: false,
    saltLength: 0,
    ivLength: 0,
    icvLength: 0,
    blockLength: 1,
    aead: false,
    uses: { ike: false, esp: true },
    kernel: { kind: "crypt", name: "ecb(cipher_null)" },
    strength: 0,
    weak: "it does not encrypt (RFC 2410)",
  };
}
