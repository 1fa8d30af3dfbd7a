import { describe, expect, test } from "vitest";
import { limits } from "../../../../src/wire/ikev2/limits.ts";
import { decodePayloads, encodePayloads } from "../../../../src/wire/ikev2/message.ts";
import type { SaPayload } from "../../../../src/wire/ikev2/payloads/sa.ts";

function read(hex: string): SaPayload {
  const body = Buffer.from(hex.replaceAll(/\s/g, ""), "hex");
  const octets = Buffer.concat([Buffer.alloc(4), body]);
  octets.writeUInt16BE(octets.length, 2);
  const [sa] = decodePayloads(33, octets, "clear");
  if (sa?.kind !== "SA") throw new Error("not an SA");
  expect(encodePayloads([sa]).octets.toString("hex")).toBe(octets.toString("hex"));
  return sa;
}

/** One IKE proposal of one transform, whose attributes are given. */
const withAttributes = (hex: string) => {
  const length = Buffer.from(hex.replaceAll(" ", ""), "hex").length;
  const u16 = (n: number) => n.toString(16).padStart(4, "0");
  return `0000${u16(16 + length)} 01010001 0000${u16(8 + length)} 0100000c ${hex}`;
};

describe("attributes of a transform", () => {
  test.each([
    ["a key length", "800e0080", { keyLength: 128 }],
    ["a key length on no attribute at all", "", {}],
    ["one that is not known, short", "80630007", { attributes: [{ type: 0x63, value: 7 }] }],
    ["one that is not known, long", "00630003 010203", { attributes: [{ type: 0x63, value: Uint8Array.of(1, 2, 3) }] }],
    ["an empty long one", "00630000", { attributes: [{ type: 0x63, value: new Uint8Array(0) }] }],
    [
      "key length in the long form, which it may not have",
      "000e0002 0080",
      { attributes: [{ type: 14, value: Uint8Array.of(0, 0x80) }] },
    ],
    ["key length first, then another", "800e0100 80630007", { keyLength: 256, attributes: [{ type: 0x63, value: 7 }] }],
    [
      "key length between others",
      "80630007 800e0100 80640008",
      {
        keyLength: 256,
        keyLengthAt: 1,
        attributes: [
          { type: 0x63, value: 7 },
          { type: 0x64, value: 8 },
        ],
      },
    ],
    ["two key lengths", "800e0100 800e0080", { keyLength: 256, attributes: [{ type: 14, value: 128 }] }],
    ["a key length of 0", "800e0000", { keyLength: 0 }],
  ])("reads and writes %s", (_, hex, expected) => {
    expect(read(withAttributes(hex)).proposals[0]?.transforms).toEqual([{ type: 1, id: 12, ...expected }]);
  });

  test("rejects more than the limit", () => {
    expect(() => read(withAttributes("80630007".repeat(limits.transformAttributes)))).not.toThrow();
    expect(() => read(withAttributes("80630007".repeat(limits.transformAttributes + 1)))).toThrow(
      expect.objectContaining({ code: "limit", path: "SA/proposal 1/transform 1" }),
    );
  });

  test("rejects a long one that goes over the transform's end", () => {
    expect(() => read(withAttributes("00630004 010203"))).toThrow(
      expect.objectContaining({ code: "truncated", path: "SA/proposal 1/transform 1" }),
    );
  });
});

describe("proposals", () => {
  const one = (last: string, number: string) => `${last}000010 ${number}010001 00000008 02000005`;

  test("keeps any numbering", () => {
    const sa = read(one("02", "07") + one("02", "07") + one("00", "00"));
    expect(sa.proposals.map((p) => p.number)).toEqual([7, 7, 0]);
  });

  test("keeps RESERVED octets", () => {
    const sa = read("00aa0010 01010001 00bb0008 02cc0005");
    expect(sa.proposals).toMatchObject([{ reserved: 0xaa, transforms: [{ reserved: 0xbb, reserved2: 0xcc }] }]);
  });

  test("keeps a proposal without transforms", () => {
    expect(read("00000008 01010000").proposals[0]?.transforms).toEqual([]);
  });

  test.each([
    ["a last flag that is neither", one("01", "01"), "chain", "SA/proposal 1"],
    ["a transform's flag that is neither", "00000010 01010001 02000008 02000005", "chain", "SA/proposal 1/transform 1"],
    ["octets after the last", `${one("00", "01")}00`, "trailing", "SA"],
    ["more said and none there", one("02", "01"), "truncated", "SA/proposal 2"],
    ["last said and more there", one("00", "01") + one("00", "02"), "trailing", "SA"],
    [
      "one transform more than counted",
      "00000018 01010001 03000008 02000005 00000008 03000002",
      "chain",
      "SA/proposal 1/transform 1",
    ],
    ["one transform less than counted", "00000010 01010002 00000008 02000005", "chain", "SA/proposal 1/transform 1"],
    ["a proposal shorter than its header", "00000003 01010000", "length", "SA/proposal 1"],
    [
      "a transform that goes over its proposal",
      "00000010 01010001 0000000c 02000005",
      "truncated",
      "SA/proposal 1/transform 1",
    ],
    ["a proposal that goes over its payload", "00000018 01010001 00000008 02000005", "truncated", "SA/proposal 1"],
  ])("rejects %s", (_, hex, code, path) => {
    expect(() => read(hex)).toThrow(expect.objectContaining({ code, path }));
  });

  test("holds the bound on their number in both directions", () => {
    const most = one("02", "01").repeat(limits.proposals - 1);
    const sa = read(most + one("00", "01"));
    expect(() => read(most + one("02", "01") + one("00", "01"))).toThrow(expect.objectContaining({ code: "limit" }));
    const over: SaPayload = { ...sa, proposals: [...sa.proposals, ...sa.proposals.slice(0, 1)] };
    expect(() => encodePayloads([over])).toThrow(expect.objectContaining({ code: "unencodable", path: "SA" }));
  });
});
