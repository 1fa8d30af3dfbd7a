import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatProposal, KeywordError, type ProposalProtocol, parseProposal } from "../../../src/crypto/keywords.ts";
import { findKeyword, transforms } from "../../../src/crypto/transforms.ts";

function errorOf(text: string, protocol: ProposalProtocol): KeywordError {
  try {
    parseProposal(text, protocol);
  } catch (error) {
    if (error instanceof KeywordError) return error;
    throw error;
  }
  throw new Error(`"${text}" was accepted`);
}

describe("parseProposal", () => {
  it.each([
    ["aes256gcm16-prfsha384-ecp384", "ike", "aes256gcm16-prfsha384-ecp384"],
    ["aes128-sha256-modp2048", "ike", "aes128-sha256-modp2048-prfsha256"],
    ["aes128-aes256-sha1-sha384-modp2048-x25519", "ike", "aes128-aes256-sha1-sha384-modp2048-x25519-prfsha1-prfsha384"],
    ["aes128-sha1-sha1_160-modp2048", "ike", "aes128-sha1-sha1_160-modp2048-prfsha1"],
    ["aes256-aesxcbc-prfsha512-ecp256bp", "ike", "aes256-aesxcbc-prfsha512-ecp256bp"],
    ["3des-md5-modp1024", "ike", "3des-md5-modp1024-prfmd5"],
    ["chacha20poly1305-prfsha256-curve25519", "ike", "chacha20poly1305-prfsha256-x25519"],
    ["aes256-sha256", "esp", "aes256-sha256-noesn"],
    ["aes256gcm128-curve448-esn", "esp", "aes256gcm16-x448-esn"],
    ["aes128gmac", "esp", "aes128gmac-noesn"],
    ["null-sha256-esn-noesn", "esp", "null-sha256-esn-noesn"],
    ["sha256", "ah", "sha256-noesn"],
    ["sha512-sha2_256-modp3072-esn", "ah", "sha512-sha256-modp3072-esn"],
    [" AES256 - SHA256 ", "esp", "aes256-sha256-noesn"],
  ] as const)("reads %s for %s", (text, protocol, expected) => {
    expect(formatProposal(parseProposal(text, protocol))).toBe(expected);
  });

  it.each([
    ["aes256-sha265-modp2048", "ike", "unknown", "sha265", 7, ["sha256"]],
    ["aes256-sha256-curve2559", "ike", "unknown", "curve2559", 14, ["curve25519"]],
    ["aes128--sha1", "esp", "unknown", "", 7, []],
    ["", "esp", "unknown", "", 0, []],
    ["quantum", "esp", "unknown", "quantum", 0, []],
    ["aes-sha-modp1024s160", "esp", "never-offered", "modp1024s160", 8, []],
    ["md5_128", "ah", "never-offered", "md5_128", 0, []],
    ["ahgmac128", "ah", "never-offered", "ahgmac128", 0, []],
    ["aes128gmac", "ah", "never-offered", "aes128gmac", 0, []],
    ["aes256-sha256", "ah", "wrong-protocol", "aes256", 0, []],
    ["null-sha256-x25519", "ike", "wrong-protocol", "null", 0, []],
    ["aes128gmac-prfsha256-x25519", "ike", "wrong-protocol", "aes128gmac", 0, []],
    ["aes256-sha256-esn-x25519", "ike", "wrong-protocol", "esn", 14, []],
    ["aes256-prfsha256-sha256", "esp", "wrong-protocol", "prfsha256", 7, []],
    ["aes256-sha256-aes256", "esp", "twice", "aes256", 14, []],
    ["aes256gcm16-aes256gcm128", "esp", "twice", "aes256gcm128", 12, []],
    ["aes256gcm16-x25519", "ike", "missing", "", 18, ["prfsha256"]],
    ["aes256-sha256", "ike", "missing", "", 13, ["x25519"]],
    ["aes256-prfsha256-x25519", "ike", "missing", "", 23, ["sha256"]],
    ["aes256", "esp", "missing", "", 6, ["sha256"]],
    ["sha256", "esp", "missing", "", 6, ["aes256"]],
    ["esn", "ah", "missing", "", 3, ["sha256"]],
    ["aes128-aes128gcm16-sha256", "esp", "mixed", "aes128gcm16", 7, []],
    ["aes256gcm16-sha384-ecp384", "ike", "superfluous", "sha384", 12, []],
    ["aes256gcm16-sha256", "esp", "superfluous", "sha256", 12, []],
  ] as const)("refuses %s for %s: %s", (text, protocol, reason, keyword, position, nearest) => {
    const error = errorOf(text, protocol);
    expect({ reason: error.reason, keyword: error.keyword, position: error.position }).toEqual({
      reason,
      keyword,
      position,
    });
    expect(error.nearest).toEqual(nearest);
  });

  it("says what, where and what would do", () => {
    expect(errorOf("aes256-sha265-modp2048", "ike").message).toBe(
      'unknown algorithm "sha265" (character 8) in "aes256-sha265-modp2048"; did you mean sha256?',
    );
    expect(errorOf("aes256gcm16-sha384-ecp384", "ike").message).toBe(
      '"sha384" (character 13) cannot stand beside aes256gcm16, which authenticates by itself; ' +
        "write prfsha384 to choose a PRF",
    );
    expect(errorOf("aes256gcm16-x25519", "ike").message).toBe(
      'the IKE proposal "aes256gcm16-x25519" lacks a PRF, which aes256gcm16 does not imply, for example prfsha256',
    );
  });

  it("bounds the length", () => {
    expect(errorOf("aes256-".repeat(200), "ike").reason).toBe("too-long");
  });

  it("gives a list or a KeywordError for any words, and reads back what it wrote", () => {
    const word = fc.oneof(fc.constantFrom(...transforms.map(({ keyword }) => keyword)), fc.string({ maxLength: 12 }));
    const protocols = fc.constantFrom<ProposalProtocol>("ike", "esp", "ah");
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), protocols, (list, protocol) => {
        let parsed: ReturnType<typeof parseProposal>;
        try {
          parsed = parseProposal(list.join("-"), protocol);
        } catch (error) {
          expect(error).toBeInstanceOf(KeywordError);
          return;
        }
        expect(parseProposal(formatProposal(parsed), protocol)).toEqual(parsed);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("findKeyword", () => {
  it.each([
    ["aes", "aes128"],
    ["aes192ccm", "aes192ccm16"],
    ["aes192ccm96", "aes192ccm12"],
    ["aes256gcm64", "aes256gcm8"],
    ["sha", "sha1"],
    ["camellia", "camellia128"],
  ])("knows %s as %s", (alias, keyword) => {
    expect(findKeyword(alias)?.keyword).toBe(keyword);
  });
  it("knows no others", () => {
    expect(findKeyword("toString")).toBeUndefined();
    expect(findKeyword("AES128")).toBeUndefined();
  });
});
