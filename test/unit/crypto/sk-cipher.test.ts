import { cbc, ctr, gcm } from "@noble/ciphers/aes.js";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { describe, expect, it } from "vitest";
import { makeSkCipher, type SkCipher, SkCipherError } from "../../../src/crypto/sk-cipher.ts";
import { type EncrTransform, encrKeyLength } from "../../../src/crypto/transforms/encr.ts";
import { transforms } from "../../../src/crypto/transforms.ts";
import { encr, hex, ikeCiphers, integ, loadVectors, wycheproof } from "./vectors.ts";

const none = Buffer.alloc(0);
const sha256 = integ("sha256");

/** A cipher whose ICV, when it has none of its own, is HMAC-SHA-256 under a zero key. */
function cipherOf(row: EncrTransform, skE: Uint8Array): SkCipher {
  return row.aead ? makeSkCipher(row, undefined, skE, none) : makeSkCipher(row, sha256, skE, Buffer.alloc(32));
}

function checkCbcOrCtr(row: EncrTransform, skE: string, iv: string, plaintext: string, ciphertext: string): void {
  const cipher = cipherOf(row, hex(skE));
  const sealed = cipher.seal(none, hex(iv), hex(plaintext));
  expect(sealed.subarray(0, -16).toString("hex")).toBe(ciphertext);
  expect(cipher.open(none, hex(iv), sealed)?.toString("hex")).toBe(plaintext);
}

interface AeadCase {
  readonly aad: string;
  readonly iv: string;
  readonly plaintext: string;
  readonly ciphertext: string;
  readonly tag: string;
}

function checkAead(row: EncrTransform, skE: string, vector: AeadCase): void {
  const cipher = cipherOf(row, hex(skE));
  const [aad, iv] = [hex(vector.aad), hex(vector.iv)];
  const sealed = vector.ciphertext + vector.tag;
  expect(cipher.seal(aad, iv, hex(vector.plaintext)).toString("hex")).toBe(sealed);
  expect(cipher.open(aad, iv, hex(sealed))?.toString("hex")).toBe(vector.plaintext);
}

describe("RFC vectors", () => {
  const aesCbc = loadVectors<{
    cases_cbc: { tcId: number; key: string; iv: string; plaintext: string; ciphertext: string }[];
  }>("rfc/rfc3602-aes-cbc-esp.json").cases_cbc;
  it.each(aesCbc)("RFC 3602 case $tcId", ({ key, iv, plaintext, ciphertext }) => {
    checkCbcOrCtr(encr("aes128"), key, iv, plaintext, ciphertext);
  });

  const aesCtr = loadVectors<{
    cases: { tcId: number; key: string; nonce: string; iv: string; plaintext: string; ciphertext: string }[];
  }>("rfc/rfc3686-aes-ctr.json").cases;
  it.each(aesCtr)("RFC 3686 case $tcId", ({ key, nonce, iv, plaintext, ciphertext }) => {
    checkCbcOrCtr(encr(`aes${key.length * 4}ctr`), key + nonce, iv, plaintext, ciphertext);
  });

  const camellia = loadVectors<{ cases: { keyBits: number; key: string; plaintext: string; ciphertext: string }[] }>(
    "rfc/rfc3713-camellia-block.json",
  ).cases;
  it.each(camellia)("RFC 3713 with $keyBits bits, one block under a zero IV", (vector) => {
    const row = encr(`camellia${vector.keyBits}`);
    checkCbcOrCtr(row, vector.key, "00".repeat(16), vector.plaintext, vector.ciphertext);
  });

  const mcgrew = loadVectors<{
    cases: (AeadCase & { tcId: number; algorithm: string; key: string; salt: string })[];
  }>("rfc/draft-mcgrew-gcm-test-01.json").cases.filter(({ algorithm }) => algorithm === "AES-GCM-ESP");
  it.each(mcgrew)("draft-mcgrew-gcm-test case $tcId", (vector) => {
    checkAead(encr(`aes${vector.key.length * 4}gcm16`), vector.key + vector.salt, vector);
  });

  const rfc8439 = loadVectors<{ cases: (Omit<AeadCase, "iv"> & { id: string; key: string; nonce: string })[] }>(
    "rfc/rfc8439-chacha20poly1305.json",
  ).cases;
  it.each(rfc8439)("RFC 8439 $id", (vector) => {
    const [salt, iv] = [vector.nonce.slice(0, 8), vector.nonce.slice(8)];
    checkAead(encr("chacha20poly1305"), vector.key + salt, { ...vector, iv });
  });

  it("RFC 7634 appendix B, a whole IKEv2 message", () => {
    const [vector] = loadVectors<{
      cases_ikev2: { key: string; salt: string; plaintext: string; ikeMessage: string }[];
    }>("rfc/rfc7634-chacha20poly1305-esp-ikev2.json").cases_ikev2;
    if (vector === undefined) throw new Error("no case");
    const cipher = makeSkCipher(encr("chacha20poly1305"), undefined, hex(vector.key + vector.salt), none);
    const message = hex(vector.ikeMessage);
    const [aad, iv, rest] = [message.subarray(0, 32), message.subarray(32, 40), message.subarray(40)];
    expect(cipher.open(aad, iv, rest)?.toString("hex")).toBe(vector.plaintext);
    expect(cipher.seal(aad, iv, hex(vector.plaintext))).toEqual(rest);
  });
});

