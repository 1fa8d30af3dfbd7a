import { execFileSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { signatureCurves } from "../../../../src/crypto/signature/curves.ts";
import { importPrivateKey, privateKeyOf } from "../../../../src/crypto/signature/private-key.ts";
import { importPublicKey } from "../../../../src/crypto/signature/public-key.ts";
import type { SignatureScheme } from "../../../../src/crypto/signature/scheme.ts";
import { verifySignature } from "../../../../src/crypto/signature/verify.ts";

const octets = Buffer.from("what AUTH is made of");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
const options = ["bits:2048", "pubexp:65537"].map((each) => `rsa_keygen_${each}`);
const pssOptions = ["md:sha256", "mgf1_md:sha256", "saltlen:32"].map((each) => `rsa_pss_keygen_${each}`);
const pssKey = createPrivateKey(
  execFileSync(
    "openssl",
    [...["genpkey", "-algorithm", "RSA-PSS"], ...[...options, ...pssOptions].flatMap((option) => ["-pkeyopt", option])],
    { stdio: ["ignore", "pipe", "ignore"] },
  ),
);
const ec = (namedCurve: string): KeyObject => generateKeyPairSync("ec", { namedCurve }).privateKey;
const eddsa = { ed25519: generateKeyPairSync("ed25519").privateKey, ed448: generateKeyPairSync("ed448").privateKey };

const pss = (hash: "sha1" | "sha256" | "sha512", saltLength: number): SignatureScheme => ({
  kind: "rsa-pss",
  hash,
  saltLength,
});

const cases: readonly (readonly [string, KeyObject, SignatureScheme])[] = [
  ["rsa", rsa, { kind: "rsa-pkcs1", hash: "sha256" }],
  ["rsa", rsa, { kind: "rsa-pkcs1-bare" }],
  ["rsa", rsa, pss("sha512", 64)],
  ["rsa", rsa, pss("sha1", 20)],
  ["rsa-pss", pssKey, pss("sha256", 32)],
  ...Object.keys(signatureCurves).flatMap((curve) =>
    (["der", "concatenated"] as const).map(
      (form) => [curve, ec(curve), { kind: "ecdsa", hash: "sha384", form }] as const,
    ),
  ),
  ["prime256v1", ec("prime256v1"), { kind: "ecdsa-bare" }],
  ["secp521r1", ec("secp521r1"), { kind: "ecdsa-bare" }],
  ["ed25519", eddsa.ed25519, { kind: "eddsa", curve: "ed25519" }],
  ["ed448", eddsa.ed448, { kind: "eddsa", curve: "ed448" }],
];

describe.each(cases)("a key on %s", (_name, handle, scheme) => {
  const key = privateKeyOf(handle);

  test(`signs and verifies ${JSON.stringify(scheme)}`, () => {
    const signature = key.sign(scheme, octets);
    const again = importPublicKey(key.publicKey.spki);
    expect(verifySignature(again, scheme, octets, signature)).toBe(true);
    expect(verifySignature(again, scheme, Buffer.from("something else"), signature)).toBe(false);
    for (const wrong of [
      Buffer.alloc(0),
      Buffer.alloc(signature.length),
      signature.subarray(1),
      Buffer.concat([signature, Buffer.of(0)]),
      Buffer.concat([Buffer.of(0), signature]),
    ])
      expect(verifySignature(again, scheme, octets, wrong)).toBe(false);
  });

  test("comes back from PKCS #8, and shows nothing of itself", () => {
    const pkcs8 = key.exportPkcs8();
    expect(importPrivateKey(pkcs8, "pkcs8").publicKey.fingerprint).toBe(key.publicKey.fingerprint);
    for (const text of [`${key}`, JSON.stringify({ key }), inspect(key, { depth: 9 })])
      expect(text).toContain("[secret]");
  });
});

describe("a key is refused", () => {
  const spki = (handle: KeyObject): Buffer => privateKeyOf(handle).publicKey.spki as Buffer;

  test("for schemes that are not its own", () => {
    const key = privateKeyOf(pssKey);
    expect(() => key.sign({ kind: "rsa-pkcs1", hash: "sha256" }, octets)).toThrow(/is not for a key of RSA-PSS/);
    expect(() => key.sign(pss("sha512", 64), octets)).toThrow(/is not for/);
    expect(() => key.sign(pss("sha256", 20), octets)).toThrow(/is not for/);
  });

  test("on curves and of lengths that nobody should use", () => {
    expect(() => privateKeyOf(ec("secp256k1"))).toThrow(/secp256k1/);
    expect(() => privateKeyOf(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey)).toThrow(/1024 bits/);
    expect(() => privateKeyOf(generateKeyPairSync("x25519").privateKey)).toThrow(/signs nothing/);
  });

  test("with a curve that is written out (CVE-2020-0601)", () => {
    const explicit = generateKeyPairSync("ec", { namedCurve: "prime256v1", paramEncoding: "explicit" }).privateKey;
    expect(() => privateKeyOf(explicit)).toThrow(/written out|parameters of its own/);
  });

  test("off its curve, with octets after it, and of small order", () => {
    const good = spki(ec("prime256v1"));
    const off = Buffer.from(good);
    off[off.length - 1] = (off.at(-1) ?? 0) ^ 1;
    expect(() => importPublicKey(off)).toThrow(/not on its curve/);
    expect(() => importPublicKey(Buffer.concat([good, Buffer.of(0)]))).toThrow(/octets follow|can be read/);
    const small = Buffer.concat([spki(eddsa.ed25519).subarray(0, 12), Buffer.of(1), Buffer.alloc(31)]);
    expect(() => importPublicKey(small)).toThrow(/small order/);
  });

  test("above 8192 bits of RSA, and not below", () => {
    const e = Buffer.of(1, 0, 1).toString("base64url");
    const n = (octets: number): string => Buffer.alloc(octets, 0xc1).toString("base64url");
    expect(`${importPublicKey(rsaSpki({ n: n(1024), e }))}`).toContain("RSA of 8192 bits");
    expect(() => importPublicKey(rsaSpki({ n: n(1025), e }))).toThrow(/8200 bits/);
  });

  test("with an RSA exponent that is 1 or even", () => {
    for (const exponent of [1, 2]) {
      const jwk = {
        kty: "RSA",
        n: Buffer.alloc(256, 0xc1).toString("base64url"),
        e: Buffer.of(exponent).toString("base64url"),
      };
      expect(() => importPublicKey(rsaSpki(jwk))).toThrow(/exponent|can be read/);
    }
  });
});

function rsaSpki({ n, e }: { n: string; e: string }): Buffer {
  const element = (tag: number, ...parts: Buffer[]): Buffer => {
    const contents = Buffer.concat(parts);
    return Buffer.concat([Buffer.of(tag, 0x82, contents.length >> 8, contents.length & 0xff), contents]);
  };
  const integers = [n, e].map((text) => element(2, Buffer.of(0), Buffer.from(text, "base64url")));
  const algorithm = Buffer.from("300d06092a864886f70d0101010500", "hex");
  return element(0x30, algorithm, element(3, Buffer.of(0), element(0x30, ...integers)));
}
