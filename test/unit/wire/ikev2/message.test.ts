import { describe, expect, test } from "vitest";
import { decodeHeader, flag } from "../../../../src/wire/ikev2/header.ts";
import { limits } from "../../../../src/wire/ikev2/limits.ts";
import {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  unsupportedCritical,
} from "../../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../../src/wire/ikev2/payloads/table.ts";
import { payloads as table } from "../../../../src/wire/ikev2/payloads/table.ts";
import { message, messages } from "./recorded.ts";

const header = {
  initiatorSpi: 0x0102030405060708n,
  responderSpi: 0xf1f2f3f4f5f6f7f8n,
  majorVersion: 2,
  minorVersion: 0,
  exchangeType: 37,
  flags: flag.response,
  messageId: 0xfffffffe,
};

const vendor = (text: string): Payload => ({ kind: "V", data: new TextEncoder().encode(text) });

describe("the header", () => {
  test("is read as the figure of RFC 7296 3.1 has it", () => {
    const octets = Buffer.from(
      "0102030405060708 f1f2f3f4f5f6f7f8 2e 2f 25 28 fffffffe 0000abcd".replaceAll(" ", ""),
      "hex",
    );
    expect(decodeHeader(octets)).toEqual({
      ...header,
      nextPayload: 46,
      minorVersion: 15,
      flags: 0x28,
      length: 0xabcd,
    });
  });

  test("of another major version is not refused", () => {
    const octets = Buffer.from(message("tcpdump ikev2four.pcap#1"));
    octets[17] = 0x10;
    expect(decodeHeader(octets).majorVersion).toBe(1);
  });

  test("needs 28 octets", () => {
    const octets = message("tcpdump ikev2four.pcap#1");
    for (let length = 0; length < 28; length++) {
      expect(() => decodeHeader(octets.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "truncated", path: "header" }),
      );
    }
    expect(decodeHeader(octets.subarray(0, 28)).exchangeType).toBe(34);
  });
});

describe("a message", () => {
  const octets = encodeMessage(header, [vendor("one"), vendor("two")]);

  test("is written with its length and its chain", () => {
    expect(octets.toString("hex")).toBe(
      "0102030405060708f1f2f3f4f5f6f7f82b202520fffffffe0000002a2b0000076f6e65000000077477".concat("6f"),
    );
  });

  test("may be empty", () => {
    const empty = encodeMessage(header, []);
    expect(empty.length).toBe(28);
    expect(decodeMessage(empty)).toEqual({ header: { ...header, nextPayload: 0, length: 28 }, payloads: [] });
  });

  test("of another major version is refused with its own code", () => {
    for (const version of [0x10, 0x30]) {
      const other = Buffer.from(octets);
      other[17] = version;
      expect(() => decodeMessage(other)).toThrow(expect.objectContaining({ code: "major-version" }));
    }
  });

  test("of another minor version is read (RFC 7296 3.1)", () => {
    const other = encodeMessage({ ...header, minorVersion: 1 }, [vendor("one")]);
    expect(decodeMessage(other).header.minorVersion).toBe(1);
  });

  test("must be as long as its header says", () => {
    expect(() => decodeMessage(octets.subarray(0, -1))).toThrow(expect.objectContaining({ code: "length" }));
    expect(() => decodeMessage(Buffer.concat([octets, Buffer.alloc(1)]))).toThrow(
      expect.objectContaining({ code: "length" }),
    );
  });

  test("longer than UDP can carry is refused", () => {
    const long = Buffer.alloc(limits.message + 1);
    octets.copy(long);
    long.writeUInt32BE(long.length, 24);
    expect(() => decodeMessage(long)).toThrow(expect.objectContaining({ code: "limit" }));
    const data = new Uint8Array(limits.message - 28 - 4);
    expect(encodeMessage(header, [{ kind: "V", data }]).length).toBe(limits.message);
    expect(() => encodeMessage(header, [{ kind: "V", data }, vendor("")])).toThrow(
      expect.objectContaining({ code: "unencodable" }),
    );
  });

  test("holds at most so many payloads", () => {
    const most = Array.from({ length: limits.payloads }, () => vendor("x"));
    const full = encodeMessage(header, most);
    expect(decodeMessage(full).payloads).toHaveLength(limits.payloads);
    expect(() => encodeMessage(header, [...most, vendor("x")])).toThrow(
      expect.objectContaining({ code: "unencodable" }),
    );
    const more = Buffer.concat([full, Buffer.from([0, 0, 0, 4])]);
    more[full.length - 5] = table.V.type;
    more.writeUInt32BE(more.length, 24);
    expect(() => decodeMessage(more)).toThrow(expect.objectContaining({ code: "limit" }));
  });

  test("truncated at every offset is refused, whether or not the header's length is mended", () => {
    const [first] = messages.filter(({ id }) => id === "aosp IkeMessageTest.IKE_SA_INIT_RAW_PACKET");
    const whole = first?.octets ?? Buffer.alloc(0);
    expect(whole.length).toBe(336);
    for (let length = 0; length < whole.length; length++) {
      const cut = Buffer.from(whole.subarray(0, length));
      expect(() => decodeMessage(cut)).toThrow(expect.objectContaining({ name: "WireError" }));
      if (length < 28) continue;
      cut.writeUInt32BE(length, 24);
      expect(() => decodeMessage(cut)).toThrow(expect.objectContaining({ name: "WireError" }));
    }
  });

  test("gives views of its octets, not copies", () => {
    const copy = Buffer.from(octets);
    const [payload] = decodeMessage(copy).payloads;
    copy[32] = 0x4f;
    expect(payload?.kind === "V" && Buffer.from(payload.data).toString()).toBe("One");
  });
});

