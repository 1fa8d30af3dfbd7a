/** What is said on the wire about replacing and closing SAs, to a peer that says whatever RFC 7296 lets it say. */
import { describe, expect, test } from "vitest";
import { generateKePair } from "../../../src/crypto/key-exchange.ts";
import { parseProposal } from "../../../src/crypto/keywords.ts";
import type { KeTransform } from "../../../src/crypto/transforms/ke.ts";
import { find, findNotify, ikeSpiOctets, notify, spiOctets } from "../../../src/ikev2/payloads.ts";
import { offerProposals } from "../../../src/negotiate/proposals.ts";
import { decodeHeader, flag } from "../../../src/wire/ikev2/header.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { type PeerOptions, peer, timing } from "./desired.ts";
import { a, b, ends, facing, standing } from "./pair.ts";
import { acceptChild, type Change, Puppet } from "./puppet.ts";
import type { World } from "./world.ts";

const [child] = peer(a, b).children;
const nonce: Payload = { kind: "Nonce", data: Buffer.alloc(32, 0x55) };
const patient = { ...timing, liveness: 0, retransmitFirst: 1e9, linger: 5_000 };
/** The puppet's SPI of the Child SA that stands. */
const theirs = 0xabcd_0002;

interface Stage {
  readonly world: World;
  readonly puppet: Puppet;
  /** The engine's SPI of the Child SA that stands. */
  readonly ours: number;
}

/** An engine that opened an IKE SA with one Child SA; the puppet answered. */
function stage(options: PeerOptions = {}, change?: Change): Stage {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, { timing: patient, ...options }));
  const puppet = new Puppet(one, b, "responder");
  puppet.answerInit(change);
  puppet.answerAuth();
  puppet.nextMessageId = 0;
  const ours = Number.parseInt(one.peer().children[0]?.sas[0]?.spiIn ?? "", 16);
  return { world, puppet, ours };
}

function rekey({ puppet }: Stage, what: "children" | "ike" = "children"): Uint8Array {
  puppet.end.handle({ kind: "rekey", peer: "peer", what });
  return puppet.received();
}

/** Protected requests of the engine since `from`, each once. */
function requests({ puppet }: Stage, from = 0): { readonly octets: Uint8Array; readonly payloads: Payload[] }[] {
  return puppet.end.sent
    .slice(from)
    .filter(({ octets }) => {
      const header = decodeHeader(octets);
      return (header.flags & flag.response) === 0 && header.exchangeType !== exchangeType.IKE_SA_INIT;
    })
    .map(({ octets }) => ({ octets, payloads: puppet.open(octets) }));
}

function accept(payloads: readonly Payload[], spi: number): Payload[] {
  return [...acceptChild(payloads, spi), nonce];
}

/** Takes one of the proposals for a Child SA; the KE payload has no data. */
function acceptWithEmptyKe(payloads: readonly Payload[], proposal: number): Payload[] {
  const taken = find(payloads, "SA")?.proposals[proposal];
  if (taken === undefined) throw new Error("no such proposal");
  return accept(payloads, 0xabcd_0003)
    .map(
      (payload): Payload =>
        payload.kind === "SA" ? { kind: "SA", proposals: [{ ...taken, spi: spiOctets(0xabcd_0003) }] } : payload,
    )
    .concat({ kind: "KE", group: 31, data: new Uint8Array(0) });
}

function spiOf(spi: number): Uint8Array {
  return Uint8Array.from(spiOctets(spi));
}

function deletion(protocolId: number, ...spis: number[]): Payload {
  return { kind: "D", protocolId, spiSize: 4, spis: spis.map(spiOctets) };
}

function rekeySa(spi: number, protocolId = 3): Payload {
  return { kind: "N", protocolId, spi: spiOctets(spi), type: notifyType.REKEY_SA, data: new Uint8Array(0) };
}

function spisOf({ puppet }: Stage): number[] {
  return standing(puppet.end).map(({ spi }) => spi);
}

