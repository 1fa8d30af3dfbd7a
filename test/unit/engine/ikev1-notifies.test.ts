// RESPONDER-LIFETIME and INITIAL-CONTACT (RFC 2407 4.6.3), wherever a peer says them.
import { describe, expect, test } from "vitest";
import type { Payload } from "../../../src/wire/ikev1/payloads/table.ts";
import { isErrorNotify, notifyType } from "../../../src/wire/ikev1/registry/notify.ts";
import { type PeerOptions, timing } from "./desired.ts";
import { Ikev1Puppet, puppetEsp, puppetIke } from "./ikev1-puppet.ts";
import { a, b, connected, ends, expectRest, facing, type Pair, reasons } from "./pair.ts";
import type { End, World } from "./world.ts";

const options: PeerOptions = { ikev1: "main", ike: [puppetIke], esp: [puppetEsp] };
const spis = ({ one }: Pair) => one.peer().children.flatMap(({ sas }) => sas.map(({ spiIn }) => spiIn));
const cookies = ({ one }: Pair) => one.peer().ikeSas.map(({ initiatorSpi }) => initiatorSpi);

/** `one` calls; `two` keeps what it has for less time, and replaces nothing itself. */
function uneven(ours: PeerOptions, theirs: PeerOptions): Pair {
  const pair = ends();
  pair.one.configure(facing(a, { ...options, ...ours }));
  pair.two.configure(facing(b, { ...options, ...theirs, initiate: false }));
  pair.world.run(5_000);
  expectRest(pair);
  return pair;
}

describe("RESPONDER-LIFETIME between two of ours", () => {
  test("an IPsec SA is replaced before the responder's lifetime of it is over", () => {
    const pair = uneven({ hardSeconds: 80_000, soft: { seconds: 40_000 } }, { hardSeconds: 400 });
    const before = spis(pair);
    pair.world.run(390_000);
    expectRest(pair);
    expect(spis(pair)).not.toEqual(before);
    expect(reasons(pair.two)).not.toContain("lifetime-over");
  });

  test.each(["main", "aggressive"] as const)("%s mode: so is an ISAKMP SA", (ikev1) => {
    const theirs = { ikev1, timing: { ...timing, ikeLifetime: 400_000 } };
    const pair = uneven({ ikev1, timing: { ...timing, ikeLifetime: 80_000_000, ikeRekey: 40_000_000 } }, theirs);
    const before = cookies(pair);
    pair.world.run(390_000);
    expectRest(pair);
    expect(cookies(pair)).not.toEqual(before);
    expect(reasons(pair.two)).not.toContain("lifetime-over");
  });
});

const attribute = (type: number, value: number): Buffer => {
  const octets = Buffer.alloc(4);
  octets.writeUInt16BE(0x8000 | type, 0);
  octets.writeUInt16BE(value, 2);
  return octets;
};
/** A life type and its duration, in the numbers of phase 1 or 2. */
const life = (phase: 1 | 2, kind: "seconds" | "kilobytes", value: number): Buffer => {
  const [type, duration] = phase === 1 ? [11, 12] : [1, 2];
  return Buffer.concat([attribute(type, kind === "seconds" ? 1 : 2), attribute(duration, value)]);
};
const spi = Buffer.from("abcd0001", "hex");
const ipsec = (data: Uint8Array, fields: { protocolId?: number; spi?: Uint8Array } = {}): Payload => ({
  isakmp: "N",
  doi: 1,
  protocolId: 3,
  spi,
  type: notifyType.RESPONDER_LIFETIME,
  data,
  ...fields,
});

interface Story {
  readonly world: World;
  readonly end: End;
  readonly puppet: Ikev1Puppet;
}

/** The engine calls a puppet, whose last message of either phase holds more than it must. */
function answered(ofPhase1: (puppet: Ikev1Puppet) => readonly Payload[], ofPhase2: readonly Payload[]): Story {
  const { world, one } = ends({ network: () => [] });
  const soft = { seconds: 40_000 };
  const quiet = { ...timing, liveness: 0, ikeLifetime: 80_000_000, ikeRekey: 40_000_000 };
  one.configure(facing(a, { ...options, hardSeconds: 80_000, soft, timing: quiet }));
  const puppet = new Ikev1Puppet(one, b, "responder");
  puppet.answerSa();
  puppet.answerKey();
  puppet.answerIdentity(ofPhase1(puppet));
  puppet.answerQuickMode(spi.readUInt32BE(), ofPhase2);
  expect(one.peer().state).toBe("up");
  return { world, end: one, puppet };
}

