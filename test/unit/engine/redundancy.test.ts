// Of several IKE SAs with one peer, exactly one remains, and not a packet is lost over it.
import { describe, expect, test, vi } from "vitest";
import { notify } from "../../../src/ikev2/payloads.ts";
import { decodeHeader, flag } from "../../../src/wire/ikev2/header.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { desired, type PeerOptions, peer, timing } from "./desired.ts";
import { a, b, c, connected, ends, expectRest, facing, gre, standing, vxlan } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { carry, type Datagram, type End, type World } from "./world.ts";

vi.setConfig({ testTimeout: 60_000 });

const silent = { ...timing, liveness: 0 };
const [child] = peer(a, b).children;

function ups(end: End): number {
  return end.log.filter(({ event }) => event === "ike-sa-up").length;
}

/** Of the IKE SAs that were opened, the one whose lesser nonce is the greatest, by its initiator's SPI. */
function bestByNonces(datagrams: readonly Datagram[]): string | undefined {
  const lowest = new Map<string, string>();
  for (const { octets } of datagrams) {
    if (octets[18] !== exchangeType.IKE_SA_INIT) continue;
    const { header, payloads } = decodeMessage(octets);
    const nonce = payloads.find((payload) => payload.kind === "Nonce");
    if (nonce === undefined) continue;
    const spi = header.initiatorSpi.toString(16).padStart(16, "0");
    const text = Buffer.from(nonce.data).toString("hex");
    const known = lowest.get(spi);
    if (known === undefined || text < known) lowest.set(spi, text);
  }
  return [...lowest].sort(([, one], [, other]) => (one < other ? 1 : -1))[0]?.[0];
}

function hasInitialContact(puppet: Puppet): boolean {
  return puppet
    .open(puppet.received())
    .some((payload) => payload.kind === "N" && payload.type === notifyType.INITIAL_CONTACT);
}

interface Call {
  readonly child?: boolean;
  readonly initialContact?: boolean;
  readonly nonceOctet?: number;
}

/** Calls as a puppet and proves itself. */
function call(end: End, spi: bigint, options: Call = {}): Puppet {
  const puppet = new Puppet(end, b, "initiator", spi);
  puppet.nonceOctet = options.nonceOctet ?? puppet.nonceOctet;
  puppet.init();
  const contact = options.initialContact === true ? [notify(notifyType.INITIAL_CONTACT)] : [];
  const asked =
    options.child === true && child !== undefined ? puppet.childPayloads(child, Number(spi) + 0xabcd_0000) : [];
  puppet.request(exchangeType.IKE_AUTH, [...puppet.authPayloads(), ...asked, ...contact]);
  return puppet;
}

/** Time passes; the requests that `puppets` get are acknowledged. */
function answering(world: World, puppets: readonly Puppet[], milliseconds: number): void {
  const sent = puppets[0]?.end.sent ?? [];
  let seen = sent.length;
  for (let passed = 0; passed < milliseconds; passed += 250) {
    world.run(250);
    for (; seen < sent.length; seen += 1) {
      const octets = sent[seen]?.octets;
      if (octets === undefined) continue;
      const { initiatorSpi, responderSpi, flags } = decodeHeader(octets);
      if ((flags & flag.response) !== 0) continue;
      const to = puppets.find(({ role, ownSpi }) => ownSpi === (role === "initiator" ? initiatorSpi : responderSpi));
      to?.answer(octets, []);
    }
  }
}

describe("both ends are killed and start again at once", () => {
  const offsets = [0, 1, 5, 9, 10, 11, 19, 20, 21, 29, 30, 31, 40, 41, 50, 70, 100, 900, 1_100];
  test.each([
    ["quick ends", {}],
    ["slow ones", { kernelDelay: 3, computeDelay: 17 }],
  ])("%s: the old pairs carry until the new ones do, one IKE SA and one pair for each child remain", (_, options) => {
    const protect = [{ kind: "vxlan" }, { kind: "gre" }] as const;
    for (const offset of offsets) {
      const pair = ends({ one: options, two: options, seed: offset + 50 });
      pair.one.configure(facing(a, { protect }));
      pair.two.configure(facing(b, { protect }));
      pair.world.run(12_000);
      const flows = [...vxlan(pair), ...gre(pair)];
      pair.world.guarded.push(...flows);
      pair.world.carried.push(...flows);
      pair.one.crash();
      pair.two.crash();
      pair.one.configure(facing(a, { protect }));
      pair.world.run(offset);
      pair.two.configure(facing(b, { protect }));
      pair.world.run(60_000);
      expectRest(pair, 3);
    }
  });
});

