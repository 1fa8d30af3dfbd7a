import fc from "fast-check";
import { expect, test } from "vitest";
import { WireError } from "../../../../src/wire/error.ts";
import { decodeMessage, decodeProtected, encodeMessage, encodePayloads } from "../../../../src/wire/ikev1/message.ts";
import type { Payload } from "../../../../src/wire/ikev1/payloads/table.ts";
import { payloads as table } from "../../../../src/wire/ikev1/payloads/table.ts";

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const data = octets(0, 40);

const attribute = fc.record({ type: fc.integer({ min: 0, max: 0x7fff }), value: fc.oneof(u16, octets(0, 5)) });
const transform = fc.record({ number: u8, id: u8, attributes: fc.array(attribute, { maxLength: 6 }) });

/** A protocol and an SPI that fits it. */
const owner = fc.oneof(
  fc.record({ protocolId: fc.constantFrom(2, 3), spi: octets(4) }),
  fc.record({ protocolId: fc.constant(4), spi: fc.oneof(octets(2), octets(4)) }),
  fc.record({ protocolId: fc.constantFrom(0, 1, 9), spi: octets(0, 16) }),
);
const proposal = fc
  .tuple(owner, fc.record({ number: u8, transforms: fc.array(transform, { maxLength: 5 }) }))
  .map(([a, b]) => ({ ...b, ...a }));

const deletion = fc.constantFrom([1, 16], [2, 4], [3, 4], [4, 2]).chain(([protocolId, spiSize]) =>
  fc.record({
    doi: u32,
    protocolId: fc.constant(protocolId as number),
    spiSize: fc.constant(spiSize as number),
    spis: fc.array(octets(spiSize as number), { maxLength: 4 }),
  }),
);

const id = fc
  .constantFrom([1, 4], [4, 8], [7, 8], [5, 16], [6, 32], [8, 32], [2, 9], [11, 0], [200, 3])
  .chain(([idType, length]) =>
    fc.record({
      idType: fc.constant(idType as number),
      ipProtocol: u8,
      port: u16,
      data: octets(length as number),
    }),
  );

const natOa = fc
  .constantFrom([1, 4], [5, 16])
  .chain(([idType, length]) => fc.record({ idType: fc.constant(idType as number), address: octets(length as number) }));

function known<K extends Payload["isakmp"], T>(isakmp: K, body: fc.Arbitrary<T>) {
  return body.map((b) => ({ isakmp, ...b }));
}

const notification = fc.tuple(owner, fc.record({ doi: u32, type: u16, data })).map(([a, b]) => ({ ...a, ...b }));
const fragment = fc.record({
  fragmentId: u16,
  fragmentNumber: fc.integer({ min: 1, max: 255 }),
  fragmentFlags: u8,
  data: octets(1, 40),
});
const otherSa = fc.record({ doi: u32, situation: u32, data }).filter((sa) => sa.doi !== 1 || sa.situation !== 1);

const any = fc.oneof(
  known("SA", fc.record({ proposals: fc.array(proposal, { minLength: 1, maxLength: 4 }) })),
  known("SA-other", otherSa),
  known("KE", fc.record({ data: octets(1, 60) })),
  known("ID", id),
  known("CERT", fc.record({ encoding: u8, data })),
  known("CR", fc.record({ encoding: u8, authority: data })),
  known("HASH", fc.record({ data })),
  known("SIG", fc.record({ data })),
  known("NONCE", fc.record({ data: octets(8, 256) })),
  known("N", notification),
  known("D", deletion),
  known("VID", fc.record({ data })),
  known("ATTR", fc.record({ cfgType: u8, identifier: u16, attributes: fc.array(attribute, { maxLength: 5 }) })),
  known("NAT-D", fc.record({ hash: octets(1, 32) })),
  known("NAT-D-draft", fc.record({ hash: octets(1, 32) })),
  known("NAT-OA", natOa),
  known("NAT-OA-draft", natOa),
  known("FRAGMENT", fragment),
  fc.record({
    isakmp: fc.constant("opaque" as const),
    type: u8.filter((type) => type !== 0 && !Object.values(table).some((d) => d.type === type)),
    body: data,
  }),
) as fc.Arbitrary<Payload>;

test("decrypted payloads are read as they were written, whatever padding follows", () => {
  fc.assert(
    fc.property(fc.array(any, { maxLength: 8 }), octets(0, 20), (payloads, padding) => {
      const { firstType, octets: written } = encodePayloads(payloads);
      const again = decodeProtected(firstType, Buffer.concat([written, padding]));
      expect(again.payloads).toEqual(payloads);
      expect(Buffer.from(again.padding).equals(padding)).toBe(true);
      expect(encodePayloads(again.payloads).octets.equals(written)).toBe(true);
    }),
    { numRuns: 1500 },
  );
});

test("messages are read as they were written", () => {
  const cookie = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const header = fc.record({
    initiatorCookie: cookie,
    responderCookie: cookie,
    exchangeType: u8,
    flags: fc.constantFrom(0, 2, 4, 6),
    messageId: u32,
  });
  fc.assert(
    fc.property(header, fc.array(any, { maxLength: 5 }), octets(0, 3), (given, payloads, padding) => {
      const written = encodeMessage(given, payloads, padding);
      const again = decodeMessage(written);
      expect(again.header).toMatchObject({ ...given, majorVersion: 1, minorVersion: 0, length: written.length });
      expect(again).toMatchObject({ payloads, padding });
    }),
    { numRuns: 500 },
  );
});

test("a payload cut short at any octet is refused with the typed error, and never read as something else", () => {
  fc.assert(
    fc.property(fc.array(any, { minLength: 1, maxLength: 3 }), (payloads) => {
      const { firstType, octets: written } = encodePayloads(payloads);
      for (let length = 0; length < written.length; length++) {
        expect(() => decodeProtected(firstType, written.subarray(0, length))).toThrow(WireError);
      }
    }),
    { numRuns: 100 },
  );
});