/** What the peer asks with for another Child SA in place of the one with its SPI `spi`. */
function askRekey({ puppet }: Stage, spi: number, newSpi: number, octet = 0x55): Payload[] {
  if (child === undefined) throw new Error("no child");
  const ni: Payload = { kind: "Nonce", data: Buffer.alloc(32, octet) };
  const payloads = [rekeySa(spi), ...puppet.childPayloads(child, newSpi), ni];
  return puppet.request(exchangeType.CREATE_CHILD_SA, payloads) ?? [];
}

const bothPrfs = "aes128gcm16-prfsha384-prfsha256-x25519";

/** As above, where the engine would rather have another PRF than the one that the IKE SA has. */
function stageWithPrfSha256(): Stage {
  const proposals = offerProposals({ protocol: "ike", ours: ikeRows, withKe: true }, new Uint8Array(0));
  const change: Change = (payloads) => payloads.map((one) => (one.kind === "SA" ? { kind: "SA", proposals } : one));
  return stage({ ike: [bothPrfs] }, change);
}

function prfsOf(payloads: readonly Payload[] | undefined): number[] {
  const proposals = find(payloads ?? [], "SA")?.proposals ?? [];
  return proposals.flatMap(({ transforms }) => transforms.flatMap(({ type, id }) => (type === 2 ? [id] : [])));
}

const ikeRows = [{ transforms: parseProposal("aes128gcm16-prfsha256-x25519", "ike") }];

function ikeOffer(rows = ikeRows): Payload[] {
  const method = rows[0]?.transforms.find((row): row is KeTransform => row.type === "KE");
  if (method === undefined) throw new Error("no method");
  const proposals = offerProposals({ protocol: "ike", ours: rows, withKe: true }, ikeSpiOctets(0x77n));
  return [
    { kind: "SA", proposals },
    nonce,
    { kind: "KE", group: method.ikev2, data: generateKePair(method).publicValue },
  ];
}

