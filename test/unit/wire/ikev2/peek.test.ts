import { describe, expect, test } from "vitest";
import { find, findNotify } from "../../../../src/ikev2/payloads.ts";
import { flag } from "../../../../src/wire/ikev2/header.ts";
import { decodeMessage, encodeMessage } from "../../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../../src/wire/ikev2/payloads/table.ts";
import { isFirstMessage, peekFirst } from "../../../../src/wire/ikev2/peek.ts";
import { exchangeType } from "../../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../../src/wire/ikev2/registry/notify.ts";
import { mutate, seeded } from "../../../fuzz/mutate.ts";
import { messages } from "./recorded.ts";

const nonce: Payload = { kind: "Nonce", data: Buffer.alloc(32, 7) };
const ke: Payload = { kind: "KE", group: 31, data: Buffer.alloc(32, 9) };

function cookie(type: number = notifyType.COOKIE): Payload {
  return { kind: "N", protocolId: 0, spi: new Uint8Array(0), type, data: Buffer.from("a cookie") };
}

function first(payloads: readonly Payload[], change: Partial<Parameters<typeof encodeMessage>[0]> = {}): Buffer {
  const header = {
    initiatorSpi: 0x1122n,
    responderSpi: 0n,
    majorVersion: 2,
    minorVersion: 0,
    exchangeType: exchangeType.IKE_SA_INIT,
    flags: flag.initiator,
    messageId: 0,
    ...change,
  };
  return encodeMessage(header, payloads);
}

describe("a first message is told from the others by its header alone", () => {
  test.each([
    ["a request of IKE_SA_INIT", {}, true],
    ["its response", { flags: flag.response }, false],
    ["a request with a responder's SPI", { responderSpi: 1n }, false],
    ["another exchange", { exchangeType: exchangeType.IKE_AUTH }, false],
    ["another version", { majorVersion: 1 }, false],
  ])("%s", (_, change, expected) => {
    expect(isFirstMessage(first([ke, nonce], change))).toBe(expected);
  });

  test("what is shorter than a header is none", () => {
    const octets = first([nonce]);
    for (let length = 0; length < 28; length += 1) expect(isFirstMessage(octets.subarray(0, length))).toBe(false);
  });
});

describe("a cookie is seen where it is the first payload", () => {
  test("with the nonce and the SPI that it was made for", () => {
    const seen = peekFirst(first([cookie(), ke, nonce]));
    expect(Buffer.from(seen?.cookie ?? []).toString()).toBe(Buffer.from("a cookie").toString());
    expect(seen?.nonce).toEqual(nonce.data);
    expect(seen?.initiatorSpi).toBe(0x1122n);
  });

  test.each([
    ["behind another", [ke, cookie(), nonce]],
    ["of another type", [cookie(notifyType.INITIAL_CONTACT), ke, nonce]],
  ])("not %s", (_, payloads) => {
    expect(peekFirst(first(payloads))).toMatchObject({ cookie: undefined, initiatorSpi: 0x1122n });
  });

  test("and nothing without a nonce", () => {
    expect(peekFirst(first([cookie(), ke]))).toBeUndefined();
  });
});

test("whatever comes: nothing is thrown, and what is seen is what the decoder reads", () => {
  const rng = seeded(5);
  const inputs = [first([cookie(), ke, nonce]), ...messages.map(({ octets }) => octets)];
  let seen = 0;
  for (let run = 0; run < 20_000; run += 1) {
    const octets = mutate(rng, inputs[run % 2 === 0 ? 0 : run % inputs.length] ?? new Uint8Array(0));
    isFirstMessage(octets);
    const peeked = peekFirst(octets);
    if (peeked === undefined) continue;
    seen += 1;
    try {
      const { payloads } = decodeMessage(octets);
      if (peeked.cookie !== undefined) expect(peeked.cookie).toEqual(findNotify(payloads, notifyType.COOKIE)?.data);
      expect(peeked.nonce).toEqual(find(payloads, "Nonce")?.data);
    } catch (error) {
      if (error instanceof Error && error.name === "AssertionError") throw error;
    }
  }
  expect(seen).toBeGreaterThan(100);
});
