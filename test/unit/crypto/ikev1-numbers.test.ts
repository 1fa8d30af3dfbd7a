import { describe, expect, it } from "vitest";
import {
  findAhTransform,
  findEspTransform,
  findIkev1Authentication,
  findIkev1Group,
  findIsakmpEncr,
  findIsakmpHash,
} from "../../../src/crypto/ikev1-numbers.ts";
import { transforms } from "../../../src/crypto/transforms.ts";

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/** The keywords that a finder gives for the numbers 0 to 100. */
function found(find: (number: number) => { readonly keyword: string } | undefined) {
  const rows = range(0, 100).map((number) => [number, find(number)?.keyword] as const);
  return Object.fromEntries(rows.filter(([, keyword]) => keyword !== undefined));
}

describe("the rows of the table by IKEv1's numbers", () => {
  it("of phase 1 (RFC 2409 appendix A)", () => {
    expect(found((n) => findIsakmpEncr(n))).toEqual({ 1: "des", 5: "3des" });
    expect(found((n) => findIsakmpEncr(n, 128))).toEqual({ 7: "aes128", 8: "camellia128" });
    expect(found((n) => findIsakmpEncr(n, 256))).toEqual({ 7: "aes256", 8: "camellia256" });
    expect(found(findIsakmpHash)).toEqual({
      1: "prfmd5",
      2: "prfsha1",
      4: "prfsha256",
      5: "prfsha384",
      6: "prfsha512",
    });
    const groups = range(0, 100).filter((n) => findIkev1Group(n) !== undefined);
    expect(groups).toEqual([1, 2, 5, ...range(14, 30)]);
    for (const n of groups) expect(findIkev1Group(n)?.ikev2).toBe(n);
  });

  it("of ESP (RFC 2407 4.4.4)", () => {
    expect(found((n) => findEspTransform(n))).toEqual({ 2: "des", 3: "3des", 11: "null" });
    expect(found((n) => findEspTransform(n, 192))).toEqual({
      12: "aes192",
      13: "aes192ctr",
      14: "aes192ccm8",
      15: "aes192ccm12",
      16: "aes192ccm16",
      18: "aes192gcm8",
      19: "aes192gcm12",
      20: "aes192gcm16",
      22: "camellia192",
      23: "aes192gmac",
    });
    expect(found(findIkev1Authentication)).toEqual({
      1: "md5",
      2: "sha1",
      5: "sha256",
      6: "sha384",
      7: "sha512",
      9: "aesxcbc",
      11: "ahgmac128",
      12: "ahgmac192",
      13: "ahgmac256",
    });
  });

  it("of AH (RFC 2407 4.4.3), whose transform and attribute name the same row", () => {
    expect(found(findAhTransform)).toEqual({
      2: "md5",
      3: "sha1",
      5: "sha256",
      6: "sha384",
      7: "sha512",
      9: "aesxcbc",
      11: "ahgmac128",
      12: "ahgmac192",
      13: "ahgmac256",
    });
  });

  it("phase 1 has no AEAD", () => {
    const phase1 = transforms.filter((row) => row.type === "ENCR").filter((row) => row.ikev1?.ike !== undefined);
    expect(phase1.every((row) => row.method?.mode === "cbc")).toBe(true);
  });
});