/** Exchange types of what the engine sends within so many seconds. */
function sentWithin({ world, end }: Story, seconds: number): number[] {
  const before = end.sent.length;
  world.run(seconds * 1000);
  return [...new Set(end.sent.slice(before).map(({ octets }) => octets[18] ?? 0))];
}

const [quickMode, mainMode] = [32, 2];

describe("RESPONDER-LIFETIME of a peer that answers", () => {
  const none = () => [];

  test.each<[string, readonly Payload[], (puppet: Ikev1Puppet) => readonly Payload[]]>([
    ["in message 2 of quick mode", [ipsec(life(2, "seconds", 600))], none],
    ["there, named by both cookies", [ipsec(life(2, "seconds", 600), { spi: Buffer.alloc(16, 1) })], none],
    ["in an exchange of its own, named by its SPI", [], () => [ipsec(life(2, "seconds", 600))]],
  ])("of an IPsec SA, %s: replaced at the share of it that is ours", (_, ofPhase2, said) => {
    const story = answered(none, ofPhase2);
    const later = said(story.puppet);
    if (later.length > 0) story.puppet.inform(later);
    expect(sentWithin(story, 450)).toEqual([]);
    expect(sentWithin(story, 80)).toContain(quickMode);
  });

  test.each<[string, 1 | 2, boolean]>([
    ["in message 6 of main mode", 1, true],
    ["in an exchange of its own", 1, false],
    ["in an exchange of its own, in the numbers of phase 2", 2, false],
  ])("of an ISAKMP SA, %s: replaced before it is over", (_, phase, isInMode) => {
    const said = (puppet: Ikev1Puppet) => [puppet.notifyOf(notifyType.RESPONDER_LIFETIME, life(phase, "seconds", 600))];
    const story = answered(isInMode ? said : none, []);
    if (!isInMode) story.puppet.inform(said(story.puppet));
    expect(sentWithin(story, 400)).toEqual([]);
    expect(sentWithin(story, 120)).toContain(mainMode);
  });

  test("of an ISAKMP SA that nobody replaces: over in time", () => {
    const story = answered((puppet) => [puppet.notifyOf(notifyType.RESPONDER_LIFETIME, life(1, "seconds", 600))], []);
    story.world.run(590_000);
    expect(reasons(story.end)).not.toContain("lifetime-over");
    story.world.run(15_000);
    expect(reasons(story.end)).toContain("lifetime-over");
  });

  test("in kilobytes: replaced when the kernel has counted as many", () => {
    const { end } = answered(none, [ipsec(life(2, "kilobytes", 1_000))]);
    const limits = end.kernel.journal.flatMap((request) => (request.kind === "installSa" ? [request.sa.soft] : []));
    expect(limits.map((soft) => soft?.bytes)).toEqual([870_400n, 870_400n]);
  });

  test.each<[string, Payload]>([
    ["longer than ours", ipsec(life(2, "seconds", 60_000))],
    ["of no time at all", ipsec(life(2, "seconds", 0))],
    ["that cannot be read", ipsec(Buffer.from("000100ff", "hex"))],
    ["of nothing", ipsec(new Uint8Array(0))],
    ["of a pair that is not there", ipsec(life(2, "seconds", 600), { spi: Buffer.from("abcd0099", "hex") })],
    ["of another protocol", ipsec(life(2, "seconds", 600), { protocolId: 2 })],
  ])("one %s changes nothing", (_, said) => {
    const story = answered(none, []);
    story.puppet.inform([said]);
    expect(sentWithin(story, 3_000)).toEqual([]);
    expect(story.end.peer().state).toBe("up");
  });

  test("who called is not told by who was called: of what the peer asked for we decide", () => {
    const { world, one } = ends({ network: () => [] });
    const quiet = { ...timing, liveness: 0, ikeLifetime: 80_000_000, ikeRekey: 40_000_000 };
    const ours = { ...options, hardSeconds: 80_000, soft: { seconds: 40_000 }, timing: quiet, initiate: false };
    one.configure(facing(a, ours));
    const puppet = new Ikev1Puppet(one, b, "initiator");
    puppet.callSa();
    puppet.callKey();
    const last = puppet.callIdentity();
    const answer = puppet.callQuickMode(spi.readUInt32BE());
    puppet.inform([ipsec(life(2, "seconds", 600))]);
    puppet.inform([puppet.notifyOf(notifyType.RESPONDER_LIFETIME, life(1, "seconds", 600))]);
    expect(sentWithin({ world, end: one, puppet }, 3_000)).toEqual([]);
    // What was offered, for a day and for 28,800 seconds where nothing was said, is longer than ours.
    const said = (payloads: readonly Payload[]) => payloads.filter((p) => p.isakmp === "N" && !isErrorNotify(p.type));
    expect(said(last).map((p) => "type" in p && p.type)).toContain(notifyType.RESPONDER_LIFETIME);
    expect(said(answer)).toEqual([]);
  });
});

