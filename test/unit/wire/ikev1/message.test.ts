import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { WireError, type WireErrorCode } from "../../../../src/wire/error.ts";
import {
  decodeBody,
  decodeMessage,
  decodeProtected,
  encodeBody,
  encodeEncrypted,
  encodeMessage,
  encodePayloads,
  prependHash,
} from "../../../../src/wire/ikev1/message.ts";
import { attributeNumber, numericAttribute } from "../../../../src/wire/ikev1/payloads/attribute.ts";
import type { Payload } from "../../../../src/wire/ikev1/payloads/table.ts";
import { payloadType } from "../../../../src/wire/ikev1/registry/message.ts";
import { nameOf } from "../../../../src/wire/ikev1/registry/names.ts";
import { decodeMessage as decodeIkev2, encodeMessage as encodeIkev2 } from "../../../../src/wire/ikev2/message.ts";

interface Handshake {
  readonly id: string;
  readonly messages: readonly { readonly hex: string }[];
}

const { handshakes } = JSON.parse(
  readFileSync(new URL("../../../../vectors/sources/handshakes/rub-ike-handshakes.json", import.meta.url), "utf8"),
) as { handshakes: readonly Handshake[] };
const [sa1, sa2, ke1] = (handshakes.find(({ id }) => id === "v1-main-psk") as Handshake).messages.map(({ hex }) =>
  Buffer.from(hex, "hex"),
) as [Buffer, Buffer, Buffer];

const header = { initiatorCookie: 1n, responderCookie: 2n, exchangeType: 2, flags: 0, messageId: 0 };

function codeOf(decode: () => unknown): WireErrorCode | "accepted" {
  try {
    decode();
    return "accepted";
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return error.code;
  }
}

/** `octets` with some of them changed: offset to value. */
function changed(octets: Uint8Array, changes: Readonly<Record<number, number>>): Buffer {
  const copy = Buffer.from(octets);
  for (const [offset, value] of Object.entries(changes)) copy[Number(offset)] = value;
  return copy;
}

describe("a recorded first message of main mode", () => {
  test("reads SA, proposal, transform and attributes", () => {
    const message = decodeMessage(sa1);
    expect(message).toMatchObject({
      header: {
        initiatorCookie: 0x59cedc5dcea558fen,
        responderCookie: 0n,
        majorVersion: 1,
        minorVersion: 0,
        exchangeType: 2,
        flags: 0,
        messageId: 0,
        length: 84,
      },
      payloads: [
        {
          isakmp: "SA",
          proposals: [
            {
              number: 0,
              protocolId: 1,
              spi: new Uint8Array(0),
              transforms: [
                {
                  number: 0,
                  id: 1,
                  attributes: [
                    { type: 1, value: 7 },
                    { type: 14, value: 128 },
                    { type: 2, value: 2 },
                    { type: 4, value: 2 },
                    { type: 3, value: 1 },
                    { type: 11, value: 1 },
                    { type: 12, value: 28800 },
                  ],
                },
              ],
            },
          ],
        },
      ],
    });
  });

  test("announces XAuth and DPD in the answer", () => {
    const message = decodeMessage(sa2);
    if (!("payloads" in message)) throw new Error("encrypted");
    expect(message.payloads.map((p) => (p.isakmp === "VID" ? nameOf.vendorId(p.data) : p.isakmp))).toEqual([
      "SA",
      "XAuth",
      "Dead Peer Detection",
    ]);
  });
});

describe("a header", () => {
  test.each<[string, Readonly<Record<number, number>>, WireErrorCode]>([
    ["of IKEv2", { 17: 0x20 }, "major-version"],
    ["of a later minor version", { 17: 0x11 }, "value"],
    ["with IKEv2's initiator flag", { 19: 0x08 }, "value"],
    ["that is shorter than the message", { 27: 80 }, "length"],
    ["that is longer than the message", { 27: 88 }, "length"],
  ])("%s is refused", (_, changes, code) => {
    expect(codeOf(() => decodeMessage(changed(sa1, changes)))).toBe(code);
  });

  test("of 27 octets is refused", () => {
    expect(codeOf(() => decodeMessage(sa1.subarray(0, 27)))).toBe("truncated");
  });
});