describe("where payloads may stand", () => {
  const inClear = ["SA", "KE", "CERTREQ", "Nonce", "N", "V", "SK", "SKF", "PS"];

  test("is a property of the table", () => {
    const places = (place: "clear" | "protected") =>
      Object.values(table)
        .filter((d) => d.places.includes(place))
        .map((d) => d.kind);
    expect(places("clear")).toEqual(inClear);
    expect(places("protected")).toEqual(Object.keys(table).filter((kind) => kind !== "SK" && kind !== "SKF"));
  });

  test.each(Object.values(table).filter((d) => !inClear.includes(d.kind)))(
    "$kind in clear is refused",
    ({ kind, type }) => {
      expect(() => decodePayloads(type, new Uint8Array([0, 0, 0, 4]), "clear")).toThrow(
        expect.objectContaining({ code: "placement", path: kind }),
      );
    },
  );

  test.each([table.SK, table.SKF])("$kind inside SK is refused", ({ kind, type }) => {
    expect(() => decodePayloads(type, new Uint8Array([0, 0, 0, 4]), "protected")).toThrow(
      expect.objectContaining({ code: "placement", path: kind }),
    );
  });

  test("SK is the last, and its next payload is not followed", () => {
    const sk: Payload = { kind: "SK", firstInner: 35, body: Uint8Array.of(1, 2, 3) };
    const octets = encodeMessage(header, [vendor("a"), sk]);
    expect(decodeMessage(octets).payloads).toEqual([vendor("a"), sk]);
    expect(() => encodeMessage(header, [sk, vendor("a")])).toThrow(
      expect.objectContaining({ code: "unencodable", path: "SK" }),
    );
    const followed = Buffer.concat([octets, encodePayloads([vendor("b")]).octets]);
    followed.writeUInt32BE(followed.length, 24);
    expect(() => decodeMessage(followed)).toThrow(expect.objectContaining({ code: "trailing" }));
  });
});

describe("unknown payloads", () => {
  test("are kept, and the critical one is found", () => {
    const skippable: Payload = { kind: "unknown", type: 99, critical: false, body: Uint8Array.of(1) };
    const critical: Payload = { kind: "unknown", type: 98, critical: true, body: Uint8Array.of(), reserved: 3 };
    const { firstType, octets } = encodePayloads([skippable, vendor("v"), critical]);
    const payloads = decodePayloads(firstType, octets, "protected");
    expect(payloads).toEqual([skippable, vendor("v"), critical]);
    expect(unsupportedCritical(payloads)).toEqual(critical);
  });

  test("the critical bit of a known payload makes nothing unsupported", () => {
    const { payloads } = decodeMessage(message("tcpdump ikev2pI2.pcap#1"));
    expect(payloads[0]).toMatchObject({ kind: "SA", critical: true });
    expect(unsupportedCritical(payloads)).toBeUndefined();
  });
});

describe("values that do not fit", () => {
  test.each<[string, Payload]>([
    ["an octet of 256", { kind: "IDi", idType: 256, data: new Uint8Array(1) }],
    ["a group of -1", { kind: "KE", group: -1, data: new Uint8Array(1) }],
    ["a fraction", { kind: "KE", group: 1.5, data: new Uint8Array(1) }],
    ["RESERVED bits that reach the critical bit", { kind: "V", reserved: 0x80, data: new Uint8Array(1) }],
    ["a RESERVED field of too many octets", { kind: "KE", group: 1, bodyReserved: 0x10000, data: new Uint8Array(1) }],
    [
      "an SPI of more octets than its size can say",
      { kind: "N", protocolId: 0, type: 1, spi: new Uint8Array(256), data: new Uint8Array(0) },
    ],
    ["SPIs of unlike sizes", { kind: "D", protocolId: 0, spiSize: 2, spis: [new Uint8Array(3)] }],
    ["an unknown payload of type 0", { kind: "unknown", type: 0, critical: false, body: new Uint8Array(0) }],
    ["a short nonce", { kind: "Nonce", data: new Uint8Array(15) }],
    [
      "an IPv4 selector of IPv6 addresses",
      {
        kind: "TSi",
        selectors: [
          {
            tsType: 7,
            ipProtocol: 0,
            startPort: 0,
            endPort: 0,
            startAddress: new Uint8Array(16),
            endAddress: new Uint8Array(16),
          },
        ],
      },
    ],
    ["a raw selector that is an address range", { kind: "TSi", selectors: [{ tsType: 7, raw: new Uint8Array(3) }] }],
    [
      "a fragment after the last",
      { kind: "SKF", firstInner: 0, fragmentNumber: 3, totalFragments: 2, body: new Uint8Array(0) },
    ],
  ])("refuses %s", (_, payload) => {
    expect(() => encodePayloads([payload])).toThrow(
      expect.objectContaining({ name: "WireError", code: "unencodable" }),
    );
  });

  test("leave nothing behind in the next message", () => {
    expect(() => encodePayloads([vendor("left over"), { kind: "Nonce", data: new Uint8Array(1) }])).toThrow();
    expect(encodePayloads([vendor("a")]).octets.toString("hex")).toBe("0000000561");
  });
});
