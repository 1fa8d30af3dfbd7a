/** What stands inside AUTH, CERT, CERTREQ and the notifies about signatures. */
import { describe, expect, it } from "vitest";
import { decodeAnnouncements, encodeAnnouncements } from "../../../../../src/wire/ikev2/auth/announcements.ts";
import { decodeAuthorityHashes } from "../../../../../src/wire/ikev2/auth/certificate-request.ts";
import {
  decodeDigitalSignature,
  encodeDigitalSignature,
} from "../../../../../src/wire/ikev2/auth/digital-signature.ts";
import { decodeHashAlgorithms, encodeHashAlgorithms } from "../../../../../src/wire/ikev2/auth/hash-algorithms.ts";
import { decodeHashAndUrl } from "../../../../../src/wire/ikev2/auth/hash-and-url.ts";

/** RFC 7427 A.3.2: ecdsa-with-SHA256. */
const ecdsaSha256 = Buffer.from("300a06082a8648ce3d040302", "hex");

describe("Digital Signature (RFC 7427 3)", () => {
  const signature = Buffer.from("3006020101020102", "hex");
  const data = Buffer.concat([Uint8Array.of(12), ecdsaSha256, signature]);

  it("is the length, the AlgorithmIdentifier and the signature", () => {
    expect(encodeDigitalSignature({ algorithm: ecdsaSha256, signature })).toEqual(data);
    const read = decodeDigitalSignature(data);
    expect(Buffer.from(read?.algorithm ?? [])).toEqual(ecdsaSha256);
    expect(Buffer.from(read?.signature ?? [])).toEqual(signature);
  });

  it("is nothing where it is cut anywhere before the signature, or has no algorithm", () => {
    for (let length = 0; length <= 13; length++)
      expect(decodeDigitalSignature(data.subarray(0, length))).toBeUndefined();
    expect(decodeDigitalSignature(data.subarray(0, 14))).toBeDefined();
    expect(decodeDigitalSignature(Buffer.from([0, 1, 2, 3]))).toBeUndefined();
  });

  it("does not write what its length cannot say", () => {
    for (const algorithm of [Buffer.alloc(0), Buffer.alloc(256)])
      expect(() => encodeDigitalSignature({ algorithm, signature })).toThrow(RangeError);
  });
});

describe("SIGNATURE_HASH_ALGORITHMS (RFC 7427 4)", () => {
  it("is a list of 16-bit numbers, of which a bounded part is read", () => {
    expect(encodeHashAlgorithms([2, 3, 4, 5]).toString("hex")).toBe("0002000300040005");
    expect(decodeHashAlgorithms(Buffer.from("00020003ffff", "hex"))).toEqual([2, 3, 0xffff]);
    expect(decodeHashAlgorithms(Buffer.alloc(0))).toEqual([]);
    expect(decodeHashAlgorithms(Buffer.alloc(60_000))).toHaveLength(64);
  });

  it("is nothing where the last number is cut", () => {
    expect(decodeHashAlgorithms(Buffer.from("000200", "hex"))).toBeUndefined();
  });
});

describe("SUPPORTED_AUTH_METHODS (RFC 9593 3.2)", () => {
  const list = [
    { method: 2, certLink: 0, algorithm: undefined },
    { method: 1, certLink: 3, algorithm: undefined },
    { method: 14, certLink: 0, algorithm: ecdsaSha256 },
  ];
  const data = Buffer.concat([Buffer.from("02020301030f0e00", "hex"), ecdsaSha256]);

  it("has three forms", () => {
    expect(encodeAnnouncements(list)).toEqual(data);
    expect(decodeAnnouncements(data)).toEqual(
      list.map((one) => ({ ...one, algorithm: one.algorithm && expect.anything() })),
    );
    expect(Buffer.from(decodeAnnouncements(data)?.[2]?.algorithm ?? [])).toEqual(ecdsaSha256);
    expect(decodeAnnouncements(Buffer.alloc(0))).toEqual([]);
  });

  it("is nothing where a length leads nowhere or beyond the end, and bounded where it is long", () => {
    for (const octets of ["00", "0102", "0402", "0202030e", "020203"])
      expect(decodeAnnouncements(Buffer.from(octets, "hex"))).toBeUndefined();
    expect(decodeAnnouncements(Buffer.from("0202".repeat(10_000), "hex"))).toHaveLength(64);
  });
});

describe("CERT and CERTREQ", () => {
  it("a URL is read with its hash, and refused where it is none", () => {
    const hash = Buffer.alloc(20, 7);
    const read = (url: string) => decodeHashAndUrl(Buffer.concat([hash, Buffer.from(url)]));
    expect(read("http://ca.example/gw.cer")).toMatchObject({ url: "http://ca.example/gw.cer" });
    for (const url of ["", "file:///etc/shadow", "http://", "http://a\nb", `http://${"a".repeat(1_024)}`, "gopher://x"])
      expect(read(url), url).toBeUndefined();
    expect(decodeHashAndUrl(hash.subarray(0, 19))).toBeUndefined();
  });

  it("a CERTREQ is a list of hashes, cut or long as it may be", () => {
    expect(decodeAuthorityHashes(Buffer.alloc(0))).toEqual([]);
    expect(decodeAuthorityHashes(Buffer.alloc(41)).map(({ length }) => length)).toEqual([20, 20]);
    expect(decodeAuthorityHashes(Buffer.alloc(64_000))).toHaveLength(2_048);
  });
});
