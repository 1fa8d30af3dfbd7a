import { describe, expect, test } from "vitest";
import { WireError } from "../../../../src/wire/error.ts";
import { limits } from "../../../../src/wire/ikev2/limits.ts";
import { decodePayloads, encodePayloads } from "../../../../src/wire/ikev2/message.ts";
import type { Place } from "../../../../src/wire/ikev2/payloads/description.ts";
import type { Payload } from "../../../../src/wire/ikev2/payloads/table.ts";

/** A payload, its octets written by hand from the figures of the RFC, and where it may stand. */
interface Case {
  readonly type: number;
  readonly hex: string;
  readonly payload: Payload;
  readonly place?: Place;
}

const hex = (digits: string) => Uint8Array.from(Buffer.from(digits.replaceAll(/\s/g, ""), "hex"));
const none = new Uint8Array(0);

const cases: Readonly<Record<string, Case>> = {
  SA: {
    type: 33,
    hex: `00000034 00000030 01030404 c0ffee01  0300000c 01000014 800e0100  03000008 04000013
          03000008 05000001 00000008 05000000`,
    payload: {
      kind: "SA",
      proposals: [
        {
          number: 1,
          protocolId: 3,
          spi: hex("c0ffee01"),
          transforms: [
            { type: 1, id: 20, keyLength: 256 },
            { type: 4, id: 19 },
            { type: 5, id: 1 },
            { type: 5, id: 0 },
          ],
        },
      ],
    },
  },
  KE: { type: 34, hex: "0000000b 001f 0000 aabbcc", payload: { kind: "KE", group: 31, data: hex("aabbcc") } },
  IDi: {
    type: 35,
    hex: "0000000c 02 000000 67772d61",
    payload: { kind: "IDi", idType: 2, data: hex("67772d61") },
  },
  IDr: { type: 36, hex: "00000008 0d 000000", payload: { kind: "IDr", idType: 13, data: none } },
  CERT: { type: 37, hex: "00000007 04 3082", payload: { kind: "CERT", encoding: 4, data: hex("3082") } },
  CERTREQ: { type: 38, hex: "00000005 04", payload: { kind: "CERTREQ", encoding: 4, data: none } },
  AUTH: { type: 39, hex: "0000000a 02 000000 a55a", payload: { kind: "AUTH", method: 2, data: hex("a55a") } },
  Nonce: {
    type: 40,
    hex: `00000014 ${"0102030405060708".repeat(2)}`,
    payload: { kind: "Nonce", data: hex("0102030405060708".repeat(2)) },
  },
  N: {
    type: 41,
    hex: "0000000e 03 04 4009 c0ffee01 beef",
    payload: { kind: "N", protocolId: 3, spi: hex("c0ffee01"), type: 16393, data: hex("beef") },
  },
  D: {
    type: 42,
    hex: "00000010 03 04 0002 c0ffee01 c0ffee02",
    payload: { kind: "D", protocolId: 3, spiSize: 4, spis: [hex("c0ffee01"), hex("c0ffee02")] },
  },
  V: { type: 43, hex: "00000006 abcd", payload: { kind: "V", data: hex("abcd") } },
  TSi: {
    type: 44,
    hex: `00000040 02 000000 07 2f 0010 0000 ffff c0000200 c00002ff
          08 00 0028 0000 ffff 20010db8000000000000000000000000 20010db8ffffffffffffffffffffffff`,
    payload: {
      kind: "TSi",
      selectors: [
        {
          tsType: 7,
          ipProtocol: 47,
          startPort: 0,
          endPort: 65535,
          startAddress: hex("c0000200"),
          endAddress: hex("c00002ff"),
        },
        {
          tsType: 8,
          ipProtocol: 0,
          startPort: 0,
          endPort: 65535,
          startAddress: hex("20010db8000000000000000000000000"),
          endAddress: hex("20010db8ffffffffffffffffffffffff"),
        },
      ],
    },
  },
  TSr: {
    type: 45,
    hex: "0000000e 01 000000 0a 00 0006 7075",
    payload: { kind: "TSr", selectors: [{ tsType: 10, raw: hex("7075") }] },
  },
  SK: {
    type: 46,
    hex: "29000008 deadbeef",
    payload: { kind: "SK", firstInner: 41, body: hex("deadbeef") },
    place: "clear",
  },
  CP: {
    type: 47,
    hex: "00000014 01 000000 0001 0000 0003 0004 c0000201",
    payload: {
      kind: "CP",
      cfgType: 1,
      attributes: [
        { type: 1, value: none },
        { type: 3, value: hex("c0000201") },
      ],
    },
  },
  EAP: {
    type: 48,
    hex: "0000000b 01 7f 0007 01 6869",
    payload: { kind: "EAP", code: 1, identifier: 127, type: 1, data: hex("6869") },
  },
  SKF: {
    type: 53,
    hex: "2300000a 0001 0002 beef",
    payload: { kind: "SKF", firstInner: 35, fragmentNumber: 1, totalFragments: 2, body: hex("beef") },
    place: "clear",
  },
  PS: { type: 54, hex: "00000006 0102", payload: { kind: "PS", data: hex("0102") } },
  "EAP Success": {
    type: 48,
    hex: "00000008 03 02 0004",
    payload: { kind: "EAP", code: 3, identifier: 2, data: none },
  },
  "RESERVED fields and critical bits": {
    type: 34,
    hex: "22ff000a 0013 1234 0102  0001000b 0014 0000 010203",
    payload: { kind: "KE", critical: true, reserved: 0x7f, group: 19, bodyReserved: 0x1234, data: hex("0102") },
  },
  "unknown payload": {
    type: 200,
    hex: "00800006 abcd",
    payload: { kind: "unknown", type: 200, critical: true, body: hex("abcd") },
  },
};

