import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forEachMessage } from "../../../../src/netlink-xfrm/codec/message-reader.ts";
import { Octets } from "../../../../src/netlink-xfrm/codec/octets.ts";
import {
  encodeRequest,
  newPolicy,
  newSa,
  type PolicyInput,
  type Request,
  type SaInput,
} from "../../../../src/netlink-xfrm/index.ts";
import { policyBody } from "../../../../src/netlink-xfrm/xfrm/policy.ts";
import { saBody } from "../../../../src/netlink-xfrm/xfrm/sa.ts";

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u8 = fc.integer({ min: 0, max: 255 });
const port = fc.integer({ min: 0, max: 0xffff });
const ipv4 = fc.ipV4();
const addresses = fc.oneof(
  fc.record({ source: ipv4, destination: ipv4, family: fc.constant(2) }),
  fc.record({ source: fc.constant("2001:db8::7"), destination: fc.constant("::"), family: fc.constant(10) }),
);
const limit = fc.bigInt({ min: 0n, max: 0xfffffffffffffffen });
const time = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** Leaves out what is undefined, as the decoder does. */
type Tidy<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const tidy = <T extends object>(value: T): Tidy<T> => {
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries) as Tidy<T>;
};

const selector = fc
  .tuple(
    addresses,
    fc.record({
      sourcePrefix: u8,
      destinationPrefix: u8,
      sourcePort: port,
      sourcePortMask: port,
      destinationPort: port,
      destinationPortMask: port,
      protocol: u8,
      ifindex: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
      user: u32,
    }),
  )
  .map(([ends, rest]) => ({ ...ends, ...rest }));
const lifetime = fc
  .record({
    softBytes: optional(limit),
    hardBytes: optional(limit),
    softPackets: optional(limit),
    hardPackets: optional(limit),
    softAddSeconds: optional(time),
    hardAddSeconds: optional(time),
    softUseSeconds: optional(time),
    hardUseSeconds: optional(time),
  })
  .map(tidy);
const usage = fc.record({ bytes: limit, packets: limit, addTime: time, useTime: time });
const key = fc.uint8Array({ maxLength: 80 });
const name = fc.stringMatching(/^[a-z0-9(),-]{1,63}$/);
const mode = fc.constantFrom("transport" as const, "tunnel" as const, "beet" as const, 200);
const protocol = fc.constantFrom("esp" as const, "ah" as const, "comp" as const, 4);

const sa: fc.Arbitrary<SaInput> = fc
  .tuple(
    addresses,
    fc.record({
      selector,
      spi: u32,
      protocol,
      lifetime,
      usage,
      stats: fc.record({ replayWindow: u32, replay: u32, integrityFailed: u32 }),
      sequence: u32,
      reqid: u32,
      mode,
      replayWindow: u8,
      flags: u8,
    }),
    fc
      .record({
        aead: optional(fc.record({ name, key, icvBits: port })),
        authTrunc: optional(fc.record({ name, key, truncationBits: port })),
        crypt: optional(fc.record({ name, key })),
        encapsulation: optional(
          fc.record({
            type: fc.constantFrom("espInUdp" as const, 9),
            sourcePort: port,
            destinationPort: port,
          }),
        ),
        mark: optional(fc.record({ value: u32, mask: u32 })),
        replayEsn: optional(
          fc.array(u32, { minLength: 1, maxLength: 16 }).chain((bitmap) =>
            fc.record({
              window: fc.constant(bitmap.length * 32),
              outbound: u32,
              inbound: u32,
              outboundHigh: u32,
              inboundHigh: u32,
              bitmap: fc.constant(bitmap),
            }),
          ),
        ),
        replay: optional(fc.record({ outbound: u32, inbound: u32, bitmap: u32 })),
        ifId: optional(u32),
        outputMark: optional(u32),
        outputMarkMask: optional(u32),
        tfcPadding: optional(u32),
        extraFlags: optional(u32),
        mappingTimerThreshold: optional(u32),
        direction: optional(fc.constantFrom("in" as const, "out" as const)),
        natKeepaliveInterval: optional(u32),
        offload: optional(fc.record({ ifindex: fc.integer({ min: 0, max: 1000 }), flags: u8 })),
        securityContext: optional(fc.uint8Array({ minLength: 8, maxLength: 32 })),
      })
      .map(tidy),
  )
  .map(([ends, head, rest]) => ({ ...ends, ...head, ...rest }));