describe("INITIAL-CONTACT in an exchange of its own", () => {
  /** Two ISAKMP SAs of one peer, the second opened `wait` ms after the first; the IPsec SAs go on under it. */
  function reopened(more: PeerOptions = {}): Story & { readonly second: Ikev1Puppet } {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a, { ...options, ...more, initiate: false }));
    const puppets = [0x11n, 0x22n].map((cookie) => {
      const puppet = new Ikev1Puppet(one, b, "initiator", cookie);
      puppet.callSa();
      puppet.callKey();
      puppet.callIdentity();
      if (cookie === 0x11n) puppet.callQuickMode(0xabcd_0001);
      world.run(1_000);
      return puppet;
    });
    const [puppet, second] = puppets;
    if (puppet === undefined || second === undefined) throw new Error("no puppets");
    expect(one.peer().children[0]?.sas).toHaveLength(1);
    return { world, end: one, puppet, second };
  }
  const outbound = ({ end }: Story) => end.peer().children.flatMap(({ sas }) => sas.map(({ spiOut }) => spiOut));

  test("the IPsec SAs that went on under the new ISAKMP SA are lost there: they go", () => {
    const story = reopened();
    story.second.inform([story.second.notifyOf(notifyType.INITIAL_CONTACT)]);
    expect(outbound(story)).toEqual([]);
    expect(reasons(story.end)).toContain("peer-lost-state");
    expect(story.end.log.filter(({ event }) => event === "ike-sa-up")).toHaveLength(1);
  });

  test("what was made under it stays", () => {
    const story = reopened();
    story.second.callQuickMode(0xabcd_0002);
    story.second.inform([story.second.notifyOf(notifyType.INITIAL_CONTACT)]);
    expect(outbound(story)).toEqual(["abcd0002"]);
    expect(story.end.peer().ikeSas).toHaveLength(1);
  });

  test("said twice, or under the ISAKMP SA that was replaced: nothing more goes", () => {
    const story = reopened();
    story.second.callQuickMode(0xabcd_0002);
    for (const puppet of [story.second, story.second, story.puppet])
      puppet.inform([puppet.notifyOf(notifyType.INITIAL_CONTACT)]);
    expect(outbound(story)).toEqual(["abcd0002"]);
  });

  test("a peer of which several stand under one identity loses nothing by it", () => {
    const story = reopened({ unique: "never" });
    story.second.inform([story.second.notifyOf(notifyType.INITIAL_CONTACT)]);
    expect(outbound(story)).toEqual(["abcd0001"]);
  });

  test("one of ours, of which nothing stood before, says it in phase 1", () => {
    expectRest(connected(options));
  });
});

test.each<[string, (puppet: Ikev1Puppet) => void, number]>([
  ["this one", (puppet) => puppet.deleteIsakmp(), 0],
  [
    "another one",
    (puppet) => puppet.inform([{ isakmp: "D", doi: 1, protocolId: 1, spiSize: 16, spis: [Buffer.alloc(16, 7)] }]),
    1,
  ],
])("a DELETE that names %s by its cookies", (_, say, left) => {
  const { end, puppet } = answered(() => [], []);
  say(puppet);
  expect(end.peer().ikeSas.filter(({ initiatorSpi }) => initiatorSpi === firstOf(puppet))).toHaveLength(left);
});

function firstOf(puppet: Ikev1Puppet): string {
  return puppet.theirCookie.toString(16).padStart(16, "0");
}