describe("payloads of the other version (CVE-2015-3991)", () => {
  test("IKEv2's payload types mean nothing here", () => {
    const message = decodeMessage(changed(ke1, { 16: 34 }));
    expect("payloads" in message && message.payloads[0]).toMatchObject({ isakmp: "opaque", type: 34 });
  });

  test("neither decoder reads the other's message, and neither encoder takes the other's payloads", () => {
    expect(codeOf(() => decodeIkev2(sa1))).toBe("major-version");
    const nonce = { kind: "Nonce", data: new Uint8Array(16) } as const;
    const v2 = encodeIkev2(
      {
        initiatorSpi: 1n,
        responderSpi: 0n,
        majorVersion: 2,
        minorVersion: 0,
        exchangeType: 34,
        flags: 8,
        messageId: 0,
      },
      [nonce],
    );
    expect(codeOf(() => decodeMessage(v2))).toBe("major-version");
    // @ts-expect-error: a payload of IKEv2
    expect(() => encodePayloads([nonce])).toThrow();
    // @ts-expect-error: a payload of IKEv1
    const wrong: Parameters<typeof encodeIkev2>[1] = [{ isakmp: "NONCE", data: new Uint8Array(16) }];
    expect(wrong.length).toBe(1);
  });
});

describe("bounds", () => {
  const vid = (length: number): Payload => ({ isakmp: "VID", data: new Uint8Array(length) });

  test("at most 64 payloads", () => {
    expect(codeOf(() => encodePayloads(Array.from({ length: 65 }, () => vid(1))))).toBe("unencodable");
    const { octets } = encodePayloads(Array.from({ length: 64 }, () => vid(1)));
    octets[octets.length - 5] = payloadType.VID;
    const longer = Buffer.concat([octets, Buffer.from("0000000500", "hex")]);
    expect(codeOf(() => decodeProtected(payloadType.VID, longer))).toBe("limit");
  });

  test("a nonce has 8 to 256 octets (RFC 2409 5)", () => {
    const nonce = (length: number) => Buffer.concat([Buffer.from([0, 0, 1, 0]), Buffer.alloc(length)]);
    const ofLength = (length: number) => {
      const octets = nonce(length);
      octets.writeUInt16BE(length + 4, 2);
      return codeOf(() => decodeProtected(payloadType.NONCE, octets));
    };
    expect([7, 8, 256, 257].map(ofLength)).toEqual(["truncated", "accepted", "accepted", "limit"]);
  });

  test("RESERVED must be zero wherever it stands (RFC 2408 5.3)", () => {
    // Generic header, proposal, transform, RESERVED2 of the transform.
    for (const offset of [29, 41, 49, 54, 55]) {
      expect(codeOf(() => decodeMessage(changed(sa1, { [offset]: 1 })))).toBe("value");
    }
  });

  test("an SPI fits its protocol", () => {
    const proposal = (protocolId: number, octets: number): Payload => ({
      isakmp: "SA",
      proposals: [{ number: 1, protocolId, spi: new Uint8Array(octets), transforms: [] }],
    });
    const lengths = (protocolId: number) =>
      [0, 2, 4, 8, 16, 17].filter((n) => codeOf(() => encodePayloads([proposal(protocolId, n)])) === "accepted");
    expect([1, 2, 3, 4].map(lengths)).toEqual([[0, 2, 4, 8, 16], [4], [4], [2, 4]]);
  });

  test("an address ID has the octets of its type", () => {
    const id = (idType: number, length: number) =>
      codeOf(() => encodeBody({ isakmp: "ID", idType, ipProtocol: 0, port: 0, data: new Uint8Array(length) }));
    expect([id(1, 4), id(4, 8), id(7, 8), id(5, 16), id(6, 32), id(8, 32), id(2, 0)]).toEqual(
      Array.from({ length: 7 }, () => "accepted"),
    );
    expect([id(1, 5), id(4, 4), id(7, 9), id(5, 4), id(6, 17), id(8, 8)]).toEqual(
      Array.from({ length: 6 }, () => "unencodable"),
    );
  });

  test("a Delete of the ISAKMP SA has both cookies, and no SPI is empty", () => {
    const d = (protocolId: number, spiSize: number) =>
      codeOf(() => encodeBody({ isakmp: "D", doi: 1, protocolId, spiSize, spis: [new Uint8Array(spiSize)] }));
    expect([d(1, 16), d(3, 4), d(4, 2)]).toEqual(["accepted", "accepted", "accepted"]);
    expect([d(1, 8), d(3, 8), d(9, 0)]).toEqual(["unencodable", "unencodable", "unencodable"]);
  });

  test("a fragment number counts from 1", () => {
    expect(codeOf(() => decodeBody(payloadType.FRAGMENT, Buffer.from("0001000000", "hex")))).toBe("value");
    expect(decodeBody(payloadType.FRAGMENT, Buffer.from("0001020107", "hex"))).toEqual({
      isakmp: "FRAGMENT",
      fragmentId: 1,
      fragmentNumber: 2,
      fragmentFlags: 1,
      data: Uint8Array.of(7),
    });
  });
});

