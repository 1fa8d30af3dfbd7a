// What a peer can bring about is bounded, and what it says of something else is not taken for this.

import { describe, expect, test } from "vitest";
import { pairLimit } from "../../../src/sa/constants.ts";
import { encodePayloads } from "../../../src/wire/ikev1/message.ts";
import type { Payload } from "../../../src/wire/ikev1/payloads/table.ts";
import { notifyType } from "../../../src/wire/ikev1/registry/notify.ts";
import { type PeerOptions, timing } from "./desired.ts";
import { Ikev1Puppet, puppetEsp, puppetIke } from "./ikev1-puppet.ts";
import { a, b, ends, facing, larval, standing } from "./pair.ts";
import type { End, World } from "./world.ts";

const main: PeerOptions = { ikev1: "main", ike: [puppetIke], esp: [puppetEsp], initiate: false };

interface Story {
  readonly world: World;
  readonly end: End;
  readonly puppet: Ikev1Puppet;
}

function waiting(options: PeerOptions = {}): Story {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, { ...main, ...options }));
  return { world, end: one, puppet: new Ikev1Puppet(one, b, "initiator") };
}

function established(options: PeerOptions = {}): Story {
  const story = waiting(options);
  story.puppet.callSa();
  story.puppet.callKey();
  story.puppet.callIdentity();
  return story;
}

/** The very same first message. */
function callAnew(puppet: Ikev1Puppet): void {
  puppet.theirCookie = 0n;
  puppet.callSa();
}

const quickModes = ({ end }: Story) => end.sent.filter(({ octets }) => octets[18] === 32).length;

test("a first message that comes again and again is answered thirteen times, from an address that nobody has proved", () => {
  const { puppet, end } = waiting();
  for (let i = 0; i < 100; i += 1) callAnew(puppet);
  expect(end.sent).toHaveLength(13);
});

test("nobody goes on with phase 1: nothing is repeated to there, and after half a minute nothing is left of it", () => {
  const { puppet, end, world } = waiting();
  puppet.callSa();
  puppet.callKey();
  const sent = end.sent.length;
  world.run(31_000);
  expect(end.sent).toHaveLength(sent);
  // What was begun before the end is a new beginning after it.
  callAnew(puppet);
  expect(end.sent).toHaveLength(sent + 1);
});

describe("quick modes of one peer", () => {
  test("64 that are begun and not ended are under way at a time", () => {
    const story = established();
    for (let i = 0; i < 100; i += 1) story.puppet.beginQuickMode(0xabcd_0100 + i);
    expect(quickModes(story)).toBe(64);
    story.world.run(60_000);
    expect(standing(story.end)).toEqual([]);
    expect(larval(story.end)).toBe(0);
  });

  test("what answers one is said again at once where the peer speaks of something else", () => {
    const { puppet, end, world } = established();
    puppet.beginQuickMode(0xabcd_0001);
    world.run(600);
    const before = end.sent.length;
    const answer = puppet.received();
    puppet.inform([puppet.notifyOf(notifyType.R_U_THERE, Uint8Array.of(0, 0, 0, 1))]);
    expect(end.sent.slice(before).some(({ octets }) => answer.equals(octets))).toBe(true);
  });

  test("pairs of one child do not pile up, however many are asked for at once", () => {
    const story = established();
    const asked = 200;
    let most = 0;
    for (let i = 0; i < asked; i += 1) {
      try {
        story.puppet.callQuickMode(0xabcd_0100 + i);
      } catch {
        break;
      }
      most = Math.max(most, story.end.peer().children[0]?.sas.length ?? 0);
    }
    expect(most).toBe(pairLimit);
    expect(standing(story.end).length).toBeLessThanOrEqual(2 * 64);
    story.world.run(40_000);
    expect(story.end.peer().children[0]?.sas).toHaveLength(1);
  });

  test.each([0, 1, 255])("one that proposes the reserved SPI %i is refused", (spi) => {
    const story = established();
    story.puppet.beginQuickMode(spi);
    expect(quickModes(story)).toBe(0);
    expect(standing(story.end)).toEqual([]);
  });
});