describe("Wycheproof", () => {
  interface Group {
    readonly ivSize: number;
    readonly keySize: number;
    readonly tagSize: number;
  }
  interface Case {
    readonly key: string;
    readonly iv: string;
    readonly aad: string;
    readonly msg: string;
    readonly ct: string;
    readonly tag: string;
  }

  function runAead(file: string, nonceBits: number, rowOf: (group: Group) => EncrTransform | undefined): number {
    let checked = 0;
    for (const group of wycheproof<Group, Case>(file)) {
      // IKE's nonces have one length, and its ICVs the lengths of the table.
      const row = group.ivSize === nonceBits ? rowOf(group) : undefined;
      if (row === undefined) continue;
      for (const { tcId, result, ...vector } of group.tests) {
        const salt = vector.iv.slice(0, 2 * row.saltLength);
        const cipher = makeSkCipher(row, undefined, hex(vector.key + salt), none);
        const [aad, iv] = [hex(vector.aad), hex(vector.iv.slice(2 * row.saltLength))];
        const opened = cipher.open(aad, iv, hex(vector.ct + vector.tag));
        expect(opened?.toString("hex"), `case ${tcId}`).toBe(result === "valid" ? vector.msg : undefined);
        const sealed = cipher.seal(aad, iv, hex(vector.msg)).toString("hex");
        expect(sealed === vector.ct + vector.tag, `case ${tcId}`).toBe(result === "valid");
        checked++;
      }
    }
    return checked;
  }

  it("AES-GCM", () => {
    expect(runAead("aes_gcm", 96, ({ keySize }) => encr(`aes${keySize}gcm16`))).toBe(197);
  });
  it("AES-CCM", () => {
    expect(runAead("aes_ccm", 88, ({ keySize, tagSize }) => encr(`aes${keySize}ccm${tagSize / 8}`))).toBe(18);
  });
  it("ChaCha20-Poly1305", () => {
    expect(runAead("chacha20_poly1305", 96, () => encr("chacha20poly1305"))).toBe(316);
  });

  for (const [file, prefix] of [
    ["aes_cbc_pkcs5", "aes"],
    ["camellia_cbc_pkcs5", "camellia"],
  ] as const) {
    it(`${prefix}-CBC`, () => {
      let checked = 0;
      for (const group of wycheproof<Group, Omit<Case, "aad" | "tag">>(file)) {
        for (const { result, key, iv, msg, ct } of group.tests) {
          // The invalid ones are about PKCS #7 padding, which is the caller's business in IKE.
          if (result !== "valid") continue;
          const pad = 16 - ((msg.length / 2) % 16);
          const padded = msg + pad.toString(16).padStart(2, "0").repeat(pad);
          checkCbcOrCtr(encr(`${prefix}${group.keySize}`), key, iv, padded, ct);
          checked++;
        }
      }
      expect(checked).toBe(72);
    });
  }
});

