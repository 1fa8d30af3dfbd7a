import type { MacMethod } from "../mac/mac.ts";

/** A pseudorandom function (transform type 2). Lengths in octets. */
export interface PrfTransform {
  readonly type: "PRF";
  readonly keyword: string;
  readonly ikev2: number;
  /** Hash Algorithm attribute of IKEv1 phase 1, whose HMAC is IKEv1's PRF (RFC 2409 4). */
  readonly ikev1?: { readonly hash: number };
  readonly name: string;
  /** Preferred key length: that of SK_d, SK_pi and SK_pr (RFC 7296 2.14). */
  readonly keyLength: number;
  readonly outputLength: number;
  /** Natively takes only 128-bit keys; the rules of RFC 4434 and RFC 4615 adapt others. */
  readonly fixedKey: boolean;
  readonly strength: number;
  readonly weak?: string;
  readonly decodeOnly?: string;
  readonly method: MacMethod;
}

/** The PRF rows, strongest first. */
export const prfTransforms: readonly PrfTransform[] = [
  {
    type: "PRF",
    keyword: "prfsha512",
    ikev2: 7,
    ikev1: { hash: 6 },
    name: "PRF_HMAC_SHA2_512",
    keyLength: 64,
    outputLength: 64,
    fixedKey: false,
    strength: 256,
    method: { kind: "hmac", hash: "sha512" },
  },
  {
    type: "PRF",
    keyword: "prfsha384",
    ikev2: 6,
    ikev1: { hash: 5 },
    name: "PRF_HMAC_SHA2_384",
    keyLength: 48,
    outputLength: 48,
    fixedKey: false,
    strength: 192,
    method: { kind: "hmac", hash: "sha384" },
  },
  {
    type: "PRF",
    keyword: "prfsha256",
    ikev2: 5,
    ikev1: { hash: 4 },
    name: "PRF_HMAC_SHA2_256",
    keyLength: 32,
    outputLength: 32,
    fixedKey: false,
    strength: 128,
    method: { kind: "hmac", hash: "sha256" },
  },
  {
    type: "PRF",
    keyword: "prfaescmac",
    ikev2: 8,
    name: "PRF_AES128_CMAC",
    keyLength: 16,
    outputLength: 16,
    fixedKey: true,
    strength: 128,
    method: { kind: "aes-cmac" },
  },
  {
    type: "PRF",
    keyword: "prfaesxcbc",
    ikev2: 4,
    name: "PRF_AES128_XCBC",
    keyLength: 16,
    outputLength: 16,
    fixedKey: true,
    strength: 128,
    method: { kind: "aes-xcbc" },
  },
  {
    type: "PRF",
    keyword: "prfsha1",
    ikev2: 2,
    ikev1: { hash: 2 },
    name: "PRF_HMAC_SHA1",
    keyLength: 20,
    outputLength: 20,
    fixedKey: false,
    strength: 128,
    method: { kind: "hmac", hash: "sha1" },
  },
  {
    type: "PRF",
    keyword: "prfmd5",
    ikev2: 1,
    ikev1: { hash: 1 },
    name: "PRF_HMAC_MD5",
    keyLength: 16,
    outputLength: 16,
    fixedKey: false,
    strength: 128,
    weak: "MD5 is broken as a hash and forbidden as a PRF by RFC 8247 2.2",
    method: { kind: "hmac", hash: "md5" },
  },
];
