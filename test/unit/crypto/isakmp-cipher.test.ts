import { createCipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { IsakmpCipher, IsakmpCipherError, type IsakmpCipherErrorReason } from "../../../src/crypto/isakmp-cipher.ts";
import { encr, hex, loadVectors } from "./vectors.ts";

function reasonOf(call: () => unknown): IsakmpCipherErrorReason | "none" {
  try {
    call();
    return "none";
  } catch (error) {
    if (!(error instanceof IsakmpCipherError)) throw error;
    return error.reason;
  }
}

describe("known answers", () => {
  const aes = loadVectors<{
    cases_cbc: { tcId: number; key: string; iv: string; plaintext: string; ciphertext: string }[];
  }>("rfc/rfc3602-aes-cbc-esp.json").cases_cbc;
  it.each(aes)("RFC 3602 case $tcId", ({ key, iv, plaintext, ciphertext }) => {
    const cipher = new IsakmpCipher(encr("aes128"), hex(key));
    expect(cipher.encrypt(hex(iv), hex(plaintext)).toString("hex")).toBe(ciphertext);
    expect(cipher.decrypt(hex(iv), hex(ciphertext))?.toString("hex")).toBe(plaintext);
  });

  // FIPS PUB 81 appendix C, table C1.
  it("single DES in CBC mode, as FIPS 81 prints it", () => {
    const cipher = new IsakmpCipher(encr("des"), hex("0123456789abcdef"));
    const plaintext = Buffer.from("Now is the time for all ");
    const ciphertext = cipher.encrypt(hex("1234567890abcdef"), plaintext);
    expect(ciphertext.toString("hex")).toBe("e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6");
    expect(cipher.decrypt(hex("1234567890abcdef"), ciphertext)).toEqual(plaintext);
  });
});

describe("an ISAKMP cipher", () => {
  const cipher = new IsakmpCipher(encr("3des"), Buffer.from(Array.from({ length: 24 }, (_, i) => 7 * i)));
  const iv = Buffer.alloc(8, 1);

  it("pads with zeros to whole blocks, and not where there is nothing to pad", () => {
    expect(cipher.decrypt(iv, cipher.encrypt(iv, Buffer.alloc(13, 9)))?.toString("hex")).toBe(
      `${"09".repeat(13)}000000`,
    );
    expect(cipher.encrypt(iv, Buffer.alloc(16, 9)).length).toBe(16);
  });

  it("chains: the last block is the next IV, so that two messages are as one", () => {
    const first = cipher.encrypt(iv, Buffer.alloc(16, 1));
    const second = cipher.encrypt(cipher.ivAfter(first), Buffer.alloc(8, 2));
    const whole = cipher.encrypt(iv, Buffer.concat([Buffer.alloc(16, 1), Buffer.alloc(8, 2)]));
    expect(Buffer.concat([first, second])).toEqual(whole);
  });

  it("opens whole blocks alone", () => {
    expect([0, 7, 9].map((length) => cipher.decrypt(iv, Buffer.alloc(length)))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("is single DES three times over, not something of its own", () => {
    const key = hex("0011223344556677");
    const ede = createCipheriv("des-ede3-cbc", Buffer.concat([key, key, key]), iv).setAutoPadding(false);
    expect(new IsakmpCipher(encr("des"), key).encrypt(iv, Buffer.alloc(8))).toEqual(ede.update(Buffer.alloc(8)));
  });

  it("refuses what cannot be", () => {
    expect(reasonOf(() => new IsakmpCipher(encr("aes128gcm16"), Buffer.alloc(20)))).toBe("not-for-ikev1");
    expect(reasonOf(() => new IsakmpCipher(encr("aes128ctr"), Buffer.alloc(20)))).toBe("not-for-ikev1");
    expect(reasonOf(() => new IsakmpCipher(encr("null"), Buffer.alloc(0)))).toBe("not-for-ikev1");
    expect(reasonOf(() => new IsakmpCipher(encr("des"), Buffer.alloc(24)))).toBe("key-length");
    expect(reasonOf(() => cipher.encrypt(Buffer.alloc(16), Buffer.alloc(8)))).toBe("iv-length");
    const wiped = new IsakmpCipher(encr("aes128"), Buffer.alloc(16));
    wiped.destroy();
    expect(reasonOf(() => wiped.encrypt(Buffer.alloc(16), Buffer.alloc(16)))).toBe("destroyed");
  });
});