describe.each(Object.entries(cases))("%s", (_, { type, hex: digits, payload, place = "protected" }) => {
  const octets = hex(digits);

  test("reads it", () => {
    expect(decodePayloads(type, octets, place)[0]).toEqual(payload);
  });

  test("writes it", () => {
    const again = encodePayloads(decodePayloads(type, octets, place));
    expect(again.firstType).toBe(type);
    expect(again.octets.toString("hex")).toBe(Buffer.from(octets).toString("hex"));
  });

  test("rejects it truncated at every offset", () => {
    for (let length = 0; length < octets.length; length++) {
      expect(() => decodePayloads(type, octets.subarray(0, length), place), `${length} octets`).toThrow(WireError);
    }
  });

  test("rejects an octet after it", () => {
    expect(() => decodePayloads(type, Uint8Array.of(...octets, 0), place)).toThrow(
      expect.objectContaining({ code: "trailing" }),
    );
  });
});

/** Those that end in a field or a list that is as long as it happens to be. */
const openEnded = new Set([
  "KE",
  "IDi",
  "CERT",
  "AUTH",
  "N",
  "V",
  "SK",
  "CP",
  "SKF",
  "PS",
  "RESERVED fields and critical bits",
  "unknown payload",
]);

test.each(Object.entries(cases).filter(([name]) => !openEnded.has(name)))(
  "rejects %s with the payload length cut short at every octet",
  (_, { type, hex: digits, place = "protected" }) => {
    const octets = hex(digits);
    for (let length = 0; length < octets.length; length++) {
      const cut = octets.slice(0, length);
      if (length >= 4) cut[3] = length;
      expect(() => decodePayloads(type, cut, place), `${length} octets`).toThrow(WireError);
    }
  },
);

describe("what a payload may not hold", () => {
  const refusals: readonly [string, number, string, string, string][] = [
    ["a nonce of 15 octets", 40, `00000013 ${"00".repeat(15)}`, "truncated", "Nonce"],
    ["a nonce of 257 octets", 40, `00000105 ${"00".repeat(257)}`, "limit", "Nonce"],
    ["a payload shorter than its header", 43, "00000003", "length", "V"],
    ["a Delete of ESP SPIs of 8 octets", 42, "00000010 03 08 0001 0102030405060708", "value", "D"],
    ["a Delete that counts SPIs of no octets", 42, "00000008 01 00 0001", "value", "D"],
    ["a Notify with an ESP SPI of 3 octets", 41, "0000000b 03 03 4009 c0ffee", "value", "N"],
    [
      "an ESP proposal with an SPI of 8 octets",
      33,
      "00000014 00000010 01030800 0102030405060708",
      "value",
      "SA/proposal 1",
    ],
    ["an SA without proposals", 33, "00000004", "truncated", "SA"],
    ["traffic selectors that are none", 44, "00000008 00 000000", "truncated", "TSi"],
    [
      "a selector longer than two addresses",
      44,
      `00000019 01 000000 07 00 0011 0000 ffff ${"00".repeat(9)}`,
      "trailing",
      "TSi/selector 1",
    ],
    ["a selector shorter than its header", 44, "0000000c 01 000000 09 00 0003", "length", "TSi/selector 1"],
    ["an EAP length unlike the payload's", 48, "0000000a 01 01 0005 01 00", "trailing", "EAP"],
    ["EAP Success with data", 48, "00000009 03 01 0005 01", "value", "EAP"],
    ["an EAP Request without a type", 48, "00000008 01 01 0004", "truncated", "EAP"],
  ];

  test.each(refusals)("%s", (_, type, digits, code, path) => {
    const octets = hex(digits);
    expect(() => decodePayloads(type, octets, "protected")).toThrow(expect.objectContaining({ code, path }));
  });

  test.each([
    ["number 0", "0000 0002"],
    ["a number above the total", "0003 0002"],
    ["no total", "0001 0000"],
  ])("a fragment with %s", (_, numbers) => {
    expect(() => decodePayloads(53, hex(`2300000a ${numbers} beef`), "clear")).toThrow(
      expect.objectContaining({ code: "value", path: "SKF" }),
    );
  });
});

describe("bounds", () => {
  test("on the SPIs of a Delete", () => {
    const most = { kind: "D", protocolId: 3, spiSize: 4, spis: Array(limits.spis).fill(new Uint8Array(4)) } as const;
    const { octets } = encodePayloads([most]);
    expect(decodePayloads(42, octets, "protected")).toEqual([most]);
    const more = Buffer.concat([octets, Buffer.alloc(4)]);
    more.writeUInt16BE(more.length, 2);
    more.writeUInt16BE(limits.spis + 1, 6);
    expect(() => decodePayloads(42, more, "protected")).toThrow(expect.objectContaining({ code: "limit", path: "D" }));
  });

  test("on the attributes of a Configuration", () => {
    const attributes = Array(limits.configurationAttributes).fill({ type: 1, value: none });
    const most: Payload = { kind: "CP", cfgType: 1, attributes };
    const { octets } = encodePayloads([most]);
    expect(decodePayloads(47, octets, "protected")).toEqual([most]);
    const more = Buffer.concat([octets, Buffer.from("00010000", "hex")]);
    more.writeUInt16BE(more.length, 2);
    expect(() => decodePayloads(47, more, "protected")).toThrow(expect.objectContaining({ code: "limit", path: "CP" }));
    expect(() => encodePayloads([{ ...most, attributes: [...attributes, ...attributes] }])).toThrow(
      expect.objectContaining({ code: "unencodable", path: "CP" }),
    );
  });
});
