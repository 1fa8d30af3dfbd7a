import { expect, test } from "vitest";
import {
  decodeMessage,
  decodeProtected,
  encodeEncrypted,
  encodeMessage,
  encodePayloads,
} from "../../../../src/wire/ikev1/message.ts";
import { ikev1Types } from "../../../fuzz/mutate.ts";
import { everythingOpened } from "../../crypto/ikev1-replay.ts";
import { campaign, mutationsOr } from "../mutation-campaign.ts";
import { messages } from "./recorded.ts";

const total = mutationsOr(100_000);

test("mutated messages are read the same way again or refused with the typed error", () => {
  const { accepted, codes } = campaign(messages, total * 0.6, ikev1Types, (_, octets) => {
    const message = decodeMessage(octets);
    if ("payloads" in message) return encodeMessage(message.header, message.payloads, message.padding);
    return encodeEncrypted(message.header, message.header.nextPayload, message.ciphertext);
  });
  // The mutator must reach both sides of every check, or it tests nothing.
  expect(accepted).toBeGreaterThan(total / 100);
  expect([...codes.keys()].sort()).toEqual(
    ["chain", "length", "limit", "major-version", "trailing", "truncated", "value"].sort(),
  );
});

test("mutated plaintexts, encrypted again, are read the same way again or refused with the typed error", () => {
  const { accepted, codes } = campaign(
    everythingOpened(),
    total * 0.4,
    ikev1Types,
    ({ message, cipher, iv }, plaintext) => {
      const sealed = encodeEncrypted(message.header, message.header.nextPayload, cipher.encrypt(iv, plaintext));
      const received = decodeMessage(sealed);
      if (!("ciphertext" in received)) throw new Error("not encrypted");
      const decrypted = cipher.decrypt(iv, received.ciphertext);
      // A message of no octets has no block: there is nothing to read.
      if (decrypted === undefined) return plaintext;
      const { payloads, octets, padding } = decodeProtected(received.header.nextPayload, decrypted);
      expect(octets.length + padding.length).toBe(decrypted.length);
      const again = Buffer.concat([encodePayloads(payloads).octets, padding]);
      return again.subarray(0, plaintext.length);
    },
  );
  expect(accepted).toBeGreaterThan(total / 100);
  expect([...codes.keys()].sort()).toEqual(
    expect.arrayContaining(["chain", "length", "trailing", "truncated", "value"]),
  );
});
