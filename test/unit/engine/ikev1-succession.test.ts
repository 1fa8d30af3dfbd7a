// What a peer may do with its ISAKMP SAs while IPsec SAs are being replaced: it deletes them at once, has several, or speaks of a pair
// under another than we do.
import { describe, expect, test } from "vitest";
import { encodePayloads, prependHash } from "../../../src/wire/ikev1/message.ts";
import { exchangeType } from "../../../src/wire/ikev1/registry/message.ts";
import type { PeerOptions } from "./desired.ts";
import { espProposal, Ikev1Puppet, puppetEsp, puppetIke, quickNonces } from "./ikev1-puppet.ts";
import { a, b, ends, facing, standing } from "./pair.ts";
import type { End, World } from "./world.ts";

const main: PeerOptions = { ikev1: "main", ike: [puppetIke], esp: [puppetEsp], initiate: false };

interface Story {
  readonly world: World;
  readonly end: End;
}

function story(): Story {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, main));
  return { world, end: one };
}

/** Another ISAKMP SA of the same peer, opened by it; of several that are being opened none follows another. */
function called({ end }: Story, cookies: readonly bigint[]): Ikev1Puppet[] {
  const puppets = cookies.map((cookie) => new Ikev1Puppet(end, b, "initiator", cookie));
  for (const puppet of puppets) {
    puppet.callSa();
    puppet.callKey();
  }
  for (const puppet of puppets) puppet.callIdentity();
  return puppets;
}

/** SPIs of ours that we have said are gone, under this ISAKMP SA. */
function deleted(puppet: Ikev1Puppet): string[] {
  return puppet
    .informed()
    .flatMap((payload) =>
      payload.isakmp === "D" && payload.protocolId === 3
        ? payload.spis.map((spi) => Buffer.from(spi).toString("hex"))
        : [],
    );
}

const spis = ({ end }: Story) => end.peer().children.flatMap(({ sas }) => sas.map(({ spiIn }) => spiIn));

/** The last message of quick mode that the engine sent. */
function asked({ end }: Story): boolean {
  return end.sent.at(-1)?.octets[18] === 32;
}

describe("the peer deletes an ISAKMP SA whose place another has taken, with something still to be done under it", () => {
  test("the DELETE of a replaced pair, which waits: the successor says it", () => {
    const one = story();
    const [first] = called(one, [0x11n]);
    first?.callQuickMode(0xabcd_0001);
    const [before] = spis(one);
    one.world.run(20_000);
    first?.callQuickMode(0xabcd_0002);
    // The peer leaves the replaced pair to us, who delete it after five seconds and three more.
    one.world.run(6_000);
    const [second] = called(one, [0x22n]);
    first?.deleteIsakmp();
    one.world.run(10_000);
    expect(second && deleted(second)).toEqual([before]);
    expect(spis(one)).toHaveLength(1);
    expect(standing(one.end)).toHaveLength(2);
  });

  test("a replaced pair that the peer has not deleted yet: it goes all the same", () => {
    const one = story();
    const [first] = called(one, [0x11n]);
    first?.callQuickMode(0xabcd_0001);
    one.world.run(20_000);
    first?.callQuickMode(0xabcd_0002);
    const [second] = called(one, [0x22n]);
    first?.deleteIsakmp();
    expect(spis(one)).toHaveLength(2);
    one.world.run(10_000);
    expect(second && deleted(second)).toHaveLength(1);
    expect(spis(one)).toHaveLength(1);
  });

  test("a rekey of ours whose new pair waits for a sign that the peer receives: it is sent on, and the old one goes", () => {
    const one = story();
    const [first] = called(one, [0x11n]);
    first?.callQuickMode(0xabcd_0001);
    const [before] = spis(one);
    one.world.run(2_000);
    one.end.handle({ kind: "rekey", peer: "peer", what: "children" });
    expect(asked(one)).toBe(true);
    first?.answerQuickMode(0xabcd_0002);
    called(one, [0x22n]);
    first?.deleteIsakmp();
    one.world.run(30_000);
    expect(spis(one)).toHaveLength(1);
    expect(spis(one)).not.toContain(before);
    expect(one.end.peer().children[0]?.sas[0]?.spiOut).toBe("abcd0002");
  });

  test("a child that we have asked for: it is asked for under the successor", () => {
    const one = story();
    const [first] = called(one, [0x11n]);
    one.end.handle({ kind: "up", peer: "peer" });
    one.world.run(3_500);
    expect(asked(one)).toBe(true);
    const [second] = called(one, [0x22n]);
    first?.deleteIsakmp();
    one.world.run(1);
    expect(asked(one)).toBe(true);
    second?.answerQuickMode(0xabcd_0003);
    expect(spis(one)).toHaveLength(1);
  });
});

