import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { SignatureCurve } from "./curves.ts";
import { type PrivateKey, privateKeyOf } from "./private-key.ts";

/** The kinds of keys that are made, by their keyword. */
export const keyKinds = [
  "ecdsa-p256",
  "ecdsa-p384",
  "ecdsa-p521",
  "brainpool-p256",
  "brainpool-p384",
  "brainpool-p512",
  "ed25519",
  "ed448",
  "rsa-2048",
  "rsa-3072",
  "rsa-4096",
] as const;

export type KeyKind = (typeof keyKinds)[number];

const curves: Readonly<Partial<Record<KeyKind, SignatureCurve>>> = {
  "ecdsa-p256": "prime256v1",
  "ecdsa-p384": "secp384r1",
  "ecdsa-p521": "secp521r1",
  "brainpool-p256": "brainpoolP256r1",
  "brainpool-p384": "brainpoolP384r1",
  "brainpool-p512": "brainpoolP512r1",
};

/** A fresh private key. RSA takes up to seconds. */
export function generatePrivateKey(kind: KeyKind): PrivateKey {
  const der = generatePkcs8(kind);
  try {
    return privateKeyOf(importPkcs8(der));
  } finally {
    der.fill(0);
  }
}

/** As DER at once: Node 20 may hang when a generated KeyObject is exported later. */
function generatePkcs8(kind: KeyKind): Buffer {
  const namedCurve = curves[kind];
  if (namedCurve !== undefined)
    return generateKeyPairSync("ec", { namedCurve, publicKeyEncoding: spki, privateKeyEncoding: pkcs8 }).privateKey;
  switch (kind) {
    case "ed25519":
      return generateKeyPairSync("ed25519", { publicKeyEncoding: spki, privateKeyEncoding: pkcs8 }).privateKey;
    case "ed448":
      return generateKeyPairSync("ed448", { publicKeyEncoding: spki, privateKeyEncoding: pkcs8 }).privateKey;
    default: {
      const modulusLength = Number(kind.slice("rsa-".length));
      return generateKeyPairSync("rsa", { modulusLength, publicKeyEncoding: spki, privateKeyEncoding: pkcs8 })
        .privateKey;
    }
  }
}

const spki = { type: "spki", format: "der" } as const;
const pkcs8 = { type: "pkcs8", format: "der" } as const;

function importPkcs8(key: Buffer): KeyObject {
  return createPrivateKey({ key, format: "der", type: "pkcs8" });
}
