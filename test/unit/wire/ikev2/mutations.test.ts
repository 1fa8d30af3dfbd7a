import { expect, test } from "vitest";
import {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  unsupportedCritical,
} from "../../../../src/wire/ikev2/message.ts";
import { ikev2Types } from "../../../fuzz/mutate.ts";
import { campaign, mutationsOr } from "../mutation-campaign.ts";
import { chains, messages } from "./recorded.ts";

/** As many as go through an engine. */
const total = mutationsOr(100_000);

test("mutated messages are read the same way again or refused with the typed error", () => {
  const { accepted, codes } = campaign(messages, total * 0.7, ikev2Types, (_, octets) => {
    const { header, payloads } = decodeMessage(octets);
    unsupportedCritical(payloads);
    return encodeMessage(header, payloads);
  });
  // The mutator must reach both sides of every check, or it tests nothing.
  expect(accepted).toBeGreaterThan(total / 100);
  expect([...codes.keys()].sort()).toEqual(
    ["chain", "length", "limit", "major-version", "placement", "trailing", "truncated", "value"].sort(),
  );
});

test("mutated plaintexts are read the same way again or refused with the typed error", () => {
  const inside = chains.filter(({ id }) => !id.includes("skf") && !id.includes("sk_pld"));
  const { accepted, codes } = campaign(inside, total * 0.3, ikev2Types, ({ firstType }, octets) => {
    const again = encodePayloads(decodePayloads(firstType, octets, "protected"));
    return again.octets;
  });
  expect(accepted).toBeGreaterThan(total / 100);
  expect(codes.has("trailing") && codes.has("truncated") && codes.has("value") && codes.has("chain")).toBe(true);
});
