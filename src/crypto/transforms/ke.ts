/** A key exchange method (transform type 4). */
export interface KeTransform {
  readonly type: "KE";
  readonly keyword: string;
  readonly ikev2: number;
  /** IKEv1's Group Description, the same number; the Montgomery curves (RFC 8031) came after IKEv1 and have none. */
  readonly ikev1?: number;
  readonly name: string;
  /** Octets of the public value in the KE payload. */
  readonly publicLength: number;
  readonly strength: number;
  readonly weak?: string;
  readonly decodeOnly?: string;
  /** Absent where `decodeOnly` is set. */
  readonly method?: KeMethod;
}

/** How a key exchange is computed; `openssl` names the group or curve. */
export type KeMethod =
  | { readonly kind: "modp"; readonly openssl: string }
  | { readonly kind: "ecp"; readonly openssl: string; readonly coordinateLength: number }
  | { readonly kind: "montgomery"; readonly curve: "x25519" | "x448" };

const tooSmall = "groups below 2048 bits are within reach of precomputation (RFC 8247 2.4)";
const smallSubgroups = "its prime has small subgroups and its origin is unexplained";
const not8247 = "RFC 8247 2.4 forbids group 22, advises against 23 and 24, and nobody should start with them now";

/** The KE rows, strongest first within a family. */
export const keTransforms: readonly KeTransform[] = [
  {
    type: "KE",
    keyword: "x25519",
    ikev2: 31,
    name: "Curve25519",
    publicLength: 32,
    strength: 128,
    method: { kind: "montgomery", curve: "x25519" },
  },
  {
    type: "KE",
    keyword: "x448",
    ikev2: 32,
    name: "Curve448",
    publicLength: 56,
    strength: 224,
    method: { kind: "montgomery", curve: "x448" },
  },
  ecp("ecp521", 21, "521-bit random ECP group", "secp521r1", 66, 256),
  ecp("ecp384", 20, "384-bit random ECP group", "secp384r1", 48, 192),
  ecp("ecp256", 19, "256-bit random ECP group", "prime256v1", 32, 128),
  ecp("ecp512bp", 30, "brainpoolP512r1", "brainpoolP512r1", 64, 256),
  ecp("ecp384bp", 29, "brainpoolP384r1", "brainpoolP384r1", 48, 192),
  ecp("ecp256bp", 28, "brainpoolP256r1", "brainpoolP256r1", 32, 128),
  ecp("ecp224bp", 27, "brainpoolP224r1", "brainpoolP224r1", 28, 112),
  // Strengths of MODP groups: the formula of FIPS 140-2 IG 7.5, with its rounded values where it tabulates them.
  modp(8192, 18, 200),
  modp(6144, 17, 176),
  modp(4096, 16, 152),
  modp(3072, 15, 128),
  modp(2048, 14, 112),
  { ...modp(1536, 5, 96), weak: tooSmall },
  { ...modp(1024, 2, 80), weak: tooSmall },
  { ...modp(768, 1, 69), weak: tooSmall },
  decodeOnly("modp2048s256", 24, "2048-bit MODP Group with 256-bit Prime Order Subgroup", 256, 112, {
    weak: smallSubgroups,
    decodeOnly: not8247,
  }),
  decodeOnly("modp2048s224", 23, "2048-bit MODP Group with 224-bit Prime Order Subgroup", 256, 112, {
    weak: smallSubgroups,
    decodeOnly: not8247,
  }),
  decodeOnly("modp1024s160", 22, "1024-bit MODP Group with 160-bit Prime Order Subgroup", 128, 80, {
    weak: smallSubgroups,
    decodeOnly: not8247,
  }),
  decodeOnly("ecp224", 26, "224-bit Random ECP Group", 56, 112, { decodeOnly: "nobody asks for it" }),
  decodeOnly("ecp192", 25, "192-bit Random ECP Group", 48, 96, {
    weak: "96 bits of security are too few",
    decodeOnly: "96 bits of security are too few",
  }),
];

/** RFC 2409 6 and RFC 3526; Node names the groups by their IKE number. */
function modp(bits: number, id: number, strength: number): KeTransform {
  return {
    type: "KE",
    keyword: `modp${bits}`,
    ikev2: id,
    ikev1: id,
    name: `${bits}-bit MODP Group`,
    publicLength: bits / 8,
    strength,
    method: { kind: "modp", openssl: `modp${id}` },
  };
}

/** RFC 5903 and RFC 6954: the public value is x | y, the shared secret x. */
function ecp(
  keyword: string,
  id: number,
  name: string,
  openssl: string,
  coordinateLength: number,
  strength: number,
): KeTransform {
  return {
    type: "KE",
    keyword,
    ikev2: id,
    ikev1: id,
    name,
    publicLength: 2 * coordinateLength,
    strength,
    method: { kind: "ecp", openssl, coordinateLength },
  };
}

function decodeOnly(
  keyword: string,
  id: number,
  name: string,
  publicLength: number,
  strength: number,
  reasons: { weak?: string; decodeOnly: string },
): KeTransform {
  return { type: "KE", keyword, ikev2: id, ikev1: id, name, publicLength, strength, ...reasons };
}