describe("our rekey of a Child SA", () => {
  test("names the old SPI that we receive with, first of all, and asks for the same", () => {
    const at = stage();
    const payloads = at.puppet.open(rekey(at));
    expect(payloads[0]).toMatchObject({ kind: "N", type: notifyType.REKEY_SA, protocolId: 3 });
    expect(findNotify(payloads, notifyType.REKEY_SA)?.spi).toEqual(spiOf(at.ours));
    expect(payloads.map(({ kind }) => kind)).toEqual(["N", "N", "N", "SA", "Nonce", "TSi", "TSr"]);
  });

  test("answered: both halves stand before the old one is deleted, which still receives for a while", () => {
    const at = stage();
    const { puppet, world, ours } = at;
    puppet.answer(rekey(at), accept(puppet.open(puppet.received()), 0xabcd_0003));
    const farewell = puppet.received();
    expect(puppet.open(farewell)).toEqual([expect.objectContaining({ kind: "D", spis: [spiOf(ours)] })]);
    expect(spisOf(at), "old outbound SA").not.toContain(theirs);
    expect(spisOf(at)).toEqual(expect.arrayContaining([ours, 0xabcd_0003]));
    const kinds = puppet.end.kernel.journal.slice(-6).map(({ kind }) => kind);
    expect(kinds.indexOf("installSa")).toBeLessThan(kinds.indexOf("deleteSa"));
    puppet.answer(farewell, [deletion(3, theirs)]);
    world.run(4_900);
    expect(spisOf(at)).toContain(ours);
    world.run(200);
    expect(spisOf(at)).not.toContain(ours);
    expect(standing(puppet.end)).toHaveLength(2);
  });

  test("TEMPORARY_FAILURE: asked again, not at once, at growing waits; after minutes the IKE SA is closed", () => {
    const at = stage();
    const { puppet, world } = at;
    rekey(at);
    const times: number[] = [];
    for (let n = 0; n < 12 && puppet.end.peer().ikeSas.length > 0; n += 1) {
      times.push(world.now);
      const before = puppet.end.sent.length;
      puppet.answer(puppet.received(), [notify(notifyType.TEMPORARY_FAILURE)]);
      if (puppet.end.peer().ikeSas.length === 0) break;
      for (let waited = 0; puppet.end.sent.length === before && waited < 100; waited += 1) world.run(1_000);
    }
    const waits = times.slice(1).map((time, n) => time - (times[n] ?? 0));
    expect(waits[0]).toBeGreaterThanOrEqual(1_000);
    expect(Math.max(...waits)).toBeGreaterThan(40_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(61_000);
    const last = requests(at).at(-1)?.payloads;
    expect(last).toEqual([expect.objectContaining({ kind: "D", protocolId: 1 })]);
    expect(world.now).toBeGreaterThan(300_000);
    expect(world.now).toBeLessThan(420_000);
  });

  test("CHILD_SA_NOT_FOUND: what the peer does not have goes without a word, and is asked for anew", () => {
    const at = stage();
    const { puppet } = at;
    const request = rekey(at);
    const before = puppet.end.sent.length;
    puppet.answer(request, [{ ...rekeySa(at.ours), type: notifyType.CHILD_SA_NOT_FOUND } as Payload]);
    const after = requests(at, before);
    expect(after).toHaveLength(1);
    expect(findNotify(after[0]?.payloads ?? [], notifyType.REKEY_SA)).toBeUndefined();
    expect(find(after[0]?.payloads ?? [], "TSi")).toBeDefined();
    expect(spisOf(at)).toEqual([]);
  });

  test("asks with the method of the IKE SA at first, and so does what is asked for in its place", () => {
    const at = stage({ esp: ["aes128gcm16-ecp256-x25519"] });
    const { puppet } = at;
    const request = rekey(at);
    expect(find(puppet.open(request), "KE")?.group).toBe(31);
    puppet.answer(request, [{ ...rekeySa(at.ours), type: notifyType.CHILD_SA_NOT_FOUND } as Payload]);
    expect(find(puppet.open(puppet.received()), "KE")?.group).toBe(31);
  });

  test("NO_ADDITIONAL_SAS: another IKE SA is opened to take the place of this one", () => {
    const at = stage();
    at.puppet.answer(rekey(at), [notify(notifyType.NO_ADDITIONAL_SAS)]);
    expect(decodeHeader(at.puppet.received())).toMatchObject({ exchangeType: exchangeType.IKE_SA_INIT });
    expect(at.puppet.end.peer().children[0]).toMatchObject({ state: "up" });
  });

  test("INVALID_KE_PAYLOAD: asked again with the method that the peer wants, the old one still named", () => {
    const at = stage({ esp: ["aes128gcm16-x25519-ecp256"] });
    const { puppet } = at;
    const first = rekey(at);
    expect(find(puppet.open(first), "KE")?.group).toBe(31);
    puppet.answer(first, [notify(notifyType.INVALID_KE_PAYLOAD, Uint8Array.of(0, 19))]);
    const again = puppet.open(puppet.received());
    expect(find(again, "KE")?.group).toBe(19);
    expect(findNotify(again, notifyType.REKEY_SA)?.spi).toEqual(spiOf(at.ours));
  });

  test("answered with a proposal without a key exchange and an empty KE, as Libreswan does: the new one stands", () => {
    const at = stage({ esp: ["aes128gcm16-x25519", "aes128gcm16"] });
    const { puppet } = at;
    puppet.answer(rekey(at), acceptWithEmptyKe(puppet.open(puppet.received()), 1));
    expect(spisOf(at)).toContain(0xabcd_0003);
    expect(spisOf(at)).not.toContain(theirs);
  });

  test("answered with a key exchange and an empty KE: none is made, the old one and the IKE SA stand", () => {
    const at = stage({ esp: ["aes128gcm16-x25519", "aes128gcm16"] });
    const { puppet } = at;
    puppet.answer(rekey(at), acceptWithEmptyKe(puppet.open(puppet.received()), 0));
    expect(spisOf(at)).not.toContain(0xabcd_0003);
    expect(spisOf(at)).toEqual(expect.arrayContaining([at.ours, theirs]));
    expect(puppet.end.peer().ikeSas).toHaveLength(1);
  });

  test("the peer closes the old one meanwhile and refuses: asked for anew, as a new one", () => {
    const at = stage();
    const { puppet, world } = at;
    const request = rekey(at);
    expect(find(puppet.request(exchangeType.INFORMATIONAL, [deletion(3, theirs)]) ?? [], "D")?.spis).toEqual([
      spiOf(at.ours),
    ]);
    const before = puppet.end.sent.length;
    puppet.answer(request, [{ ...rekeySa(at.ours), type: notifyType.CHILD_SA_NOT_FOUND } as Payload]);
    world.run(2_000);
    const after = requests(at, before);
    expect(after.map(({ payloads }) => findNotify(payloads, notifyType.REKEY_SA))).toEqual([undefined]);
  });
});

describe("the peer's rekey of a Child SA", () => {
  test("of one that it does not have: CHILD_SA_NOT_FOUND with the SPI", () => {
    const at = stage();
    const answer = askRekey(at, 0x1234_5678, 0xabcd_0009);
    expect(answer).toEqual([
      expect.objectContaining({ type: notifyType.CHILD_SA_NOT_FOUND, protocolId: 3, spi: spiOf(0x1234_5678) }),
    ]);
  });

  test("of one that we are closing: TEMPORARY_FAILURE", () => {
    const at = stage();
    const { puppet } = at;
    puppet.answer(rekey(at), accept(puppet.open(puppet.received()), 0xabcd_0003));
    expect(askRekey(at, theirs, 0xabcd_0004)).toEqual([
      expect.objectContaining({ type: notifyType.TEMPORARY_FAILURE }),
    ]);
  });

  test("of one that we are rekeying: answered as usual; the pair with the lowest nonce is deleted by who made it", () => {
    const lowest = { kind: "Nonce", data: Buffer.alloc(32, 0) } as const;
    const highest = { kind: "Nonce", data: Buffer.alloc(32, 0xff) } as const;
    for (const [answered, asked, weKeep] of [
      [highest, lowest, true],
      [lowest, highest, false],
    ] as const) {
      const at = stage();
      const { puppet, ours } = at;
      const request = rekey(at);
      if (child === undefined) throw new Error("no child");
      const theirPair = puppet.request(exchangeType.CREATE_CHILD_SA, [
        rekeySa(theirs),
        ...puppet.childPayloads(child, 0xabcd_0004),
        asked,
      ]);
      expect(find(theirPair ?? [], "SA")).toBeDefined();
      const before = puppet.end.sent.length;
      puppet.answer(request, [...acceptChild(puppet.open(request), 0xabcd_0003), answered]);
      const mine = find(puppet.open(request), "SA")?.proposals[0]?.spi;
      const after = requests(at, before).map(({ payloads }) => find(payloads, "D")?.spis[0]);
      expect(after).toEqual([weKeep ? spiOf(ours) : mine]);
    }
  });
});

test("the peer repeats its request for a further pair: it is not sent on yet, and a forged repeat holds up nothing", () => {
  const sentOnAfter = (repeat?: (octets: Buffer) => Uint8Array): number => {
    const at = stage();
    const { puppet, world } = at;
    if (child === undefined) throw new Error("no child");
    const asked = [...puppet.childPayloads(child, 0xabcd_0004), nonce];
    const request = puppet.seal(exchangeType.CREATE_CHILD_SA, asked);
    puppet.inject(request);
    const since = world.now;
    world.run(1_500);
    if (repeat !== undefined) puppet.inject(repeat(request));
    while (!spisOf(at).includes(0xabcd_0004) && world.now < since + 20_000) world.run(100);
    return world.now - since;
  };
  const forged = (octets: Buffer): Uint8Array =>
    octets.map((octet, n) => (n === octets.length - 1 ? octet ^ 1 : octet));
  expect(sentOnAfter()).toBeLessThanOrEqual(2_100);
  expect(sentOnAfter(forged)).toBeLessThanOrEqual(2_100);
  expect(sentOnAfter((octets) => octets)).toBeGreaterThanOrEqual(3_500);
  expect(sentOnAfter((octets) => octets)).toBeLessThan(5_000);
});

describe("a pair that the peer is to delete, and does not", () => {
  test("after its own rekey: kept until the new one is sent on, then deleted by us after five seconds", () => {
    const at = stage();
    const { puppet, world, ours } = at;
    askRekey(at, theirs, 0xabcd_0004);
    const before = puppet.end.sent.length;
    world.run(59_000);
    expect(requests(at, before)).toEqual([]);
    world.run(8_000);
    expect(requests(at, before).map(({ payloads }) => find(payloads, "D")?.spis[0])).toEqual([spiOf(ours)]);
  });

  test("after its rekey and ours have crossed, of which ours stays: after five seconds a newer one replaces both", () => {
    const at = stage();
    const { puppet, world } = at;
    const request = rekey(at);
    const answer = askRekey(at, theirs, 0xabcd_0004, 0);
    const theirPair = find(answer, "SA")?.proposals[0]?.spi;
    const ourPair = find(puppet.open(request), "SA")?.proposals[0]?.spi;
    const highest: Payload = { kind: "Nonce", data: Buffer.alloc(32, 0xff) };
    puppet.answer(request, [...acceptChild(puppet.open(request), 0xabcd_0003), highest]);
    puppet.answer(puppet.received(), [deletion(3, theirs)]);
    const before = puppet.end.sent.length;
    world.run(4_900);
    expect(requests(at, before)).toEqual([]);
    world.run(200);
    const again = puppet.received();
    expect(findNotify(puppet.open(again), notifyType.REKEY_SA)?.spi).toEqual(theirPair);
    puppet.answer(again, accept(puppet.open(again), 0xabcd_0005));
    for (const spi of [theirPair, ourPair]) {
      const farewell = puppet.received();
      expect(find(puppet.open(farewell), "D")?.spis).toEqual([spi]);
      puppet.answer(farewell, []);
    }
    world.run(6_000);
    expect(spisOf(at)).toContain(0xabcd_0005);
    expect(standing(puppet.end)).toHaveLength(2);
  });

  // Nonces that would have the first pair be the better one of two that crossed.
  const lowest: Payload = { kind: "Nonce", data: Buffer.alloc(32, 0) };

  test("after its own rekey, when ours replaces what that made: the newest stays, and the first goes after five seconds", () => {
    // With one request at a time the next one shows that the answer to the last has arrived.
    const at = stage({ messages: { window: 1, fragmentSize: 1_280 } });
    const { puppet, world, ours } = at;
    askRekey(at, theirs, 0xabcd_0004);
    puppet.request(exchangeType.INFORMATIONAL, []);
    const request = rekey(at);
    expect(findNotify(puppet.open(request), notifyType.REKEY_SA)?.spi).not.toEqual(spiOf(ours));
    puppet.answer(request, [...acceptChild(puppet.open(request), 0xabcd_0005), lowest]);
    const before = puppet.end.sent.length;
    puppet.answer(puppet.received(), [deletion(3, 0xabcd_0004)]);
    world.run(4_900);
    expect(requests(at, before)).toEqual([]);
    world.run(200);
    expect(requests(at, before).map(({ payloads }) => find(payloads, "D")?.spis[0])).toEqual([spiOf(ours)]);
    puppet.answer(puppet.received(), [deletion(3, theirs)]);
    world.run(6_000);
    expect(requests(at, before)).toHaveLength(1);
    expect(spisOf(at)).toContain(0xabcd_0005);
    expect(standing(puppet.end)).toHaveLength(2);
  });

  test("after two rekeys of its own, of which it deletes what the first made alone: the same", () => {
    const at = stage({ messages: { window: 1, fragmentSize: 1_280 } });
    const { puppet, world, ours } = at;
    askRekey(at, theirs, 0xabcd_0004);
    askRekey(at, 0xabcd_0004, 0xabcd_0005, 0);
    const before = puppet.end.sent.length;
    puppet.request(exchangeType.INFORMATIONAL, [deletion(3, 0xabcd_0004)]);
    world.run(4_900);
    expect(requests(at, before)).toEqual([]);
    world.run(1_000);
    expect(requests(at, before).map(({ payloads }) => find(payloads, "D")?.spis[0])).toEqual([spiOf(ours)]);
    puppet.answer(puppet.received(), [deletion(3, theirs)]);
    world.run(30_000);
    expect(requests(at, before)).toHaveLength(1);
    expect(spisOf(at)).toContain(0xabcd_0005);
    expect(standing(puppet.end)).toHaveLength(2);
  });
});

describe("what the peer says before we have its response", () => {
  test("a rekey of the pair that the response will name: TEMPORARY_FAILURE, since it may exist", () => {
    const at = stage();
    rekey(at);
    expect(askRekey(at, 0xabcd_0003, 0xabcd_0004)).toEqual([
      expect.objectContaining({ type: notifyType.TEMPORARY_FAILURE }),
    ]);
  });

  test("the deletion of that pair: the response makes none, the old one stays, and is rekeyed again", () => {
    const at = stage();
    const { puppet, world, ours } = at;
    const request = rekey(at);
    expect(puppet.request(exchangeType.INFORMATIONAL, [deletion(3, 0xabcd_0003)])).toEqual([]);
    puppet.answer(request, accept(puppet.open(request), 0xabcd_0003));
    expect(spisOf(at).sort()).toEqual([ours, theirs].sort());
    const before = puppet.end.sent.length;
    world.run(3_000);
    expect(findNotify(requests(at, before)[0]?.payloads ?? [], notifyType.REKEY_SA)?.spi).toEqual(spiOf(ours));
  });

  test("more deletions than the responses could name: sixteen are remembered", () => {
    const remembers = (others: number) => {
      const at = stage();
      const { puppet } = at;
      const request = rekey(at);
      const unknown = Array.from({ length: others }, (_, n) => 0x1234_0000 + n);
      puppet.request(exchangeType.INFORMATIONAL, [deletion(3, ...unknown, 0xabcd_0003)]);
      puppet.answer(request, accept(puppet.open(request), 0xabcd_0003));
      return !spisOf(at).includes(0xabcd_0003);
    };
    expect([remembers(15), remembers(16)]).toEqual([true, false]);
  });
});

describe("deletion", () => {
  test("crossing: nothing is sent any more, the answer names nothing, and it goes with the answer to ours", () => {
    const at = stage();
    const { puppet, ours, world } = at;
    puppet.answer(rekey(at), accept(puppet.open(puppet.received()), 0xabcd_0003));
    const farewell = puppet.received();
    expect(puppet.request(exchangeType.INFORMATIONAL, [deletion(3, theirs)])).toEqual([]);
    expect(spisOf(at)).toContain(ours);
    expect(spisOf(at)).not.toContain(theirs);
    puppet.answer(farewell, []);
    world.run(5_100);
    expect(spisOf(at)).not.toContain(ours);
    expect(standing(puppet.end)).toHaveLength(2);
  });

  test("of several, of both protocols, known, repeated and unknown: the known ones are answered, each once", () => {
    const at = stage();
    const answer = at.puppet.request(exchangeType.INFORMATIONAL, [
      deletion(2, theirs, 0x9999_0001),
      deletion(3, 0x9999_0002, theirs, theirs),
      deletion(3, theirs),
    ]);
    expect(answer).toEqual([expect.objectContaining({ kind: "D", protocolId: 3, spis: [spiOf(at.ours)] })]);
    expect(standing(at.puppet.end)).toEqual([]);
  });

  test("of the IKE SA while we rekey it: answered, our rekey is forgotten, and all of it goes", () => {
    const at = stage();
    rekey(at, "ike");
    expect(at.puppet.request(exchangeType.INFORMATIONAL, [{ kind: "D", protocolId: 1, spiSize: 0, spis: [] }])).toEqual(
      [],
    );
    expect(at.puppet.end.peer().ikeSas).toEqual([]);
    expect(standing(at.puppet.end)).toEqual([]);
  });
});

describe("a rekey of the IKE SA", () => {
  test("of ours: with a key exchange, SPIs of 8 octets, and no traffic selectors", () => {
    const at = stage();
    const payloads = at.puppet.open(rekey(at, "ike"));
    expect(payloads.map(({ kind }) => kind)).toEqual(["SA", "Nonce", "KE"]);
    expect(find(payloads, "SA")?.proposals.map(({ protocolId, spi }) => [protocolId, spi.length])).toEqual([[1, 8]]);
  });

  // Daemons differ in what makes the keys where it does not (RFC 7296 2.18, RFC 4306 2.18).
  test("keeps the PRF: ours offers no other until the peer turns it down, the peer's is answered with it", () => {
    const at = stageWithPrfSha256();
    const { puppet } = at;
    const request = rekey(at, "ike");
    expect(prfsOf(puppet.open(request))).toEqual([5]);
    puppet.answer(request, [notify(notifyType.NO_PROPOSAL_CHOSEN)]);
    expect(prfsOf(puppet.open(puppet.received()))).toEqual([6, 5]);
    puppet.answer(puppet.received(), [notify(notifyType.NO_PROPOSAL_CHOSEN)]);
    expect(puppet.end.log.at(-1)?.reason).toMatchObject({ code: "peer-refused-proposal" });
    const offer = (text: string) => ikeOffer([{ transforms: parseProposal(text, "ike") }]);
    expect(prfsOf(puppet.request(exchangeType.CREATE_CHILD_SA, offer(bothPrfs)))).toEqual([5]);
    const other = stageWithPrfSha256().puppet;
    const alone = offer("aes128gcm16-prfsha384-x25519");
    expect(prfsOf(other.request(exchangeType.CREATE_CHILD_SA, alone))).toEqual([6]);
  });

  test("while it is out, Child SAs are neither made nor rekeyed, but deleted", () => {
    const at = stage();
    const { puppet } = at;
    rekey(at, "ike");
    expect(askRekey(at, theirs, 0xabcd_0004)[0]).toMatchObject({ type: notifyType.TEMPORARY_FAILURE });
    expect(puppet.request(exchangeType.INFORMATIONAL, [deletion(3, theirs)])).toEqual([
      expect.objectContaining({ kind: "D", spis: [spiOf(at.ours)] }),
    ]);
  });

  test("of the peer while a Child SA is being rekeyed or closed: TEMPORARY_FAILURE", () => {
    const at = stage();
    const { puppet } = at;
    const request = rekey(at);
    const refused = [expect.objectContaining({ type: notifyType.TEMPORARY_FAILURE })];
    expect(puppet.request(exchangeType.CREATE_CHILD_SA, ikeOffer())).toEqual(refused);
    puppet.answer(request, accept(puppet.open(request), 0xabcd_0003));
    const farewell = puppet.received();
    expect(puppet.request(exchangeType.CREATE_CHILD_SA, ikeOffer())).toEqual(refused);
    puppet.answer(farewell, [deletion(3, theirs)]);
    expect(puppet.request(exchangeType.CREATE_CHILD_SA, ikeOffer())?.[0]).toMatchObject({ kind: "SA" });
  });

  test("of both ends at once: the successor with the lowest nonce is deleted by who made it, the old one by the other", () => {
    for (const [answered, asked, weKeep] of [
      [0xff, 0, true],
      [0, 0xff, false],
    ] as const) {
      const at = stage();
      const { puppet } = at;
      const oldSpi = decodeHeader(puppet.received()).initiatorSpi;
      const request = rekey(at, "ike");
      const [sa, , ke] = ikeOffer();
      if (sa === undefined || ke === undefined) throw new Error("no offer");
      const nonceOf = (octet: number): Payload => ({ kind: "Nonce", data: Buffer.alloc(32, octet) });
      const made = puppet.request(exchangeType.CREATE_CHILD_SA, [sa, nonceOf(asked), ke]);
      expect(made?.[0]).toMatchObject({ kind: "SA" });
      expect(decodeHeader(puppet.received()).initiatorSpi, "nothing is decided").toBe(oldSpi);
      expect(puppet.end.peer().ikeSas[0]?.initiatorSpi).toBe(oldSpi.toString(16).padStart(16, "0"));
      const offered = find(puppet.open(request), "SA")?.proposals ?? [];
      const ourSpi = Buffer.from(offered[0]?.spi ?? []).readBigUInt64BE();
      const proposals = offered.slice(0, 1).map((proposal) => ({ ...proposal, spi: ikeSpiOctets(0x99n) }));
      puppet.answer(request, [{ kind: "SA", proposals }, nonceOf(answered), ke]);
      const farewell = decodeHeader(puppet.received());
      expect(farewell).toMatchObject({ exchangeType: exchangeType.INFORMATIONAL });
      expect(farewell.initiatorSpi).toBe(weKeep ? oldSpi : ourSpi);
      expect(puppet.end.peer().ikeSas).toEqual([expect.objectContaining({ role: weKeep ? "initiator" : "responder" })]);
      expect(puppet.end.peer().children[0]).toMatchObject({ state: "up" });
    }
  });

  test("of both ends at once, ours refused: the peer's stands in for it", () => {
    const at = stage();
    const { puppet } = at;
    const request = rekey(at, "ike");
    puppet.request(exchangeType.CREATE_CHILD_SA, ikeOffer());
    expect(puppet.end.peer().ikeSas).toEqual([expect.objectContaining({ role: "initiator" })]);
    puppet.answer(request, [notify(notifyType.TEMPORARY_FAILURE)]);
    expect(puppet.end.peer().ikeSas).toEqual([expect.objectContaining({ role: "responder" })]);
    expect(puppet.end.peer().children[0]).toMatchObject({ state: "up" });
  });

  test("of the peer that lacks what it must have: refused as a violation", () => {
    for (const missing of ["KE", "Nonce", "SPI"]) {
      const { puppet } = stage();
      const offer = ikeOffer()
        .filter(({ kind }) => kind !== missing)
        .map((payload) =>
          missing === "SPI" && payload.kind === "SA"
            ? { ...payload, proposals: payload.proposals.map((proposal) => ({ ...proposal, spi: Buffer.alloc(4, 1) })) }
            : payload,
        );
      expect(puppet.request(exchangeType.CREATE_CHILD_SA, offer), missing).toEqual([
        expect.objectContaining({ type: notifyType.INVALID_SYNTAX }),
      ]);
    }
  });

  test("of the peer that offers what we do not take: refused, and the IKE SA stands", () => {
    const { puppet } = stage();
    const [sa, ni, ke] = ikeOffer();
    if (sa?.kind !== "SA" || ni === undefined || ke?.kind !== "KE") throw new Error("no offer");
    const error = (payloads: readonly Payload[]) =>
      (puppet.request(exchangeType.CREATE_CHILD_SA, payloads) ?? []).map(
        (payload) => "type" in payload && payload.type,
      );
    expect(error([sa, ni, { ...ke, group: 14 }])).toEqual([notifyType.INVALID_KE_PAYLOAD]);
    const other = offerProposals(
      {
        protocol: "ike",
        ours: [{ transforms: parseProposal("aes256-sha512-prfsha512-modp4096", "ike") }],
        withKe: true,
      },
      ikeSpiOctets(0x77n),
    );
    expect(error([{ kind: "SA", proposals: other }, ni, ke])).toEqual([notifyType.NO_PROPOSAL_CHOSEN]);
    expect(puppet.end.peer().ikeSas).toHaveLength(1);
  });

  test("of the peer: what stands goes over; the old one only deletes, what is asked there is refused", () => {
    const at = stage();
    const { puppet } = at;
    const before = puppet.end.peer().ikeSas[0]?.initiatorSpi;
    puppet.request(exchangeType.CREATE_CHILD_SA, ikeOffer());
    const [now] = puppet.end.peer().ikeSas;
    expect(now).toMatchObject({ role: "responder", initiatorSpi: "0000000000000077" });
    expect(now?.responderSpi).not.toBe(before);
    expect(puppet.end.peer().children[0]).toMatchObject({ state: "up" });
    expect(askRekey(at, theirs, 0xabcd_0004)[0]).toMatchObject({ type: notifyType.TEMPORARY_FAILURE });
    expect(puppet.request(exchangeType.CREATE_CHILD_SA, ikeOffer())?.[0]).toMatchObject({
      type: notifyType.TEMPORARY_FAILURE,
    });
    expect(puppet.request(exchangeType.INFORMATIONAL, [{ kind: "D", protocolId: 1, spiSize: 0, spis: [] }])).toEqual(
      [],
    );
    expect(puppet.end.peer().children[0]).toMatchObject({ state: "up" });
    expect(standing(puppet.end)).toHaveLength(2);
  });
});
