import { cmac } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { describe, expect, it } from "vitest";
import type { HashName } from "../../../src/crypto/hash.ts";
import { keyMac } from "../../../src/crypto/mac/mac.ts";
import { keyPrf } from "../../../src/crypto/prf.ts";
import { hex, loadVectors, prf, wycheproof } from "./vectors.ts";

function hmacHex(hash: HashName, key: string, data: string): string {
  return keyMac({ kind: "hmac", hash }, hex(key)).sign(hex(data)).toString("hex");
}

interface HmacCase {
  readonly tcId: number;
  readonly key: string;
  readonly data: string;
}

describe("HMAC", () => {
  const rfc2202 = loadVectors<{
    cases_md5: (HmacCase & { digest: string })[];
    cases_sha1: (HmacCase & { digest: string })[];
  }>("rfc/rfc2202-hmac-md5-sha1.json");
  it.each(rfc2202.cases_md5)("RFC 2202 MD5 case $tcId", ({ key, data, digest }) => {
    expect(hmacHex("md5", key, data)).toBe(digest);
  });
  it.each(rfc2202.cases_sha1)("RFC 2202 SHA-1 case $tcId", ({ key, data, digest }) => {
    expect(hmacHex("sha1", key, data)).toBe(digest);
  });

  const rfc4231 = loadVectors<{ cases: (HmacCase & Record<`hmac_${string}`, string>)[] }>("rfc/rfc4231-hmac-sha2.json");
  it.each(rfc4231.cases)("RFC 4231 case $tcId", (vector) => {
    for (const hash of ["sha256", "sha384", "sha512"] as const) {
      const expected = vector[`hmac_${hash}`] ?? "";
      // Case 5 prints the first 128 bits alone.
      expect(hmacHex(hash, vector.key, vector.data).slice(0, expected.length)).toBe(expected);
      expect(expected.length).toBeGreaterThanOrEqual(32);
    }
  });

  const rfc4868 = loadVectors<{ cases: Record<string, string>[] }>("rfc/rfc4868-hmac-sha2-ipsec.json");
  it.each(rfc4868.cases.map((vector) => ({ id: vector.id, vector })))("RFC 4868 $id", ({ vector }) => {
    let checked = 0;
    for (const [name, expected] of Object.entries(vector)) {
      const hash = /^(?:prf_)?hmac_sha(256|384|512)/.exec(name)?.[1] ?? /sha(256|384|512)/.exec(name)?.[1];
      if (hash === undefined) continue;
      const key = vector.effectiveKey ?? vector.key ?? "";
      const mac = hmacHex(`sha${hash as "256" | "384" | "512"}`, key, vector.data ?? "");
      expect(mac.slice(0, expected.length)).toBe(expected);
      checked++;
    }
    expect(checked).toBeGreaterThan(0);
  });

  for (const hash of ["sha1", "sha256", "sha384", "sha512"] as const) {
    it(`Wycheproof ${hash}`, () => {
      for (const group of wycheproof<{ tagSize: number }, { key: string; msg: string; tag: string }>(`hmac_${hash}`)) {
        for (const { tcId, key, msg, tag, result } of group.tests) {
          const mac = hmacHex(hash, key, msg).slice(0, group.tagSize / 4);
          expect(mac === tag, `case ${tcId}`).toBe(result === "valid");
        }
      }
    });
  }
});