describe("both ends call at once, and the other is a daemon that keeps whatever comes", () => {
  test("one IKE SA and one pair remain, whichever nonces win, and not a packet is lost after the first", () => {
    const stayed = new Set<string>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const pair = ends({ seed });
      pair.one.configure(facing(a));
      pair.two.configure(facing(b, { unique: "never" }));
      pair.world.guarded.push(...gre(pair));
      pair.world.run(100);
      expect(ups(pair.one)).toBe(2);
      pair.world.carried.push(...gre(pair));
      pair.world.run(40_000);
      expectRest(pair);
      const [left] = pair.one.peer().ikeSas;
      // RFC 7296 2.8.1, applied to IKE SAs: the one with the lowest of the four nonces goes.
      expect(left?.initiatorSpi).toBe(bestByNonces([...pair.one.sent, ...pair.two.sent]));
      stayed.add(left?.role ?? "");
    }
    expect(stayed).toEqual(new Set(["initiator", "responder"]));
  });

  test("which opens another for each that is closed: closed ever more rarely", () => {
    const { world, one } = ends({ network: () => [] });
    world.run(1);
    one.configure(facing(a, { timing: silent, initiate: false }));
    const down = () => one.log.filter(({ event }) => event === "ike-sa-down").length;
    const waits: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      // Two calls at once: for all that this end can see, they crossed.
      const twins = [1n, 2n].map((k) => new Puppet(one, b, "initiator", BigInt(n) * 16n + k));
      for (const twin of twins) expect(twin.init()).toBe(true);
      world.run(1);
      for (const [k, twin] of twins.entries()) {
        if (child === undefined) throw new Error("no child");
        twin.request(exchangeType.IKE_AUTH, [
          ...twin.authPayloads(),
          ...twin.childPayloads(child, 0xabcd_0100 + n * 16 + k),
        ]);
      }
      const [since, before] = [world.now, down()];
      while (down() === before && world.now < since + 200_000) answering(world, twins, 1_000);
      waits.push(Math.round((world.now - since) / 1_000));
      const goodbye = [{ kind: "D", protocolId: 1, spiSize: 0, spis: [] }] as const;
      for (const twin of twins) twin.request(exchangeType.INFORMATIONAL, goodbye);
      expect(one.peer().ikeSas).toEqual([]);
    }
    for (const [n, wait] of waits.entries()) expect(wait).toBeGreaterThanOrEqual(15 * 2 ** n);
  });
});

describe("one of two that crossed is dead at the other end, by an INITIAL_CONTACT that was on its way", () => {
  test("the living one stays, whichever nonces win", () => {
    const causes = new Set<string | undefined>();
    for (let seed = 1; seed <= 20; seed += 1) {
      const { world, one } = ends({ network: () => [], seed });
      world.run(1);
      one.configure(facing(a));
      const living = new Puppet(one, b, "responder", 0x77n);
      living.answerInit();
      const request = living.received();
      call(one, 0x88n, { child: true, nonceOctet: seed % 2 === 0 ? 0x11 : 0xee });
      world.run(5);
      living.answer(request, living.authAnswer(request));
      living.nextMessageId = 0;
      expect(one.peer().ikeSas).toHaveLength(2);
      answering(world, [living], 60_000);
      expect(one.peer().ikeSas.map(({ responderSpi }) => responderSpi)).toEqual(["0000000000000077"]);
      expect(standing(one)).toHaveLength(2);
      causes.add(one.log.find(({ event }) => event === "ike-sa-down")?.reason?.code);
    }
    // Where the dead one is the better by its nonces, it is asked, and found dead.
    expect(causes).toEqual(new Set(["replaced", "no-answer"]));
  });
});

