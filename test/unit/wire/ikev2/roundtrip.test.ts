import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads } from "../../../../src/wire/ikev2/message.ts";
import type { Payload, UnknownPayload } from "../../../../src/wire/ikev2/payloads/table.ts";
import { payloads as table } from "../../../../src/wire/ikev2/payloads/table.ts";

const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const octets = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const data = octets(0, 40);
const notZero = (max: number) => fc.integer({ min: 1, max });

const generic = {
  critical: fc.constant(true as const),
  reserved: notZero(0x7f),
};

/** Properties that are there or absent, never undefined: `keys` are always there. */
function record<T, K extends keyof T>(model: { [P in keyof T]: fc.Arbitrary<T[P]> }, ...keys: K[]) {
  return fc.record(model, { requiredKeys: keys });
}

const attribute = fc.record({
  type: fc.integer({ min: 0, max: 0x7fff }).filter((type) => type !== 14),
  value: fc.oneof(u16, octets(0, 5)),
});

const transform = fc
  .tuple(
    record({ reserved: notZero(0xff), reserved2: notZero(0xff), keyLength: u16, type: u8, id: u16 }, "type", "id"),
    fc.array(attribute, { maxLength: 4 }),
    fc.nat(4),
  )
  .map(([t, attributes, place]) => {
    if (attributes.length === 0) return t;
    const keyLengthAt = t.keyLength === undefined ? 0 : Math.min(place, attributes.length);
    return keyLengthAt === 0 ? { ...t, attributes } : { ...t, attributes, keyLengthAt };
  });

const proposal = fc.oneof(fc.constantFrom(2, 3), fc.constantFrom(0, 1, 4, 255)).chain((protocolId) =>
  record(
    {
      reserved: notZero(0xff),
      number: u8,
      protocolId: fc.constant(protocolId),
      spi: protocolId === 2 || protocolId === 3 ? octets(4) : octets(0, 9),
      transforms: fc.array(transform, { maxLength: 6 }),
    },
    "number",
    "protocolId",
    "spi",
    "transforms",
  ),
);

const range = (tsType: 7 | 8, length: number) =>
  fc.record({
    tsType: fc.constant(tsType),
    ipProtocol: u8,
    startPort: u16,
    endPort: u16,
    startAddress: octets(length),
    endAddress: octets(length),
  });
const raw = record(
  { tsType: u8.filter((type) => type !== 7 && type !== 8), raw: octets(0, 8), reserved: notZero(0xff) },
  "tsType",
  "raw",
);
const selectors = fc.array(fc.oneof(range(7, 4), range(8, 16), raw), { minLength: 1, maxLength: 5 });

const notify = fc.oneof(
  fc.record({ protocolId: fc.constantFrom(2, 3), spi: fc.oneof(octets(0), octets(4)) }),
  fc.record({ protocolId: fc.constantFrom(0, 1, 9), spi: octets(0, 9) }),
);

const deletion = fc
  .oneof(
    fc.record({ protocolId: fc.constantFrom(2, 3), spiSize: fc.constant(4) }),
    fc.record({ protocolId: fc.constant(1), spiSize: fc.nat(8) }),
  )
  .chain(({ protocolId, spiSize }) =>
    fc
      .array(octets(spiSize), { maxLength: spiSize === 0 ? 0 : 4 })
      .map((spis) => ({ kind: "D" as const, protocolId, spiSize, spis })),
  );

const eap = fc.oneof(
  fc.record({ code: fc.constantFrom(1, 2, 5, 6), identifier: u8, type: u8, data }),
  fc.record({ code: fc.constantFrom(3, 4), identifier: u8, data: octets(0) }),
);

const cpAttribute = record(
  { type: fc.integer({ min: 0, max: 0x7fff }), reserved: fc.constant(1), value: octets(0, 17) },
  "type",
  "value",
);

/** A known payload: `body` with any of the properties in `optional`, and of those that every payload may carry. */
function known<K extends Payload["kind"], T>(kind: K, body: fc.Arbitrary<T>, optional = {}) {
  return fc
    .tuple(body, fc.record({ ...generic, ...optional }, { requiredKeys: [] }))
    .map(([b, o]) => ({ kind, ...b, ...o }));
}

const three = { bodyReserved: notZero(0xffffff) };
const inside: fc.Arbitrary<Payload> = fc.oneof(
  known("SA", fc.record({ proposals: fc.array(proposal, { minLength: 1, maxLength: 4 }) })),
  known("KE", fc.record({ group: u16, data: octets(1, 60) }), { bodyReserved: notZero(0xffff) }),
  known("IDi", fc.record({ idType: u8, data }), three),
  known("IDr", fc.record({ idType: u8, data }), three),
  known("CERT", fc.record({ encoding: u8, data })),
  known("CERTREQ", fc.record({ encoding: u8, data })),
  known("AUTH", fc.record({ method: u8, data }), three),
  known("Nonce", fc.record({ data: octets(16, 256) })),
  known(
    "N",
    fc.tuple(notify, fc.record({ type: u16, data })).map(([a, b]) => ({ ...a, ...b })),
  ),
  known("D", deletion),
  known("V", fc.record({ data })),
  known("TSi", fc.record({ selectors }), three),
  known("TSr", fc.record({ selectors }), three),
  known("CP", fc.record({ cfgType: u8, attributes: fc.array(cpAttribute, { maxLength: 5 }) }), three),
  known("EAP", eap),
  known("PS", fc.record({ data: octets(1, 40) })),
  record<UnknownPayload, "kind" | "type" | "critical" | "body">(
    {
      kind: fc.constant("unknown"),
      type: u8.filter((type) => type !== 0 && !Object.values(table).some((d) => d.type === type)),
      critical: fc.boolean(),
      body: data,
      reserved: notZero(0x7f),
    },
    "kind",
    "type",
    "critical",
    "body",
  ),
) as fc.Arbitrary<Payload>;

const encrypted = fc.oneof(
  known("SK", fc.record({ firstInner: u8, body: data })),
  known(
    "SKF",
    fc.tuple(notZero(0xffff), notZero(0xffff), u8, data).map(([a, b, firstInner, body]) => ({
      firstInner,
      fragmentNumber: Math.min(a, b),
      totalFragments: Math.max(a, b),
      body,
    })),
  ),
) as fc.Arbitrary<Payload>;

test("payloads inside SK are read as they were written", () => {
  fc.assert(
    fc.property(fc.array(inside, { maxLength: 8 }), (payloads) => {
      const { firstType, octets: written } = encodePayloads(payloads);
      const again = decodePayloads(firstType, written, "protected");
      expect(again).toEqual(payloads);
      expect(encodePayloads(again).octets.equals(written)).toBe(true);
    }),
    { numRuns: 1500 },
  );
});

const clear = inside.filter((p) => p.kind === "unknown" || table[p.kind].places.includes("clear"));

test("messages are read as they were written", () => {
  const header = fc.record({
    initiatorSpi: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    responderSpi: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    majorVersion: fc.constant(2),
    minorVersion: fc.nat(15),
    exchangeType: u8,
    flags: u8,
    messageId: fc.integer({ min: 0, max: 0xffffffff }),
  });
  const chain = fc.tuple(fc.array(clear, { maxLength: 5 }), fc.option(encrypted)).map(([a, b]) => (b ? [...a, b] : a));
  fc.assert(
    fc.property(header, chain, (given, payloads) => {
      const written = encodeMessage(given, payloads);
      const again = decodeMessage(written);
      expect(again.header).toMatchObject({ ...given, length: written.length });
      expect(again.payloads).toEqual(payloads);
    }),
    { numRuns: 500 },
  );
});