test("a DELETE of an ISAKMP SA under another one's cookies ends neither", () => {
  const { puppet, end } = established();
  puppet.callQuickMode(0xabcd_0001);
  const cookies = Buffer.alloc(16, 7);
  puppet.inform([{ isakmp: "D", doi: 1, protocolId: 1, spiSize: 16, spis: [cookies] }]);
  expect(end.peer().ikeSas).toHaveLength(1);
  expect(standing(end)).toHaveLength(2);
});

test("what we have said ourselves, thrown back at us, is no word of the peer's, and no sign of its life", () => {
  const { puppet, end, world } = established();
  puppet.callQuickMode(0xabcd_0001);
  for (let seconds = 0; seconds < 120; seconds += 1) {
    world.run(1_000);
    const before = end.sent.length;
    for (const { octets } of end.sent.slice(-8)) puppet.inject(octets);
    expect(end.sent.length).toBe(before);
  }
  expect(end.sent.filter(({ octets }) => octets[18] === 5).length).toBeGreaterThan(4);
  expect(end.peer().ikeSas).toEqual([]);
});

describe.each([
  ["R-U-THERE", 5, [6, 32]],
  ["a transaction", 6, [5, 32]],
  ["a quick mode", 32, [5, 6]],
] as const)("%s whose Exchange Type somebody has changed on the way", (_what, type, others) => {
  test.each(others)("to %i is nothing, and what was said is heard when it comes", (other) => {
    const { puppet, end } = established();
    const data = Buffer.from("00000001", "hex");
    const payloads: Record<number, readonly Payload[]> = {
      5: [puppet.notifyOf(notifyType.R_U_THERE, data)],
      6: [{ isakmp: "ATTR", cfgType: 1, identifier: 7, attributes: [{ type: 1, value: new Uint8Array(0) }] }],
      32: puppet.quickModePayloads(0xabcd_0001, new Uint8Array(32).fill(0x33)),
    };
    const genuine = puppet.sealHashed(type, 0x900, encodePayloads(payloads[type] ?? []));
    const forged = Buffer.from(genuine);
    forged[18] = other;
    const before = end.sent.length;
    puppet.inject(forged);
    expect(end.sent).toHaveLength(before);
    puppet.inject(genuine);
    expect(end.sent).toHaveLength(before + 1);
  });
});

describe("an error that names nothing", () => {
  const error = { isakmp: "N", doi: 1, protocolId: 3, spi: new Uint8Array(0), data: new Uint8Array(0) } as const;
  const called = (): Story => {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a, { ...main, initiate: true, timing: { ...timing, retryFirst: 60_000 } }));
    const puppet = new Ikev1Puppet(one, b, "responder");
    puppet.answerSa();
    puppet.answerKey();
    puppet.answerIdentity();
    return { world, end: one, puppet };
  };
  const failures = ({ end }: Story) => end.log.filter(({ event }) => event === "child-sa-failed");

  test("is about the quick mode that is under way", () => {
    const story = called();
    story.puppet.inform([{ ...error, type: notifyType.NO_PROPOSAL_CHOSEN }]);
    expect(failures(story)).toMatchObject([{ reason: { code: "peer-refused-proposal" } }]);
    expect(larval(story.end)).toBe(0);
  });

  test("is not about one that has been answered", () => {
    const story = called();
    story.puppet.answerQuickMode(0xabcd_0001);
    story.puppet.inform([{ ...error, type: notifyType.NO_PROPOSAL_CHOSEN }]);
    expect(failures(story)).toEqual([]);
    expect(story.end.peer().children[0]).toMatchObject({ state: "up", sas: [{ spiOut: "abcd0001" }] });
  });
});
