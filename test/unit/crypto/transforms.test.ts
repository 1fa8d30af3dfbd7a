import { describe, expect, it } from "vitest";
import { findTransform, transforms } from "../../../src/crypto/transforms.ts";

/**
 * The registry "IKEv2 Parameters" at IANA, by transform type and number, as its RFCs print it (RFC 7296 3.3.2, 4106,
 * 4309, 4543, 5529, 5903, 5930, 6954, 7634, 8031): the names and numbers that peers use.
 */
const registry = {
  ENCR: {
    2: "ENCR_DES",
    3: "ENCR_3DES",
    11: "ENCR_NULL",
    12: "ENCR_AES_CBC",
    13: "ENCR_AES_CTR",
    14: "ENCR_AES_CCM_8",
    15: "ENCR_AES_CCM_12",
    16: "ENCR_AES_CCM_16",
    18: "ENCR_AES_GCM_8",
    19: "ENCR_AES_GCM_12",
    20: "ENCR_AES_GCM_16",
    21: "ENCR_NULL_AUTH_AES_GMAC",
    23: "ENCR_CAMELLIA_CBC",
    28: "ENCR_CHACHA20_POLY1305",
  },
  INTEG: {
    1: "AUTH_HMAC_MD5_96",
    2: "AUTH_HMAC_SHA1_96",
    5: "AUTH_AES_XCBC_96",
    6: "AUTH_HMAC_MD5_128",
    7: "AUTH_HMAC_SHA1_160",
    8: "AUTH_AES_CMAC_96",
    9: "AUTH_AES_128_GMAC",
    10: "AUTH_AES_192_GMAC",
    11: "AUTH_AES_256_GMAC",
    12: "AUTH_HMAC_SHA2_256_128",
    13: "AUTH_HMAC_SHA2_384_192",
    14: "AUTH_HMAC_SHA2_512_256",
  },
  PRF: {
    1: "PRF_HMAC_MD5",
    2: "PRF_HMAC_SHA1",
    4: "PRF_AES128_XCBC",
    5: "PRF_HMAC_SHA2_256",
    6: "PRF_HMAC_SHA2_384",
    7: "PRF_HMAC_SHA2_512",
    8: "PRF_AES128_CMAC",
  },
} as const;

describe("the table", () => {
  it.each(["ENCR", "INTEG", "PRF"] as const)("has the registry's numbers and names of %s", (type) => {
    const rows = transforms.filter((row) => row.type === type);
    expect(Object.fromEntries(rows.map((row) => [row.ikev2, row.name]))).toEqual(registry[type]);
  });

  it("has the groups of the registry", () => {
    const rows = transforms.filter((row) => row.type === "KE");
    const ids = rows.map((row) => row.ikev2).sort((a, b) => a - b);
    expect(ids).toEqual([1, 2, 5, ...range(14, 32)]);
  });

  it("has each keyword once, and each number once per key length", () => {
    const keywords = transforms.map(({ keyword }) => keyword);
    expect(new Set(keywords).size).toBe(keywords.length);
    const ids = transforms.map((row) => `${row.type} ${row.ikev2} ${row.type === "ENCR" ? row.keyBits : ""}`);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("finds every row by its number", () => {
    for (const row of transforms) {
      const keyBits = row.type === "ENCR" && row.keyLengthAttribute ? row.keyBits : undefined;
      expect(findTransform(row.type, row.ikev2, keyBits)).toBe(row);
    }
  });

  it("takes the key length as RFC 7296 3.3.5 says: where it is variable and nowhere else", () => {
    expect(findTransform("ENCR", 12)).toBeUndefined();
    expect(findTransform("ENCR", 12, 512)).toBeUndefined();
    expect(findTransform("ENCR", 12, 128)?.keyword).toBe("aes128");
    expect(findTransform("ENCR", 3)?.keyword).toBe("3des");
    expect(findTransform("ENCR", 3, 192)).toBeUndefined();
    expect(findTransform("ENCR", 28, 256)).toBeUndefined();
    expect(findTransform("INTEG", 12, 256)).toBeUndefined();
    expect(findTransform("KE", 4)).toBeUndefined();
    expect(findTransform("ENCR", 65535, 65535)).toBeUndefined();
  });

  it("runs every row in the kernel or for IKE, or says why it is decode-only", () => {
    for (const row of transforms) {
      if (row.type === "ENCR" || row.type === "INTEG") {
        expect(row.kernel === undefined, row.keyword).toBe(row.decodeOnly !== undefined);
        const ike = row.uses.ike && row.decodeOnly === undefined;
        expect(row.method !== undefined, row.keyword).toBe(ike);
      }
      if (row.type === "INTEG" && row.kernel !== undefined) expect(row.kernel.icvBits).toBe(row.icvLength * 8);
      if (row.type === "KE") expect(row.method === undefined, row.keyword).toBe(row.decodeOnly !== undefined);
    }
  });

  it("names what needs to be allowed explicitly", () => {
    const weak = transforms.filter((row) => row.type !== "ESN").filter((row) => row.weak !== undefined);
    expect(weak.map(({ keyword }) => keyword).sort()).toEqual(
      [
        ...["des", "3des", "null", "aes128gmac", "aes192gmac", "aes256gmac"],
        ...["md5", "md5_128", "prfmd5"],
        ...["modp768", "modp1024", "modp1536", "modp1024s160", "modp2048s224", "modp2048s256", "ecp192"],
      ].sort(),
    );
  });
});

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