test("a quick mode that waits for its turn when another ISAKMP SA takes over has it there at once", () => {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, { ...main, protect: [{ kind: "vxlan", port: 4789 }] }));
  const [first] = called({ world, end: one }, [0x11n]);
  one.handle({ kind: "up", peer: "peer" });
  world.run(3_500);
  const under = ({ octets }: (typeof one.sent)[number]) => [octets[18], Buffer.from(octets).readBigUInt64BE(0)];
  expect(one.sent.slice(-1).map(under)).toEqual([[32, first?.ownCookie]]);
  const before = one.sent.length;
  const [second] = called({ world, end: one }, [0x22n]);
  world.run(1);
  const asked = one.sent.slice(before).map(under);
  expect(asked).toContainEqual([32, second?.ownCookie]);
  expect(asked).not.toContainEqual([32, first?.ownCookie]);
});

describe("the peer opens two at once in the place of one", () => {
  test.each([0, 1])("and speaks of the IPsec SAs under number %i", (which) => {
    const one = story();
    const [first] = called(one, [0x11n]);
    first?.callQuickMode(0xabcd_0001);
    one.world.run(1_000);
    const twins = called(one, [0x22n, 0x33n]);
    first?.deleteIsakmp();
    expect(one.end.peer().ikeSas).toHaveLength(2);
    twins[which]?.callQuickMode(0xabcd_0002);
    twins[which]?.deleteIpsec(0xabcd_0001);
    expect(one.end.peer().children[0]?.sas.map(({ spiOut }) => spiOut)).toEqual(["abcd0002"]);
    // Which of the two is one too many it may not know; it deletes that which it does not use.
    twins[1 - which]?.deleteIsakmp();
    one.world.run(10_000);
    expect(one.end.peer().children[0]?.sas.map(({ spiOut }) => spiOut)).toEqual(["abcd0002"]);
    expect(one.end.peer().ikeSas).toHaveLength(1);
  });

  test("our DELETE of a pair is said under both: it may have the pair under either", () => {
    const one = story();
    const [first] = called(one, [0x11n]);
    first?.callQuickMode(0xabcd_0001);
    const [before] = spis(one);
    one.world.run(20_000);
    const twins = called(one, [0x22n, 0x33n]);
    first?.deleteIsakmp();
    twins[1]?.callQuickMode(0xabcd_0002);
    one.world.run(9_000);
    for (const twin of twins) expect(deleted(twin)).toEqual([before]);
    expect(spis(one)).toHaveLength(1);
  });
});

test.each([
  ["a second after the first", 2_000],
  ["long after", 30_000],
])("the peer replaces a pair that it has made itself, %s: the old one goes within ten seconds", (_, wait) => {
  const one = story();
  const [first] = called(one, [0x11n]);
  first?.callQuickMode(0xabcd_0001);
  one.world.run(wait);
  first?.callQuickMode(0xabcd_0002);
  one.world.run(10_000);
  expect(one.end.peer().children[0]?.sas.map(({ spiOut }) => spiOut)).toEqual(["abcd0002"]);
});

test("quick mode's answer counts under its HASH alone", () => {
  const { end } = story();
  end.configure(facing(a, { ...main, initiate: true }));
  const puppet = new Ikev1Puppet(end, b, "responder");
  puppet.answerSa();
  puppet.answerKey();
  puppet.answerIdentity();
  const request = puppet.received();
  const { payloads } = puppet.open(request);
  const answer = encodePayloads([
    { isakmp: "SA", proposals: [espProposal(0xabcd_0001)] },
    { isakmp: "NONCE", data: quickNonces.responder },
    ...payloads.filter(({ isakmp }) => isakmp === "ID"),
  ]);
  puppet.inject(
    puppet.seal(exchangeType.QUICK_MODE, request.readUInt32BE(20), prependHash(new Uint8Array(32), answer)),
  );
  expect(standing(end)).toEqual([]);
  expect(end.peer().children.flatMap(({ sas }) => sas)).toEqual([]);
});