describe("padding", () => {
  const payloads: Payload[] = [
    { isakmp: "HASH", data: new Uint8Array(20).fill(7) },
    { isakmp: "VID", data: new Uint8Array(3) },
  ];

  test("after the last payload of a decrypted message is not an error, whatever it holds", () => {
    const { firstType, octets } = encodePayloads(payloads);
    for (const padding of [Buffer.alloc(40), Buffer.from([0, 0, 2]), Buffer.alloc(0), Buffer.alloc(5, 0xff)]) {
      const decoded = decodeProtected(firstType, Buffer.concat([octets, padding]));
      expect(decoded.payloads).toEqual(payloads);
      expect(Buffer.from(decoded.octets)).toEqual(octets);
      expect(Buffer.from(decoded.afterFirst)).toEqual(octets.subarray(24));
      expect(Buffer.from(decoded.padding)).toEqual(padding);
    }
  });

  test("in clear aligns to four octets and no more", () => {
    const padded = (octets: number) => {
      const message = Buffer.concat([encodeMessage(header, payloads), Buffer.alloc(octets)]);
      message.writeUInt32BE(message.length, 24);
      return message;
    };
    const message = decodeMessage(padded(3));
    expect("payloads" in message && message.padding.length).toBe(3);
    expect(codeOf(() => decodeMessage(padded(4)))).toBe("trailing");
  });
});

test("an encrypted message is not read before it is decrypted", () => {
  const octets = encodeEncrypted(header, payloadType.ID, Buffer.alloc(32, 9));
  const message = decodeMessage(octets);
  expect(message).toMatchObject({ header: { flags: 1, nextPayload: 5 }, ciphertext: new Uint8Array(32).fill(9) });
  expect(message).not.toHaveProperty("payloads");
});

test("a HASH put before what it is over reads as a chain", () => {
  const rest = encodePayloads([{ isakmp: "VID", data: Uint8Array.of(1, 2) }]);
  const { firstType, octets } = prependHash(new Uint8Array(16), rest);
  const decoded = decodeProtected(firstType, octets);
  expect(decoded.payloads.map((p) => p.isakmp)).toEqual(["HASH", "VID"]);
  expect(Buffer.from(decoded.afterFirst)).toEqual(rest.octets);
});

test("bodies that are encrypted one by one are left as they are where the caller says so", () => {
  const ciphertext = new Uint8Array(512).fill(1);
  const octets = encodePayloads([{ isakmp: "opaque", type: payloadType.NONCE, body: ciphertext }]).octets;
  expect(codeOf(() => decodeProtected(payloadType.NONCE, octets))).toBe("limit");
  const decoded = decodeProtected(payloadType.NONCE, octets, new Set([payloadType.NONCE]));
  expect(decoded.payloads).toEqual([{ isakmp: "opaque", type: payloadType.NONCE, body: ciphertext }]);
});

test("an SA of another DOI or situation is no SA with proposals", () => {
  const body = Buffer.from("0000000200000001deadbeef", "hex");
  expect(decodeBody(payloadType.SA, body)).toMatchObject({ isakmp: "SA-other", doi: 2, situation: 1 });
  const secret = Buffer.from("0000000100000003deadbeef", "hex");
  expect(decodeBody(payloadType.SA, secret)).toMatchObject({ isakmp: "SA-other", doi: 1, situation: 3 });
  expect(encodeBody(decodeBody(payloadType.SA, secret))).toEqual(secret);
});

test("numbers of attributes in both forms (RFC 2407 4.5)", () => {
  const octets = (digits: string) => ({ type: 12, value: Buffer.from(digits, "hex") });
  expect([numericAttribute(12, 28800), numericAttribute(12, 86400)].map(attributeNumber)).toEqual([28800, 86400]);
  expect(numericAttribute(12, 86400).value).toEqual(Uint8Array.of(0, 1, 0x51, 0x80));
  expect([octets("00000000000000ff"), octets(""), octets("01000000000000")].map(attributeNumber)).toEqual([
    255,
    undefined,
    undefined,
  ]);
});
