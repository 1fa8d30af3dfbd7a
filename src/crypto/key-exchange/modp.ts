import {
  createDiffieHellmanGroup,
  createPrivateKey,
  createPublicKey,
  type DiffieHellmanGroup,
  diffieHellman,
  type KeyObject,
} from "node:crypto";
import type { KePair } from "../key-exchange.ts";
import { nodeMajor } from "../provider.ts";
import { randomBytes } from "../secret.ts";
import type { KeMethod, KeTransform } from "../transforms/ke.ts";
import { decodeDhPublic, dhAlgorithm, encodeDhPrivate, encodeDhPublic } from "./dh-der.ts";
import { checkPublicLength, KeyExchangeError, present } from "./error.ts";

/** MODP groups 1, 2, 5 and 14 to 18 (RFC 2409 6, RFC 3526), all with safe primes. */

type ModpMethod = Extract<KeMethod, { kind: "modp" }>;

// Deriving a 2048-bit secret: computeSecret takes 0.2 ms on Node 20, 24 and 26 but 1.5 ms on 22 (a full test of the
// group), and crypto.diffieHellman 0.2 ms from 22 on but 1.6 ms on 20.
const computeSecretIsSlow = nodeMajor > 20 && nodeMajor < 24;

// OpenSSL knows groups 1 and 2 by no name, so that each createDiffieHellmanGroup tests their primes for 34 ms.
const SHORTEST_NAMED_GROUP = 1536 / 8;

/** A fresh key pair. */
export function generateModp(ke: KeTransform, method: ModpMethod): KePair {
  // Twice the group's strength in bits is what a short exponent needs (RFC 3526 8, RFC 7919 5.2).
  if (computeSecretIsSlow || ke.publicLength < SHORTEST_NAMED_GROUP)
    return importModp(ke, method, randomBytes(Math.ceil((2 * ke.strength) / 8)));
  const group = createDiffieHellmanGroup(method.openssl);
  group.generateKeys();
  return new GroupPair(ke, method, group);
}

/** The key pair of a big-endian exponent; deriving with it is slow on Node 20, which is for vectors and replays. */
export function importModp(ke: KeTransform, method: ModpMethod, privateKey: Uint8Array): KePair {
  if (privateKey.every((octet) => octet === 0) || privateKey.length > ke.publicLength) {
    throw new KeyExchangeError("private-key", `not a private key of ${ke.name}: it must be between 0 and p`);
  }
  const pkcs8 = encodeDhPrivate(groupOf(method).algorithm, privateKey);
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  pkcs8.fill(0);
  return new KeyObjectPair(ke, method, key);
}

class GroupPair implements KePair {
  readonly publicValue: Buffer;
  readonly #ke: KeTransform;
  readonly #method: ModpMethod;
  #group: DiffieHellmanGroup | undefined;

  constructor(ke: KeTransform, method: ModpMethod, group: DiffieHellmanGroup) {
    this.#ke = ke;
    this.#method = method;
    this.#group = group;
    this.publicValue = leftPad(group.getPublicKey(), ke.publicLength);
  }

  deriveShared(peerPublic: Uint8Array): Buffer {
    const group = present(this.#group, this.#ke);
    checkPublicValue(this.#ke, this.#method, peerPublic);
    return derive(this.#ke, () => group.computeSecret(peerPublic));
  }

  destroy(): void {
    this.#group = undefined;
  }
}

class KeyObjectPair implements KePair {
  readonly publicValue: Buffer;
  readonly #ke: KeTransform;
  readonly #method: ModpMethod;
  #privateKey: KeyObject | undefined;

  constructor(ke: KeTransform, method: ModpMethod, privateKey: KeyObject) {
    this.#ke = ke;
    this.#method = method;
    this.#privateKey = privateKey;
    this.publicValue = decodeDhPublic(
      createPublicKey(privateKey).export({ type: "spki", format: "der" }),
      ke.publicLength,
    );
  }

  deriveShared(peerPublic: Uint8Array): Buffer {
    const privateKey = present(this.#privateKey, this.#ke);
    checkPublicValue(this.#ke, this.#method, peerPublic);
    const spki = encodeDhPublic(groupOf(this.#method).algorithm, peerPublic);
    const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
    return derive(this.#ke, () => diffieHellman({ privateKey, publicKey }));
  }

  destroy(): void {
    this.#privateKey = undefined;
  }
}

/**
 * Some versions of OpenSSL also refuse what is not a power of the generator, which no honest peer sends and RFC 6989
 * 2.1 leaves open for safe primes.
 */
function derive(ke: KeTransform, secret: () => Buffer): Buffer {
  try {
    return leftPad(secret(), ke.publicLength);
  } catch {
    throw new KeyExchangeError("subgroup", `the peer's public value of ${ke.name} is no power of the generator`);
  }
}

/** RFC 6989 2.1: 1 < y < p - 1; a safe prime needs no more. */
function checkPublicValue(ke: KeTransform, method: ModpMethod, peerPublic: Uint8Array): void {
  checkPublicLength(ke, peerPublic);
  const { primeMinusOne } = groupOf(method);
  const isAtMostOne = (peerPublic.at(-1) ?? 0) <= 1 && peerPublic.subarray(0, -1).every((octet) => octet === 0);
  if (isAtMostOne || Buffer.compare(peerPublic, primeMinusOne) >= 0) {
    throw new KeyExchangeError("range", `the peer's public value of ${ke.name} is not between 1 and p - 1`);
  }
}

interface Group {
  readonly primeMinusOne: Buffer;
  readonly algorithm: Buffer;
}

const groups = new Map<string, Group>();

function groupOf(method: ModpMethod): Group {
  const known = groups.get(method.openssl);
  if (known !== undefined) return known;
  const group = createDiffieHellmanGroup(method.openssl);
  const prime = group.getPrime();
  const primeMinusOne = Buffer.from(prime);
  // p is odd: p - 1 differs in the last bit alone.
  primeMinusOne[prime.length - 1] = (prime.at(-1) ?? 0) & 0xfe;
  const made = { primeMinusOne, algorithm: dhAlgorithm(prime, group.getGenerator()) };
  groups.set(method.openssl, made);
  return made;
}

/** RFC 7296 2.14, 3.4: public value and secret have the length of the prime, leading zeros included. */
function leftPad(value: Buffer, length: number): Buffer {
  return value.length === length ? value : Buffer.concat([Buffer.alloc(length - value.length), value]);
}
