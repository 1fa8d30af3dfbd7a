import { expect, test, vi } from "vitest";
import { WireError } from "../../../../src/wire/error.ts";
import {
  decodeMessage,
  decodeProtected,
  encodeEncrypted,
  encodeMessage,
  encodePayloads,
} from "../../../../src/wire/ikev1/message.ts";
import { Trail } from "../../../../src/wire/trail.ts";
import { ikev1Types, mutate, seeded } from "../../../fuzz/mutate.ts";
import { everythingOpened } from "../../crypto/ikev1-replay.ts";
import { messages } from "./recorded.ts";

/** Mutations in all; a long campaign sets UNDERLOCK_MUTATIONS, and UNDERLOCK_SEED to walk elsewhere. */
const total = Number(process.env.UNDERLOCK_MUTATIONS ?? 20_000);
const seed = Number(process.env.UNDERLOCK_SEED ?? 1);

interface Tally {
  accepted: number;
  readonly codes: Map<string, number>;
}

/** Decodes mutations of `inputs`; `roundTrip` gives the octets of what was accepted, written again. */
function campaign<T extends { octets: Uint8Array; id: string }>(
  inputs: readonly T[],
  runs: number,
  roundTrip: (input: T, octets: Uint8Array) => Uint8Array,
): Tally {
  const rng = seeded(seed);
  const entered = vi.spyOn(Trail.prototype, "enter");
  const tally: Tally = { accepted: 0, codes: new Map() };
  for (let run = 0; run < runs; run++) {
    const input = inputs[run % inputs.length] as T;
    const octets = mutate(rng, input.octets, ikev1Types);
    const said = `${input.id}, run ${run}: ${Buffer.from(octets).toString("hex")}`;
    entered.mockClear();
    try {
      const again = Buffer.from(roundTrip(input, octets));
      if (!again.equals(octets)) throw new Error(`written otherwise: ${said}`);
      tally.accepted++;
    } catch (error) {
      // What was read can always be written.
      if (!(error instanceof WireError) || error.code === "unencodable")
        throw new Error(`not the typed error: ${said}`, { cause: error });
      tally.codes.set(error.code, (tally.codes.get(error.code) ?? 0) + 1);
    }
    // Every structure costs at least four octets of input, in each of the two directions.
    if (entered.mock.calls.length > octets.length / 2 + 2) throw new Error(`too many steps: ${said}`);
  }
  entered.mockRestore();
  return tally;
}

test("mutated messages are read the same way again or refused with the typed error", () => {
  const { accepted, codes } = campaign(messages, total * 0.6, (_, octets) => {
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
  const { accepted, codes } = campaign(everythingOpened(), total * 0.4, ({ message, cipher, iv }, plaintext) => {
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
  });
  expect(accepted).toBeGreaterThan(total / 100);
  expect([...codes.keys()].sort()).toEqual(
    expect.arrayContaining(["chain", "length", "trailing", "truncated", "value"]),
  );
});
