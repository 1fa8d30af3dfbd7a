import { describe, expect, test } from "vitest";
import { notifyType } from "../../../src/wire/ikev1/registry/notify.ts";
import { decodeHeader, flag } from "../../../src/wire/ikev2/header.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { PeerOptions } from "./desired.ts";
import { a, b, c, connected, expectRest, type Pair } from "./pair.ts";

const v1: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256"] };

/** A message that is all header but for what follows it, which nobody can read. */
function message(version: number, fields: { type?: number; flags?: number; spi?: bigint } = {}, rest = 8): Buffer {
  const octets = Buffer.alloc(28 + rest);
  octets.writeBigUInt64BE(fields.spi ?? 0x1122334455667788n, 0);
  octets.writeUInt8(version, 17);
  octets.writeUInt8(fields.type ?? 34, 18);
  octets.writeUInt8(fields.flags ?? flag.initiator, 19);
  octets.writeUInt32BE(0x01020304, 20);
  octets.writeUInt32BE(octets.length, 24);
  return octets;
}

/** What `one` answers to octets from an address. */
function answers({ one }: Pair, octets: Uint8Array, from = b): Uint8Array[] {
  const before = one.sent.length;
  const at = (address: string) => ({ address, port: 500 });
  one.handle({ kind: "datagram", octets, path: { local: at(a), remote: at(from) } });
  return one.sent.slice(before).map(({ octets: sent }) => sent);
}

describe("RFC 7296 2.5: a message of a version above 2", () => {
  test.each([0x30, 0x31, 0x90, 0xf0])("version %i is answered with INVALID_MAJOR_VERSION", (version) => {
    const [answer, ...more] = answers(connected(), message(version));
    expect(more).toEqual([]);
    const said = decodeMessage(answer ?? new Uint8Array(0));
    expect(said.header).toMatchObject({
      initiatorSpi: 0x1122334455667788n,
      responderSpi: 0n,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: 34,
      flags: flag.response,
      messageId: 0x01020304,
    });
    expect(said).toMatchObject({ payloads: [{ kind: "N", type: 5, data: new Uint8Array(0) }] });
  });

  test("the answer to a responder's request bears the initiator's flag", () => {
    const [answer] = answers(connected(), message(0x30, { flags: 0 }));
    expect(decodeHeader(answer ?? new Uint8Array(0)).flags).toBe(flag.response | flag.initiator);
  });

  test.each<[string, Buffer, string?]>([
    ["a response: two ends would answer each other for ever", message(0x30, { flags: flag.response })],
    ["a stranger's", message(0x30), c],
    ["one that is longer or shorter than it says", Buffer.concat([message(0x30), Buffer.alloc(1)])],
    ["one without an SPI", message(0x30, { spi: 0n })],
    ["one of version 0", message(0x00)],
    ["one that is cut off", message(0x30).subarray(0, 20)],
  ])("nothing is said to %s", (_, octets, from) => {
    const pair = connected();
    expect(answers(pair, octets, from)).toEqual([]);
    expectRest(pair);
  });

  test("a flood of them is answered ten times a second", () => {
    const pair = connected();
    let said = 0;
    for (let i = 0; i < 1_000; i += 1) said += answers(pair, message(0x30)).length;
    expect(said).toBe(10);
    pair.world.run(1_000);
    expect(answers(pair, message(0x30))).toHaveLength(1);
    expectRest(pair);
  });

  test("under an IKE SA that stands it is answered, and changes nothing", () => {
    const pair = connected();
    const spi = BigInt(`0x${pair.one.peer().ikeSas[0]?.initiatorSpi}`);
    expect(answers(pair, message(0x30, { spi }))).toHaveLength(1);
    expectRest(pair);
  });
});

test("RFC 2408 5.2: a first message of version 1.1 is told INVALID-MINOR-VERSION, and nothing of it is read", () => {
  const pair = connected(v1);
  const [answer] = answers(pair, message(0x11, { type: 2, flags: 0 }).fill(0, 20, 24));
  const octets = Buffer.from(answer ?? new Uint8Array(0));
  expect([octets[17], octets[18]]).toEqual([0x10, 5]);
  expect(octets.readUInt16BE(28 + 10)).toBe(notifyType.INVALID_MINOR_VERSION);
  expectRest(pair);
});
