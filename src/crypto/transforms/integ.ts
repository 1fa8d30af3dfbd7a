import type { MacMethod } from "../mac/mac.ts";

/** An integrity algorithm (transform type 3). Lengths in octets. */
export interface IntegTransform {
  readonly type: "INTEG";
  readonly keyword: string;
  readonly ikev2: number;
  /** Numbers in the IKEv1 registries: Authentication Algorithm attribute of ESP and AH, AH transform identifier. */
  readonly ikev1?: { readonly auth: number; readonly ah: number };
  readonly name: string;
  readonly keyLength: number;
  readonly icvLength: number;
  readonly uses: { readonly ike: boolean; readonly esp: boolean; readonly ah: boolean };
  readonly kernel?: { readonly name: string; readonly icvBits: number };
  readonly strength: number;
  readonly weak?: string;
  readonly decodeOnly?: string;
  /** The PRF that an IKE proposal implies when it names this algorithm and no PRF. */
  readonly impliedPrf?: string;
  readonly method?: MacMethod;
}

const everywhere = { ike: true, esp: true, ah: true } as const;
const md5IsBroken = "MD5 is broken as a hash and forbidden here by RFC 8221 and RFC 8247";

/** The INTEG rows, strongest first. */
export const integTransforms: readonly IntegTransform[] = [
  {
    type: "INTEG",
    keyword: "sha512",
    ikev2: 14,
    ikev1: { auth: 7, ah: 7 },
    name: "AUTH_HMAC_SHA2_512_256",
    keyLength: 64,
    icvLength: 32,
    uses: everywhere,
    kernel: { name: "hmac(sha512)", icvBits: 256 },
    strength: 256,
    impliedPrf: "prfsha512",
    method: { kind: "hmac", hash: "sha512" },
  },
  {
    type: "INTEG",
    keyword: "sha384",
    ikev2: 13,
    ikev1: { auth: 6, ah: 6 },
    name: "AUTH_HMAC_SHA2_384_192",
    keyLength: 48,
    icvLength: 24,
    uses: everywhere,
    kernel: { name: "hmac(sha384)", icvBits: 192 },
    strength: 192,
    impliedPrf: "prfsha384",
    method: { kind: "hmac", hash: "sha384" },
  },
  {
    type: "INTEG",
    keyword: "sha256",
    ikev2: 12,
    ikev1: { auth: 5, ah: 5 },
    name: "AUTH_HMAC_SHA2_256_128",
    keyLength: 32,
    icvLength: 16,
    uses: everywhere,
    kernel: { name: "hmac(sha256)", icvBits: 128 },
    strength: 128,
    impliedPrf: "prfsha256",
    method: { kind: "hmac", hash: "sha256" },
  },
  {
    type: "INTEG",
    keyword: "aescmac",
    ikev2: 8,
    name: "AUTH_AES_CMAC_96",
    keyLength: 16,
    icvLength: 12,
    uses: everywhere,
    kernel: { name: "cmac(aes)", icvBits: 96 },
    strength: 96,
    impliedPrf: "prfaescmac",
    method: { kind: "aes-cmac" },
  },
  {
    type: "INTEG",
    keyword: "aesxcbc",
    ikev2: 5,
    ikev1: { auth: 9, ah: 9 },
    name: "AUTH_AES_XCBC_96",
    keyLength: 16,
    icvLength: 12,
    uses: everywhere,
    kernel: { name: "xcbc(aes)", icvBits: 96 },
    strength: 96,
    impliedPrf: "prfaesxcbc",
    method: { kind: "aes-xcbc" },
  },
  {
    type: "INTEG",
    keyword: "sha1_160",
    ikev2: 7,
    name: "AUTH_HMAC_SHA1_160",
    keyLength: 20,
    icvLength: 20,
    uses: everywhere,
    kernel: { name: "hmac(sha1)", icvBits: 160 },
    strength: 160,
    impliedPrf: "prfsha1",
    method: { kind: "hmac", hash: "sha1" },
  },
  {
    type: "INTEG",
    keyword: "sha1",
    ikev2: 2,
    ikev1: { auth: 2, ah: 3 },
    name: "AUTH_HMAC_SHA1_96",
    keyLength: 20,
    icvLength: 12,
    uses: everywhere,
    kernel: { name: "hmac(sha1)", icvBits: 96 },
    strength: 96,
    impliedPrf: "prfsha1",
    method: { kind: "hmac", hash: "sha1" },
  },
  {
    type: "INTEG",
    keyword: "md5",
    ikev2: 1,
    ikev1: { auth: 1, ah: 2 },
    name: "AUTH_HMAC_MD5_96",
    keyLength: 16,
    icvLength: 12,
    uses: everywhere,
    kernel: { name: "hmac(md5)", icvBits: 96 },
    strength: 96,
    weak: md5IsBroken,
    impliedPrf: "prfmd5",
    method: { kind: "hmac", hash: "md5" },
  },
  {
    type: "INTEG",
    keyword: "md5_128",
    ikev2: 6,
    name: "AUTH_HMAC_MD5_128",
    keyLength: 16,
    icvLength: 16,
    uses: { ike: false, esp: false, ah: false },
    strength: 128,
    weak: md5IsBroken,
    decodeOnly: "it is for Fibre Channel (RFC 4595)",
  },
  ahGmac(256, 11, 13),
  ahGmac(192, 10, 12),
  ahGmac(128, 9, 11),
];

/** RFC 4543 5: AES-GMAC as an integrity algorithm of AH; the key holds four octets of salt. */
function ahGmac(bits: 128 | 192 | 256, ikev2: number, ikev1: number): IntegTransform {
  return {
    type: "INTEG",
    keyword: `ahgmac${bits}`,
    ikev2,
    ikev1: { auth: ikev1, ah: ikev1 },
    name: `AUTH_AES_${bits}_GMAC`,
    keyLength: bits / 8 + 4,
    icvLength: 16,
    uses: { ike: false, esp: false, ah: true },
    strength: bits,
    decodeOnly: "Linux has no AES-GMAC for AH",
  };
}