describe.each(ikeCiphers)("$keyword", (row) => {
  const skE = pattern(encrKeyLength(row), 3);
  const iv = pattern(row.ivLength, 5);
  const aad = pattern(32, 7);

  it("opens what it sealed, of every padded length", () => {
    const cipher = cipherOf(row, skE);
    for (let length = 0; length <= 64; length += row.blockLength) {
      const plaintext = pattern(length, 11);
      const sealed = cipher.seal(aad, iv, plaintext);
      expect(sealed.length).toBe(length + cipher.icvLength);
      expect(cipher.open(aad, iv, sealed)).toEqual(plaintext);
    }
    expect([cipher.ivLength, cipher.blockLength]).toEqual([row.ivLength, row.blockLength]);
    expect(cipher.randomIv).toBe(row.method?.mode === "cbc");
  });

  it("refuses every single wrong bit of header, IV, ciphertext and ICV", () => {
    const cipher = cipherOf(row, skE);
    const sealed = cipher.seal(aad, iv, pattern(16, 11));
    for (const target of [aad, iv, sealed]) {
      for (let bit = 0; bit < target.length * 8; bit++) {
        flip(target, bit);
        expect(cipher.open(aad, iv, sealed)).toBeUndefined();
        flip(target, bit);
      }
    }
    expect(cipher.open(aad, iv, sealed)).toEqual(pattern(16, 11));
  });

  it("refuses every other length", () => {
    const cipher = cipherOf(row, skE);
    const sealed = cipher.seal(aad, iv, pattern(16, 11));
    for (let length = 0; length < sealed.length; length++) {
      expect(cipher.open(aad, iv, sealed.subarray(0, length))).toBeUndefined();
    }
    expect(cipher.open(aad, iv, Buffer.concat([sealed, Buffer.alloc(row.blockLength)]))).toBeUndefined();
  });

  it("keeps copies of the keys and cannot be used once destroyed", () => {
    const key = Buffer.from(skE);
    const cipher = cipherOf(row, key);
    const sealed = cipher.seal(aad, iv, pattern(16, 11));
    key.fill(0);
    expect(cipher.seal(aad, iv, pattern(16, 11))).toEqual(sealed);
    cipher.destroy();
    expect(() => cipher.seal(aad, iv, pattern(16, 11))).toThrow(/wiped/);
  });
});

describe("against a second implementation", () => {
  const message = pattern(208, 13);
  const aad = pattern(32, 7);
  const salted = ikeCiphers.filter(({ method, icvLength }) => method?.mode === "gcm" && icvLength === 16);
  it.each([...salted, encr("chacha20poly1305")])("$keyword", (row) => {
    const skE = pattern(encrKeyLength(row), 3);
    const [key, salt] = [skE.subarray(0, row.keyBits / 8), skE.subarray(row.keyBits / 8)];
    const iv = pattern(8, 5);
    const nonce = Buffer.concat([salt, iv]);
    const other = row.method?.mode === "gcm" ? gcm(key, nonce, aad) : chacha20poly1305(key, nonce, aad);
    expect(cipherOf(row, skE).seal(aad, iv, message)).toEqual(Buffer.from(other.encrypt(message)));
  });
  it.each(ikeCiphers.filter(({ name }) => name === "ENCR_AES_CBC"))("$keyword", (row) => {
    const skE = pattern(row.keyBits / 8, 3);
    const iv = pattern(16, 5);
    const encrypted = Buffer.from(cbc(skE, iv, { disablePadding: true }).encrypt(message));
    expect(cipherOf(row, skE).seal(aad, iv, message).subarray(0, -16)).toEqual(encrypted);
  });
  it.each(ikeCiphers.filter(({ name }) => name === "ENCR_AES_CTR"))("$keyword", (row) => {
    const skE = pattern(encrKeyLength(row), 3);
    const iv = pattern(8, 5);
    const block = Buffer.concat([skE.subarray(-4), iv, Buffer.of(0, 0, 0, 1)]);
    const encrypted = Buffer.from(ctr(skE.subarray(0, -4), block).encrypt(message));
    expect(cipherOf(row, skE).seal(aad, iv, message).subarray(0, -16)).toEqual(encrypted);
  });
});