describe("AES-XCBC and AES-CMAC", () => {
  const xcbc = loadVectors<{
    cases_mac: { tcId: number; key: string; message: string; mac: string }[];
    cases_prf: { key: string; message: string; prf: string }[];
  }>("rfc/rfc3566-4434-aes-xcbc.json");
  it.each(xcbc.cases_mac)("RFC 3566 case $tcId", ({ key, message, mac }) => {
    expect(keyMac({ kind: "aes-xcbc" }, hex(key)).sign(hex(message)).toString("hex")).toBe(mac);
  });
  it.each(xcbc.cases_prf)("RFC 4434 with a key of $key", ({ key, message, prf: expected }) => {
    expect(keyPrf(prf("prfaesxcbc"), hex(key)).sign(hex(message)).toString("hex")).toBe(expected);
  });

  const aesCmac = loadVectors<{
    cases_mac: { tcId: number; key?: string; message: string; mac: string }[];
    cases_mac96: { tcId: number; key: string; message: string; mac96: string }[];
    cases_prf: { key: string; message: string; prf: string }[];
    subkeys: { key: string };
  }>("rfc/rfc4493-4494-4615-aes-cmac.json");
  it.each(aesCmac.cases_mac)("RFC 4493 case $tcId", ({ key, message, mac }) => {
    const keyed = keyMac({ kind: "aes-cmac" }, hex(key ?? aesCmac.subkeys.key));
    expect(keyed.sign(hex(message)).toString("hex")).toBe(mac);
  });
  it.each(aesCmac.cases_mac96)("RFC 4494 case $tcId", ({ key, message, mac96 }) => {
    const mac = keyMac({ kind: "aes-cmac" }, hex(key)).sign(hex(message));
    expect(mac.toString("hex").slice(0, 24)).toBe(mac96);
  });
  it.each(aesCmac.cases_prf)("RFC 4615 with a key of $key", ({ key, message, prf: expected }) => {
    expect(keyPrf(prf("prfaescmac"), hex(key)).sign(hex(message)).toString("hex")).toBe(expected);
  });

  it("Wycheproof AES-128-CMAC", () => {
    let checked = 0;
    type Group = { tagSize: number; keySize: number };
    for (const group of wycheproof<Group, { key: string; msg: string; tag: string }>("aes_cmac")) {
      // IKE and IPsec use 128-bit keys alone.
      if (group.keySize !== 128) continue;
      for (const { tcId, key, msg, tag, result } of group.tests) {
        const mac = keyMac({ kind: "aes-cmac" }, hex(key))
          .sign(hex(msg))
          .toString("hex")
          .slice(0, group.tagSize / 4);
        expect(mac === tag, `case ${tcId}`).toBe(result === "valid");
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(50);
  });
});

describe("against a second implementation", () => {
  const noble = { md5, sha1, sha256, sha384, sha512 };
  const lengths = [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 131, 4031, 4032, 4096, 5000];
  for (const hash of ["md5", "sha1", "sha256", "sha384", "sha512"] as const) {
    it(`HMAC-${hash} agrees for keys and messages around block and scratch sizes`, () => {
      for (const length of lengths) {
        const key = pattern(length, 7);
        const message = pattern(length, 31);
        expect(keyMac({ kind: "hmac", hash }, key).sign(message)).toEqual(Buffer.from(hmac(noble[hash], key, message)));
      }
    });
  }
  it("AES-CMAC agrees for messages around block and scratch sizes", () => {
    const key = pattern(16, 3);
    const keyed = keyMac({ kind: "aes-cmac" }, key);
    for (const length of lengths) {
      expect(keyed.sign(pattern(length, 5))).toEqual(Buffer.from(cmac(pattern(length, 5), key)));
    }
  });
});

describe("a keyed MAC", () => {
  const methods = [{ kind: "hmac", hash: "sha256" }, { kind: "aes-xcbc" }, { kind: "aes-cmac" }] as const;
  it.each(methods)("$kind signs the concatenation of its chunks", (method) => {
    const keyed = keyMac(method, pattern(16, 9));
    const message = pattern(100, 1);
    expect(keyed.sign(message.subarray(0, 33), Buffer.alloc(0), message.subarray(33))).toEqual(keyed.sign(message));
  });
  it.each(methods)("$kind keeps a copy of the key", (method) => {
    const key = pattern(16, 9);
    const keyed = keyMac(method, key);
    const before = keyed.sign(Buffer.from("message"));
    key.fill(0);
    expect(keyed.sign(Buffer.from("message"))).toEqual(before);
  });
});

function pattern(length: number, step: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * step + length) & 0xff));
}