test("an end whose IKE_AUTH is not out yet gives its own call up when the peer is quicker", () => {
  const pair = ends();
  pair.two.configure(facing(b));
  pair.world.run(15);
  pair.one.configure(facing(a));
  pair.world.run(5_000);
  expectRest(pair);
  expect([ups(pair.one), ups(pair.two)]).toEqual([1, 1]);
  expect(pair.one.log.filter(({ level, event }) => level === "warn" || event === "ike-sa-failed")).toEqual([]);
});

describe("INITIAL_CONTACT", () => {
  test("is said at the first call, and not while SAs of a former run carry traffic", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    expect(hasInitialContact(puppet)).toBe(true);
    puppet.answerAuth();
    one.crash();
    one.configure(facing(a));
    const again = new Puppet(one, b, "responder", 0x99n);
    again.answerInit();
    expect(hasInitialContact(again)).toBe(false);
  });

  test("is not said where many may share an identity", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a, { unique: "never" }));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    expect(hasInitialContact(puppet)).toBe(false);
  });
});

describe("a newer IKE SA of the same identity", () => {
  const replace: PeerOptions = { initiate: false, timing: silent };

  test("that carries the child takes the place of the older one, whose peer has some time to close it itself", () => {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a, replace));
    const old = call(one, 1n, { child: true });
    world.run(1_000);
    const fresh = call(one, 2n, { child: true });
    answering(world, [old], 9_000);
    expect(one.peer().ikeSas).toHaveLength(2);
    answering(world, [old], 2_000);
    expect(one.peer().ikeSas.map(({ initiatorSpi }) => BigInt(`0x${initiatorSpi}`))).toEqual([fresh.ownSpi]);
    expect(standing(one), "what the peer sent on the old one may still be on its way").toHaveLength(3);
    answering(world, [old], 5_000);
    expect(standing(one)).toHaveLength(2);
  });

  test("that does not carry the child leaves the older one alone, and further children are asked for on the newer", () => {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a, replace));
    call(one, 1n, { child: true });
    world.run(1_000);
    const fresh = call(one, 2n);
    answering(world, [fresh], 60_000);
    expect(one.peer().ikeSas).toHaveLength(2);
    expect(standing(one)).toHaveLength(2);
  });

  test("with INITIAL_CONTACT ends the older one after some time, even where it does not carry the child", () => {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a, replace));
    call(one, 1n, { child: true });
    world.run(1_000);
    const fresh = call(one, 2n, { initialContact: true });
    answering(world, [fresh], 15_000);
    expect(one.peer().ikeSas.map(({ initiatorSpi }) => BigInt(`0x${initiatorSpi}`))).toEqual([fresh.ownSpi]);
  });
});

describe("a peer that asks for a child that stands, and keeps both pairs", () => {
  function twice(pause: number, nonce: number) {
    const { world, one } = ends({ network: () => [] });
    world.run(1);
    one.configure(facing(a, { timing: silent }));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth();
    puppet.nextMessageId = 0;
    world.run(pause);
    const asked = child === undefined ? [] : puppet.childPayloads(child, 0xabcd_0077);
    puppet.request(exchangeType.CREATE_CHILD_SA, [...asked, { kind: "Nonce", data: Buffer.alloc(32, nonce) }]);
    const spis = () => one.peer().children[0]?.sas.map(({ spiOut }) => spiOut);
    return { world, puppet, spis };
  }

  test("at the same time as we: the lesser pair goes after a while, though it was the peer that asked for it", () => {
    const { world, puppet, spis } = twice(10, 0);
    answering(world, [puppet], 14_000);
    expect(spis()).toEqual(["abcd0002", "abcd0077"]);
    answering(world, [puppet], 4_000);
    expect(spis()).toEqual(["abcd0002"]);
  });

  test("long after the first stood: it replaces it, whatever the nonces", () => {
    const { world, puppet, spis } = twice(60_000, 0);
    answering(world, [puppet], 4_000);
    expect(spis()).toEqual(["abcd0077"]);
  });
});