describe("every integrity algorithm of IKE", () => {
  const rows = transforms.filter((row) => row.type === "INTEG").filter((row) => row.uses.ike);
  it.each(rows)("$keyword protects header, IV and ciphertext", (row) => {
    const cipher = makeSkCipher(encr("aes128"), row, pattern(16, 3), pattern(row.keyLength, 9));
    const [aad, iv, plaintext] = [pattern(32, 7), pattern(16, 5), pattern(32, 11)];
    const sealed = cipher.seal(aad, iv, plaintext);
    expect(cipher.icvLength).toBe(row.icvLength);
    expect(sealed.length).toBe(32 + row.icvLength);
    expect(cipher.open(aad, iv, sealed)).toEqual(plaintext);
    for (const target of [aad, iv, sealed]) {
      for (let bit = 0; bit < target.length * 8; bit++) {
        flip(target, bit);
        expect(cipher.open(aad, iv, sealed)).toBeUndefined();
        flip(target, bit);
      }
    }
  });
});

describe("refused use", () => {
  const reasonOf = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      if (error instanceof SkCipherError) return error.reason;
    }
    return undefined;
  };
  it.each(["null", "aes128gmac", "aes256gmac"])("%s cannot protect IKE", (keyword) => {
    const row = encr(keyword);
    expect(reasonOf(() => makeSkCipher(row, sha256, pattern(encrKeyLength(row), 1), Buffer.alloc(32)))).toBe(
      "not-for-ike",
    );
  });
  it("needs an integrity algorithm unless the cipher is AEAD", () => {
    expect(reasonOf(() => makeSkCipher(encr("aes128"), undefined, Buffer.alloc(16), none))).toBe("needs-integrity");
    const ahGmac = integ("ahgmac128");
    expect(reasonOf(() => makeSkCipher(encr("aes128"), ahGmac, Buffer.alloc(16), none))).toBe("needs-integrity");
  });
  it("says which length is wrong", () => {
    const aead = encr("aes128gcm16");
    expect(reasonOf(() => makeSkCipher(aead, undefined, Buffer.alloc(16), none))).toBe("key-length");
    expect(reasonOf(() => makeSkCipher(encr("aes128"), sha256, Buffer.alloc(16), Buffer.alloc(20)))).toBe("key-length");
    const cipher = makeSkCipher(encr("aes128"), sha256, Buffer.alloc(16), Buffer.alloc(32));
    expect(reasonOf(() => cipher.seal(none, Buffer.alloc(8), Buffer.alloc(16)))).toBe("iv-length");
    expect(reasonOf(() => cipher.open(none, Buffer.alloc(8), Buffer.alloc(32)))).toBe("iv-length");
    expect(reasonOf(() => cipher.seal(none, Buffer.alloc(16), Buffer.alloc(17)))).toBe("plaintext-length");
  });
});

function flip(target: Buffer, bit: number): void {
  target[bit >> 3] = (target[bit >> 3] ?? 0) ^ (1 << (bit & 7));
}

function pattern(length: number, step: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * step + length) & 0xff));
}
