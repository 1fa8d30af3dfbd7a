import { describe, expect, it } from "vitest";
import { hash } from "../../../src/crypto/hash.ts";
import { constantTimeEqual, randomBytes, wipe } from "../../../src/crypto/secret.ts";

describe("secrets", () => {
  it("compares octets and lengths", () => {
    expect(constantTimeEqual(Buffer.from("abc"), Buffer.from("abc"))).toBe(true);
    expect(constantTimeEqual(Buffer.from("abc"), Buffer.from("abd"))).toBe(false);
    expect(constantTimeEqual(Buffer.from("abc"), Buffer.from("abcd"))).toBe(false);
    expect(constantTimeEqual(Buffer.alloc(0), Buffer.alloc(0))).toBe(true);
  });
  it("wipes what is there", () => {
    const [a, b] = [Buffer.from("secret"), new Uint8Array([1, 2, 3])];
    wipe(a, undefined, b);
    expect([...a, ...b].every((octet) => octet === 0)).toBe(true);
  });
  it("gives as many random octets as asked, never the same", () => {
    expect(randomBytes(0).length).toBe(0);
    expect(randomBytes(33).length).toBe(33);
    expect(randomBytes(16)).not.toEqual(randomBytes(16));
  });
  it("hashes (FIPS 180-2 B.1: SHA-256 of abc)", () => {
    expect(hash("sha256", Buffer.from("abc")).toString("hex")).toBe(
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
});