const templates = fc.array(
  fc
    .tuple(
      addresses,
      fc.record({
        spi: u32,
        protocol,
        reqid: u32,
        mode,
        share: fc.constantFrom("any" as const, "unique" as const),
        optional: fc.boolean(),
        authAlgorithms: u32,
        encryptionAlgorithms: u32,
        compressionAlgorithms: u32,
      }),
    )
    .map(([ends, rest]) => ({ ...ends, ...rest })),
  { minLength: 1, maxLength: 6 },
);
const policy: fc.Arbitrary<PolicyInput> = fc
  .tuple(
    fc.record({
      selector,
      lifetime,
      usage,
      priority: u32,
      index: u32,
      direction: fc.constantFrom("in" as const, "out" as const, "fwd" as const),
      action: fc.constantFrom("allow" as const, "block" as const),
      flags: u8,
      share: fc.constantFrom("any" as const, "session" as const),
    }),
    fc
      .record({
        templates: optional(templates),
        mark: optional(fc.record({ value: u32, mask: u32 })),
        ifId: optional(u32),
        type: optional(fc.constantFrom("main" as const, "sub" as const)),
      })
      .map(tidy),
  )
  .map(([head, rest]) => ({ ...head, ...rest }));

function through<T>(request: Request<unknown>, read: (message: never) => T): T {
  const octets = Octets.copy(encodeRequest(request));
  const values: T[] = [];
  forEachMessage(octets, octets.bytes.length, (message) => values.push(read(message as never)));
  const [value] = values;
  if (value === undefined) throw new Error("no message");
  return value;
}

/** Lengths of keys are told beside them by the reader. */
function withoutKeyBits(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (property, one) => {
      if (property === "keyBits") return undefined;
      if (typeof one === "bigint") return `${one}n`;
      if (one instanceof Uint8Array) return Buffer.from(one).toString("hex");
      return one === "[secret]" ? "unreachable" : one;
    }),
  );
}

describe("what was written reads the same", () => {
  it("for SAs", () => {
    fc.assert(
      fc.property(sa, (input) => {
        const read = through(newSa(input), (message) => saBody.read(message, { keys: true }));
        for (const algorithm of ["aead", "authTrunc", "crypt"] as const) {
          expect(Array.from(read[algorithm]?.key ?? [])).toEqual(Array.from(input[algorithm]?.key ?? []));
        }
        // Zeroes are what a missing original address is.
        if (read.encapsulation) delete read.encapsulation.originalAddress;
        const keyless = (value: SaInput): unknown => withoutKeyBits({ ...value, ...withoutKeys(value) });
        expect(keyless(read)).toEqual(keyless(input));
      }),
      { numRuns: 1500 },
    );
  });

  it("for policies", () => {
    fc.assert(
      fc.property(policy, (input) => {
        const read = through(newPolicy(input), (message) => policyBody.read(message));
        expect(withoutKeyBits(read)).toEqual(withoutKeyBits(input));
      }),
      { numRuns: 1500 },
    );
  });
});

function withoutKeys({ aead, authTrunc, crypt }: SaInput): object {
  return tidy({
    aead: aead && { name: aead.name, icvBits: aead.icvBits },
    authTrunc: authTrunc && { name: authTrunc.name, truncationBits: authTrunc.truncationBits },
    crypt: crypt && { name: crypt.name },
  });
}