describe("a peer that calls from anywhere and moves to another address", () => {
  const d = "192.0.2.4";
  const address = (end: End) => end.peer().ikeSas.map(({ remote }) => remote);
  function moved(unique: "replace" | "keep" | "never") {
    const pair = ends();
    const anywhere = { remote: "any", local: a, remoteId: "mobile", unique, initiate: false } as const;
    pair.one.configure(desired([peer(a, b, anywhere)]));
    const there = pair.world.add(c);
    const here = pair.world.add(d);
    // As a client that knows nothing of uniqueness: it does not say INITIAL_CONTACT.
    const mobile = (local: string) => desired([peer(local, a, { localId: "mobile", unique: "never" })]);
    there.configure(mobile(c));
    pair.world.run(3_000);
    expect(address(pair.one)).toEqual([`${c}:500`]);
    return { ...pair, there, here, move: () => here.configure(mobile(d)) };
  }

  test("replace: the new address takes over, the old one's SAs go", () => {
    const { world, one, there, here, move } = moved("replace");
    there.crash();
    move();
    world.run(20_000);
    expect(address(one)).toEqual([`${d}:500`]);
    expect(standing(one)).toHaveLength(2);
    expect(carry({ from: here, to: one, packet: { source: d, destination: a, protocol: 47 } })).toBe(
      "protected, delivered",
    );
  });

  test("keep: turned away while the first lives, let in once it is found dead", () => {
    const { world, one, there, here, move } = moved("keep");
    move();
    world.run(20_000);
    expect(address(one)).toEqual([`${c}:500`]);
    expect(one.peer().reason).toEqual({ code: "already-connected", identity: "mobile", from: `${c}:500` });
    expect(here.peer().reason).toMatchObject({ code: "peer-refused-authentication" });
    there.crash();
    world.run(120_000);
    expect(address(one)).toEqual([`${d}:500`]);
    expect(here.peer().state).toBe("up");
  });

  test("never: both stand", () => {
    const { world, one, move } = moved("never");
    move();
    world.run(60_000);
    expect(address(one).sort()).toEqual([`${c}:500`, `${d}:500`]);
  });
});

test("of many callers who come back one after the other each has its old IKE SA closed in its own time", () => {
  const { world, one } = ends({ network: () => [] });
  world.run(1);
  const anywhere = {
    remote: "any",
    local: a,
    remoteId: undefined,
    initiate: false,
    timing: silent,
    protect: [],
  } as const;
  one.configure(desired([peer(a, b, anywhere)]));
  const puppets: Puppet[] = [];
  const standing = (address: string) => one.peer().ikeSas.filter(({ remote }) => remote === `${address}:500`).length;
  for (let n = 0; n < 8; n += 1) {
    for (let k = 1; k <= 2; k += 1) {
      const puppet = new Puppet(one, `192.0.2.${n + 10}`, "initiator", BigInt(n * 16 + k));
      puppet.init();
      puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads());
      puppets.push(puppet);
      answering(world, puppets, 500);
    }
    expect(standing(`192.0.2.${n + 10}`)).toBe(2);
    answering(world, puppets, 3_000);
  }
  // The first came back 28 seconds ago, the last three just now.
  expect([10, 11, 12, 13].map((host) => standing(`192.0.2.${host}`))).toEqual([1, 1, 1, 1]);
  expect(standing("192.0.2.17")).toBe(2);
  answering(world, puppets, 12_000);
  expect(one.peer().ikeSas).toHaveLength(8);
});

test("never: what a peer says with INITIAL_CONTACT is not heeded", () => {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, { initiate: false, timing: silent, unique: "never" }));
  call(one, 1n, { child: true });
  world.run(1_000);
  const fresh = call(one, 2n, { child: true, initialContact: true });
  answering(world, [fresh], 60_000);
  expect(one.peer().ikeSas).toHaveLength(2);
});

test("an undisturbed pair says nothing more than it must", () => {
  const pair = connected();
  expect(pair.one.sent.length + pair.two.sent.length).toBe(4);
});
