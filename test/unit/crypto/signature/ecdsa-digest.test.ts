import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { describe, expect, test } from "vitest";
import { signDigest, signsDigests, verifyDigest } from "../../../../src/crypto/signature/ecdsa-digest.ts";

const octets = Buffer.from("what is signed");
const curves = [
  ["prime256v1", "sha256", 64],
  ["secp384r1", "sha384", 96],
  ["secp521r1", "sha512", 132],
] as const;

describe.each(curves)("%s", (curve, hash, length) => {
  const digest = createHash(hash).update(octets).digest();
  const encoding = { dsaEncoding: "ieee-p1363" } as const;

  test("what it signs OpenSSL takes for a signature of what the digest is of, each time another", () => {
    const seen = new Set<string>();
    for (let i = 0; i < 50; i += 1) {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
      const signature = signDigest(privateKey, curve, digest);
      expect(signature).toHaveLength(length);
      expect(verify(hash, octets, { key: publicKey, ...encoding }, signature)).toBe(true);
      expect(verify(hash, Buffer.from("something else"), { key: publicKey, ...encoding }, signature)).toBe(false);
      const again = signDigest(privateKey, curve, digest);
      expect(again.subarray(0, length / 2)).not.toEqual(signature.subarray(0, length / 2));
      seen.add(Buffer.from(signature).toString("hex"));
    }
    expect(seen.size).toBe(50);
  });

  test("what OpenSSL signs it takes for a signature of the digest", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
    for (let i = 0; i < 10; i += 1) {
      const signature = sign(hash, octets, { key: privateKey, ...encoding });
      expect(verifyDigest(publicKey, curve, digest, signature)).toBe(true);
      const wrong = Buffer.from(signature);
      wrong[i] = (wrong[i] ?? 0) ^ 1;
      expect(verifyDigest(publicKey, curve, digest, wrong)).toBe(false);
      expect(verifyDigest(publicKey, curve, createHash(hash).update(digest).digest(), signature)).toBe(false);
    }
  });

  test.each([
    ["of nothing but zeros", Buffer.alloc(length)],
    ["of nothing but ones", Buffer.alloc(length, 0xff)],
  ])("%s is none", (_, signature) => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
    expect(() => verifyDigest(publicKey, curve, digest, signature)).not.toThrow();
    expect(verifyDigest(publicKey, curve, digest, signature)).toBe(false);
  });
});

test("RFC 4754 8.1: the signature of the digest of `abc`", () => {
  const b64 = (digits: string) => Buffer.from(digits.replaceAll(" ", ""), "hex").toString("base64url");
  const key = createPrivateKey({
    format: "jwk",
    key: {
      kty: "EC",
      crv: "P-256",
      d: b64("DC51D386 6A15BACD E33D96F9 92FCA99D A7E6EF09 34E70975 59C27F16 14C88A7F"),
      x: b64("2442A5CC 0ECD015F A3CA31DC 8E2BBC70 BF42D60C BCA20085 E0822CB0 4235E970"),
      y: b64("6FC98BD7 E50211A4 A27102FA 3549DF79 EBCB4BF2 46B80945 CDDFE7D5 09BBFD7D"),
    },
  });
  const h = Buffer.from("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", "hex");
  const rs = Buffer.from(
    "CB28E0999B9C7715FD0A80D8E47A77079716CBBF917DD72E97566EA1C066957C86FA3BB4E26CAD5BF90B7F81899256CE7594BB1EA0C89212748BFF3B3D5B0315",
    "hex",
  );
  expect(verifyDigest(createPublicKey(key), "prime256v1", h, rs)).toBe(true);
  expect(verifyDigest(createPublicKey(key), "prime256v1", h, signDigest(key, "prime256v1", h))).toBe(true);
});

test("a digest that is longer than the order counts by its leftmost bits, as everywhere", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const digest = createHash("sha512").update(octets).digest();
  const signature = signDigest(privateKey, "prime256v1", digest);
  expect(verify("sha512", octets, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature)).toBe(true);
  expect(verifyDigest(publicKey, "prime256v1", digest, signature)).toBe(true);
});

test("curves without a method of IKEv1 are left alone", () => {
  expect(signsDigests("brainpoolP256r1")).toBe(false);
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  expect(() => signDigest(privateKey, "brainpoolP256r1", Buffer.alloc(32))).toThrow(RangeError);
  expect(verifyDigest(publicKey, "brainpoolP256r1", Buffer.alloc(32), Buffer.alloc(64))).toBe(false);
});
