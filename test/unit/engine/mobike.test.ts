import { describe, expect, it } from "vitest";
import { notify } from "../../../src/ikev2/payloads.ts";
import { type Address, addressOctets } from "../../../src/negotiate/address.ts";
import { flag } from "../../../src/wire/ikev2/header.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { desired, nullRound, type PeerOptions, peer, timing } from "./desired.ts";
import { carryThrough, install, Nat } from "./nat.ts";
import { a, b, gre, policies, standing, subnets } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { Traffic } from "./traffic.ts";
import { carry, type Datagram, type End, type Flow, World } from "./world.ts";

const inside = { address: "10.1.0.0", length: 16 };
const outside = { address: "10.2.0.0", length: 16 };
const tunnels = [{ kind: "tunnel", local: inside, remote: outside }] as const;
const otherA = "198.51.100.1";
const otherB = "198.51.100.2";

/** A network in which an end is found under each of its addresses, as long as it has it. */
class Moving extends World {
  readonly addresses = new Map<Address, End>();

  protected override deliver(datagram: Parameters<World["deliver"]>[0]): void {
    const seen = this.translate(datagram.path);
    const to = seen === undefined ? undefined : this.addresses.get(seen.local.address);
    if (seen !== undefined) to?.handle({ kind: "datagram", octets: datagram.octets, path: seen });
  }
}

interface Pair {
  readonly world: Moving;
  readonly one: End;
  readonly two: End;
}

function pair(one: PeerOptions = {}, two: PeerOptions = {}): Pair {
  const world = new Moving();
  const ends = { world, one: world.add(a, { addresses: [otherA] }), two: world.add(b, { addresses: [otherB] }) };
  for (const address of [a, otherA]) world.addresses.set(address, ends.one);
  for (const address of [b, otherB]) world.addresses.set(address, ends.two);
  for (const end of [ends.one, ends.two]) end.kernel.encapsulationPorts.add(4500);
  const common = { mobike: true };
  const tunnel = (local: typeof inside, remote: typeof inside) => [{ kind: "tunnel", local, remote }] as const;
  ends.one.configure(desired([peer(a, b, { ...common, protect: tunnel(inside, outside), ...one })]));
  ends.two.configure(desired([peer(b, a, { ...common, protect: tunnel(outside, inside), initiate: false, ...two })]));
  world.run(5_000);
  return ends;
}

/** The host loses an address, and the network no longer finds it there. */
function lose(ends: Pair, end: End, ...missing: Address[]): void {
  for (const address of missing) ends.world.addresses.delete(address);
  end.handle({ kind: "addresses", missing });
}

function spis(end: End): number[] {
  return standing(end).map(({ spi }) => spi);
}

function went(ends: Pair, flows: readonly Flow[] = subnets(ends)): string[] {
  return flows.map((flow) => carry(flow));
}

function sasBetween(end: End): string[] {
  return standing(end)
    .map(({ source, destination }) => `${source} > ${destination}`)
    .sort();
}

/** Hands an end what comes to it, behind a NAT's port, from any address. */
function sendingTo(end: End): (address: Address, octets: Uint8Array) => void {
  return (address, octets) =>
    end.handle({
      kind: "datagram",
      octets,
      path: { local: { address: a, port: 4500 }, remote: { address, port: 4500 } },
    });
}

const delivered = ["protected, delivered", "protected, delivered"];

describe("MOBIKE (RFC 4555)", () => {
  it("is spoken where both ends want it: port 4500 from IKE_AUTH on, and no UDP around ESP", () => {
    const ends = pair();
    expect(ends.one.sent.map(({ path }) => path.local.port)).toEqual([500, 4500]);
    expect(went(ends)).toEqual(delivered);
    const out = ends.one.kernel.send({ source: "10.1.0.5", destination: "10.2.0.6", protocol: 6 });
    expect(out.kind === "protected" && out.packet.encapsulation).toBeFalsy();
  });

  it("moves everything when who decides loses an address, with the SAs that stood", () => {
    const ends = pair({ otherLocals: [otherA] });
    expect(went(ends)).toEqual(delivered);
    const before = [spis(ends.one), spis(ends.two)];
    lose(ends, ends.one, a);
    ends.world.run(1_000);
    expect(went(ends)).toEqual(delivered);
    expect([spis(ends.one), spis(ends.two)]).toEqual(before);
    const moved = [`${b} > ${otherA}`, `${otherA} > ${b}`].sort();
    expect([sasBetween(ends.one), sasBetween(ends.two)]).toEqual([moved, moved]);
    expect(ends.one.peer().ikeSas).toHaveLength(1);
    for (const end of [ends.one, ends.two])
      expect(end.log.filter(({ event }) => event === "child-sa-down")).toEqual([]);
    // The peer's signs of life, and everything else, go there too.
    ends.world.run(300_000);
    expect(went(ends)).toEqual(delivered);
    expect(ends.two.sent.at(-1)?.path.remote).toEqual({ address: otherA, port: 4500 });
  });

  it("moves everything when the other end loses an address: it says where else it is, and who decides follows", () => {
    const ends = pair({}, { otherLocals: [otherB] });
    const before = [spis(ends.one), spis(ends.two)];
    lose(ends, ends.two, b);
    ends.world.run(1_000);
    expect(went(ends)).toEqual(delivered);
    expect([spis(ends.one), spis(ends.two)]).toEqual(before);
    const moved = [`${a} > ${otherB}`, `${otherB} > ${a}`].sort();
    expect([sasBetween(ends.one), sasBetween(ends.two)]).toEqual([moved, moved]);
  });

  it("goes back when the address is there again of which who decides has not heard that it was gone", () => {
    const ends = pair({}, { otherLocals: [otherB] });
    const before = [`${a} > ${b}`, `${b} > ${a}`];
    const { translate } = ends.world;
    ends.world.translate = () => undefined;
    lose(ends, ends.two, b);
    ends.world.run(100);
    expect(sasBetween(ends.two)).toEqual([`${a} > ${otherB}`, `${otherB} > ${a}`].sort());
    ends.world.translate = translate;
    ends.world.addresses.set(b, ends.two);
    const sent = ends.two.sent.length;
    ends.two.handle({ kind: "addresses", missing: [] });
    // At once, and what it has to say leaves from there; that it was gone arrives after that it is back.
    expect(sasBetween(ends.two)).toEqual(before);
    expect(ends.two.sent.slice(sent).map(({ path }) => path.local.address)).toEqual([b]);
    expect(went(ends)).toEqual(delivered);
    ends.world.run(10_000);
    expect([sasBetween(ends.one), sasBetween(ends.two)]).toEqual([before, before]);
    expect(went(ends)).toEqual(delivered);
    // The next time it is heard, and what was decided then holds when the address is back.
    lose(ends, ends.two, b);
    ends.world.run(1_000);
    ends.world.addresses.set(b, ends.two);
    ends.two.handle({ kind: "addresses", missing: [] });
    ends.world.run(1_000);
    const moved = [`${a} > ${otherB}`, `${otherB} > ${a}`].sort();
    expect([sasBetween(ends.one), sasBetween(ends.two)]).toEqual([moved, moved]);
    expect(went(ends)).toEqual(delivered);
  });

  it("is called at its other address too, by a peer that begins anew", () => {
    const ends = pair({ remote: [b, otherB] }, { otherLocals: [otherB] });
    lose(ends, ends.two, b);
    ends.world.run(1_000);
    ends.one.crash();
    ends.one.configure(desired([peer(a, b, { mobike: true, remote: [otherB], protect: tunnels })]));
    ends.world.run(5_000);
    expect(ends.one.peer().ikeSas.map(({ remote }) => remote)).toEqual([`${otherB}:4500`]);
    expect(went(ends)).toEqual(delivered);
  });

  it("outlives the IKE SA: the one that rekeys it moves as well, whoever rekeyed", () => {
    for (const who of ["one", "two"] as const) {
      const short = { timing: { ...timing, ikeLifetime: 100_000 } };
      const ends = pair(
        { otherLocals: [otherA], ...(who === "one" ? short : {}) },
        { otherLocals: [otherB], ...(who === "two" ? short : {}) },
      );
      const first = ends.one.peer().ikeSas[0]?.initiatorSpi;
      ends.world.run(99_000);
      expect(ends.one.peer().ikeSas.map(({ initiatorSpi }) => initiatorSpi)).not.toContain(first);
      const before = spis(ends.one);
      lose(ends, ends.one, a);
      ends.world.run(1_000);
      expect(went(ends)).toEqual(delivered);
      lose(ends, ends.two, b);
      ends.world.run(1_000);
      expect(went(ends)).toEqual(delivered);
      expect(spis(ends.one)).toEqual(before);
      expect(sasBetween(ends.two)).toEqual([`${otherA} > ${otherB}`, `${otherB} > ${otherA}`].sort());
    }
  });

  describe("a peer that has moved opens another IKE SA from the address that it has back", () => {
    const ways = (end: End) => [
      ...new Set(
        policies(end).map(({ action }) =>
          action.kind === "protected" ? `${action.template.source} > ${action.template.destination}` : action.kind,
        ),
      ),
    ];
    const back = [`${a} > ${b}`, `${b} > ${a}`];

    function moved(one: PeerOptions = {}, two: PeerOptions = {}): Pair {
      const ends = pair({ otherLocals: [otherA], ...one }, two);
      lose(ends, ends.one, a);
      ends.world.run(5_000);
      ends.world.addresses.set(a, ends.one);
      ends.one.handle({ kind: "addresses", missing: [] });
      expect(sasBetween(ends.two)).toEqual([`${b} > ${otherA}`, `${otherA} > ${b}`].sort());
      return ends;
    }

    it.each(["one", "two"] as const)(
      "nothing is lost where end %s has its proof repeated, and the other way is closed in the end",
      (who) => {
        const wishes = { reauth: 60_000 };
        const ends = who === "one" ? moved(wishes) : moved({}, wishes);
        const traffic = new Traffic(ends, subnets(ends), ends.world.now + 90_000, () => 10, 7);
        ends.world.run(91_000);
        expect(traffic.losses).toEqual([]);
        for (const end of [ends.one, ends.two]) {
          expect(sasBetween(end)).toEqual(back);
          expect(ways(end).sort()).toEqual(back);
        }
      },
    );

    it("nothing is lost where it was killed meanwhile, and what its former run left carries its packets", () => {
      const ends = moved();
      const traffic = new Traffic(ends, subnets(ends), ends.world.now + 30_000, () => 10, 7);
      ends.one.crash();
      ends.world.run(500);
      ends.one.configure(desired([peer(a, b, { mobike: true, otherLocals: [otherA], protect: tunnels })]));
      ends.world.run(31_000);
      expect(traffic.losses).toEqual([]);
      for (const end of [ends.one, ends.two]) expect(ways(end).sort()).toEqual(back);
    });

    it("it is sent to at once where it says that it has lost the former one", () => {
      const ends = pair({}, { remote: [a, otherA] });
      const reborn = ends.world.add(otherA);
      ends.world.addresses.delete(a);
      ends.world.addresses.set(otherA, reborn);
      reborn.configure(desired([peer(otherA, b, { mobike: true, localId: `gw-${a}`, protect: tunnels })]));
      ends.world.run(100);
      expect(went({ ...ends, one: reborn })).toEqual(delivered);
    });
  });

  it("moves a peer whose configuration differs in our address alone, and brings down nothing", () => {
    const protect = [{ kind: "tunnel", local: inside, remote: outside }] as const;
    const ends = pair();
    const before = spis(ends.one);
    ends.world.addresses.delete(a);
    ends.one.configure(desired([peer(otherA, b, { mobike: true, protect, localId: `gw-${a}` })]));
    ends.world.run(1_000);
    expect(went(ends)).toEqual(delivered);
    expect(spis(ends.one)).toEqual(before);
    // Without MOBIKE it is another peer.
    const without = pair({ mobike: false });
    without.one.configure(desired([peer(otherA, b, { mobike: false, protect, localId: `gw-${a}` })]));
    without.world.run(1_000);
    expect(spis(without.one)).not.toEqual(spis(ends.one));
    expect(without.one.log.some(({ event }) => event === "ike-sa-down")).toBe(true);
  });

  it("has a transport mode Child SA negotiated anew between the new addresses", () => {
    const protect = [{ kind: "gre" }] as const;
    const ends = pair({ protect, otherLocals: [otherA] }, { protect, remote: "any" });
    const before = spis(ends.one);
    lose(ends, ends.one, a);
    ends.world.run(10_000);
    const moved = gre(ends).map((flow) => ({
      ...flow,
      packet: {
        ...flow.packet,
        source: flow.packet.source === a ? otherA : b,
        destination: flow.packet.destination === a ? otherA : b,
      },
    }));
    expect(went(ends, moved)).toEqual(delivered);
    expect(spis(ends.one)).toHaveLength(2);
    expect(spis(ends.one)).not.toEqual(before);
    expect(ends.one.kernel.wouldPass({ source: a, destination: b, protocol: 47 })).not.toBe("clear");
    expect(ends.one.peer().children[0]?.state).toBe("up");
  });

  it("finds another way when the one in use dies without anybody being told", () => {
    const ends = pair({ otherLocals: [otherA], timing: { ...timing, liveness: 10_000, retransmitTries: 8 } });
    const before = spis(ends.one);
    const { translate } = ends.world;
    const dead = (address: Address) => address === a;
    ends.world.translate = (path) =>
      dead(path.local.address) || dead(path.remote.address) ? undefined : translate(path);
    ends.world.run(40_000);
    expect(spis(ends.one)).toEqual(before);
    expect(sasBetween(ends.two)).toEqual([`${b} > ${otherA}`, `${otherA} > ${b}`].sort());
    expect(went(ends)).toEqual(delivered);
    expect(ends.one.peer().ikeSas).toHaveLength(1);
  });

  it("goes behind a NAT: ESP goes over UDP from then on, in the SAs that stood", () => {
    const ends = pair({ otherLocals: [otherA] }, { remote: "any" });
    const before = spis(ends.one);
    const nat = new Nat(ends.world, "203.0.113.1", [otherA]);
    install(ends.world, nat);
    lose(ends, ends.one, a);
    ends.world.run(1_000);
    expect(subnets(ends).map((flow) => carryThrough([nat], flow))).toEqual(delivered);
    expect(spis(ends.one)).toEqual(before);
    expect(sasBetween(ends.two)).toContain(`${b} > 203.0.113.1`);
  });

  it("tells the peer of a mapping that changed, which signs of life find out", () => {
    const world = new Moving();
    const natted = { world, one: world.add(a), two: world.add(b) };
    world.addresses.set(a, natted.one).set(b, natted.two);
    for (const end of [natted.one, natted.two]) end.kernel.encapsulationPorts.add(4500);
    const nat = new Nat(world, "203.0.113.1", [a]);
    install(world, nat);
    const common = { mobike: true };
    natted.one.configure(
      desired([
        peer(a, b, {
          ...common,
          protect: [{ kind: "tunnel", local: inside, remote: outside }],
          timing: { ...timing, liveness: 10_000 },
        }),
      ]),
    );
    natted.two.configure(
      desired([
        peer(b, a, {
          ...common,
          protect: [{ kind: "tunnel", local: outside, remote: inside }],
          remote: "any",
          initiate: false,
          timing: { ...timing, liveness: 0 },
        }),
      ]),
    );
    world.run(25_000);
    expect(subnets(natted).map((flow) => carryThrough([nat], flow))).toEqual(delivered);
    const before = spis(natted.two);
    nat.restart();
    world.run(25_000);
    expect(subnets(natted).map((flow) => carryThrough([nat], flow))).toEqual(delivered);
    expect(spis(natted.two)).toEqual(before);
  });
});

describe("a MOBIKE peer on strings", () => {
  const protect = [{ kind: "tunnel", local: inside, remote: outside }] as const;

  function called(): { end: End; puppet: Puppet; world: World } {
    const world = new World();
    const end = world.add(a);
    const puppet = new Puppet(end, b, "initiator");
    const state = desired([peer(a, b, { mobike: true, protect, initiate: false })]);
    end.configure(state);
    puppet.init();
    const child = state.peers[0]?.children[0];
    puppet.request(exchangeType.IKE_AUTH, [...puppet.authPayloads({ child }), notify(notifyType.MOBIKE_SUPPORTED)]);
    return { end, puppet, world };
  }

  const notifies = (payloads: readonly Payload[] | undefined) =>
    (payloads ?? []).flatMap((payload) => (payload.kind === "N" ? [payload.type] : []));

  it("is not spoken to so where it proves nothing", () => {
    const world = new World();
    const end = world.add(a);
    const puppet = new Puppet(end, b, "initiator");
    const auth = { local: [nullRound], remote: [nullRound] };
    const nobody = { mobike: true, protect: [{ kind: "gre" }], initiate: false, auth } as const;
    end.configure(desired([peer(a, b, { ...nobody, remoteId: undefined })]));
    puppet.init();
    const support = notify(notifyType.MOBIKE_SUPPORTED);
    const answer = puppet.request(exchangeType.IKE_AUTH, [...puppet.authPayloads({ unauthenticated: true }), support]);
    expect(notifies(answer)).not.toContain(notifyType.AUTHENTICATION_FAILED);
    expect(notifies(answer)).not.toContain(notifyType.MOBIKE_SUPPORTED);
  });

  it("gets its COOKIE2 back, and NAT detection where it asks", () => {
    const { puppet } = called();
    const cookie = notify(notifyType.COOKIE2, Buffer.alloc(8, 7));
    const answer = puppet.request(exchangeType.INFORMATIONAL, [cookie, ...puppet.nat()]);
    expect(answer).toContainEqual(expect.objectContaining({ type: notifyType.COOKIE2, data: Buffer.alloc(8, 7) }));
    expect(notifies(answer)).toEqual([
      notifyType.COOKIE2,
      notifyType.NAT_DETECTION_SOURCE_IP,
      notifyType.NAT_DETECTION_DESTINATION_IP,
    ]);
  });

  it("is told of a NAT that it forbade, and nothing changes", () => {
    const { end, puppet } = called();
    const ports = [0x01, 0xf4, 0x01, 0xf4];
    const right = Buffer.from([192, 0, 2, 2, 192, 0, 2, 1, ...ports]);
    const wrong = Buffer.from([192, 0, 2, 99, 192, 0, 2, 1, ...ports]);
    const ask = (data: Uint8Array) =>
      notifies(
        puppet.request(exchangeType.INFORMATIONAL, [
          notify(notifyType.UPDATE_SA_ADDRESSES),
          notify(notifyType.NO_NATS_ALLOWED, data),
        ]),
      );
    expect(ask(wrong)).toEqual([notifyType.UNEXPECTED_NAT_DETECTED]);
    expect(ask(right)).toEqual([]);
    expect(end.log.filter(({ event }) => event === "path-changed")).toEqual([]);
  });

  it("is asked for a sign from its new address, and closed on where COOKIE2 does not come back as it was", () => {
    for (const honest of [true, false]) {
      const { end, puppet } = called();
      const update = puppet.seal(exchangeType.INFORMATIONAL, [notify(notifyType.UPDATE_SA_ADDRESSES)]);
      const remote = { address: "203.0.113.7", port: 4500 };
      end.handle({ kind: "datagram", octets: update, path: { local: { address: a, port: 4500 }, remote } });
      const check = end.sent.findLast(({ octets }) => ((octets[19] ?? 0) & flag.response) === 0);
      expect(check?.path.remote).toEqual(remote);
      const [cookie] = puppet.open(check?.octets ?? Buffer.alloc(0));
      expect(cookie).toMatchObject({ kind: "N", type: notifyType.COOKIE2 });
      puppet.answer(check?.octets ?? Buffer.alloc(0), honest && cookie !== undefined ? [cookie] : []);
      expect(puppet.open(end.sent.at(-1)?.octets ?? Buffer.alloc(0)).some(({ kind }) => kind === "D")).toBe(!honest);
    }
  });

  it("moves nothing where it was called: addresses are the initiator's to change (RFC 4555 3.5)", () => {
    const world = new World();
    const end = world.add(a);
    const puppet = new Puppet(end, b, "responder");
    end.configure(desired([peer(a, b, { mobike: true, protect })]));
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads, notify(notifyType.MOBIKE_SUPPORTED)]);
    const before = sasBetween(end);
    expect(before).toHaveLength(2);
    const sent = end.sent.length;
    const update = puppet.seal(exchangeType.INFORMATIONAL, [notify(notifyType.UPDATE_SA_ADDRESSES)]);
    const remote = { address: "203.0.113.7", port: 4500 };
    end.handle({ kind: "datagram", octets: update, path: { local: { address: a, port: 4500 }, remote } });
    // Answered where it came from, and nothing more.
    expect(end.sent.slice(sent).map(({ path }) => path.remote)).toEqual([remote]);
    expect(sasBetween(end)).toEqual(before);
    expect(end.peer().ikeSas.map((sa) => sa.remote)).toEqual([`${b}:4500`]);
  });

  /** An engine that decides which addresses are used. */
  function calling(options: PeerOptions = {}): { end: End; puppet: Puppet; world: World } {
    const world = new World();
    const end = world.add(a, { addresses: [otherA] });
    const puppet = new Puppet(end, b, "responder");
    end.configure(desired([peer(a, b, { mobike: true, protect, ...options })]));
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads, notify(notifyType.MOBIKE_SUPPORTED)]);
    return { end, puppet, world };
  }

  const listed = (...addresses: Address[]): Payload[] =>
    addresses.map((address) =>
      address.includes(":")
        ? notify(notifyType.ADDITIONAL_IP6_ADDRESS, addressOctets(address))
        : notify(notifyType.ADDITIONAL_IP4_ADDRESS, addressOctets(address)),
    );

  const cookieOf = (payloads: readonly Payload[]) =>
    payloads.filter((payload) => payload.kind === "N" && payload.type === notifyType.COOKIE2);

  it("is sent to none but the latest of its lists, whatever order they come in", () => {
    const { end, puppet } = calling();
    const from = sendingTo(end);
    const older = puppet.seal(exchangeType.INFORMATIONAL, [notify(notifyType.NO_ADDITIONAL_ADDRESSES)], {
      messageId: puppet.nextMessageId,
    });
    const newer = puppet.seal(exchangeType.INFORMATIONAL, listed(otherB), { messageId: puppet.nextMessageId + 1 });
    from(b, newer);
    // Says that it is at this address alone, and was true before.
    from(otherB, older);
    expect(end.peer().ikeSas.map((sa) => sa.remote)).toEqual([`${b}:4500`]);
  });

  it("is not looked for at loopback, multicast, link-local or unspecified addresses, nor at more than sixteen", () => {
    const few = { ...timing, liveness: 10_000, retransmitFirst: 100, retransmitFactor: 1, retransmitTries: 60 };
    const { end, puppet, world } = calling({ timing: few });
    const wrong = ["127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "169.254.1.1"];
    const right = Array.from({ length: 20 }, (_, n) => `203.0.113.${n + 1}`);
    puppet.request(exchangeType.INFORMATIONAL, listed(...wrong, "::1", "::", "ff02::1", "fe80::1", ...right));
    const sent = end.sent.length;
    world.run(30_000);
    const tried = new Set(end.sent.slice(sent).map(({ path }) => path.remote.address));
    expect([...tried].sort()).toEqual([b, ...right.slice(0, 16)].sort());
  });

  it("does not want the new way: the others are tried, each once, however often addresses changed before", () => {
    const { end, puppet, world } = calling({ otherLocals: [otherA] });
    puppet.request(exchangeType.INFORMATIONAL, listed(otherB, "203.0.113.5"));
    const wayOf = ({ path }: Datagram) => `${path.local.address} > ${path.remote.address}`;
    /** Answers each update, and says which way they went. */
    const updates = (isWanted: (way: string) => boolean): string[] => {
      const tried: string[] = [];
      for (let last = end.sent.at(-1); last !== undefined && tried.length < 10; last = end.sent.at(-1)) {
        const said = puppet.open(last.octets);
        if (!notifies(said).includes(notifyType.UPDATE_SA_ADDRESSES)) break;
        tried.push(wayOf(last));
        const verdict = isWanted(wayOf(last)) ? [] : [notify(notifyType.UNACCEPTABLE_ADDRESSES)];
        puppet.answer(last.octets, [...verdict, ...cookieOf(said)]);
        world.run(10);
        if (end.sent.at(-1) === last) break;
      }
      return tried;
    };
    const ways = (local: Address) => [b, otherB, "203.0.113.5"].map((remote) => `${local} > ${remote}`);
    for (let n = 0; n < 6; n += 1) {
      end.handle({ kind: "addresses", missing: [n % 2 === 0 ? a : otherA] });
      expect(updates(() => true)).toEqual([`${n % 2 === 0 ? otherA : a} > ${b}`]);
    }
    end.handle({ kind: "addresses", missing: [a] });
    expect(updates((way) => way === `${otherA} > 203.0.113.5`)).toEqual(ways(otherA));
    end.handle({ kind: "addresses", missing: [otherA] });
    expect(updates(() => false).toSorted()).toEqual(ways(a).toSorted());
    expect(end.peer().ikeSas).toHaveLength(1);
  });

  it("is told again which addresses are in use where it lists its own from another, and has that one still", () => {
    const { end, puppet } = calling();
    const listFrom = (address: Address, other: Address): (number[] | Address)[] => {
      const sent = end.sent.length;
      const octets = puppet.seal(exchangeType.INFORMATIONAL, listed(other));
      puppet.nextMessageId += 1;
      const path = { local: { address: a, port: 4500 }, remote: { address, port: 4500 } };
      end.handle({ kind: "datagram", octets, path });
      const requests = end.sent.slice(sent).filter(({ octets: one }) => ((one[19] ?? 0) & flag.response) === 0);
      return requests.flatMap(({ octets: one, path: way }) => {
        const payloads = puppet.open(one);
        const said = notifies(payloads);
        puppet.answer(one, cookieOf(payloads));
        return [way.remote.address, said];
      });
    };
    expect(listFrom(b, otherB)).toEqual([]);
    expect(listFrom(otherB, b)).toEqual([b, expect.arrayContaining([notifyType.UPDATE_SA_ADDRESSES])]);
    expect(end.peer().ikeSas.map((sa) => sa.remote)).toEqual([`${b}:4500`]);
  });

  it("moves nothing by being heard from behind a NAT whose mapping changed, before it says so (RFC 4555 3.8)", () => {
    const natted = (payloads: Payload[]) =>
      payloads.map((payload) =>
        payload.kind === "N" && payload.type === notifyType.NAT_DETECTION_SOURCE_IP
          ? notify(payload.type, Buffer.alloc(20, 1))
          : payload,
      );
    for (const mobike of [true, false]) {
      const world = new World();
      const end = world.add(a);
      end.kernel.encapsulationPorts.add(4500);
      const puppet = new Puppet(end, b, "initiator");
      const state = desired([peer(a, b, { mobike, protect, initiate: false })]);
      end.configure(state);
      puppet.init(natted);
      const child = state.peers[0]?.children[0];
      puppet.request(exchangeType.IKE_AUTH, [...puppet.authPayloads({ child }), notify(notifyType.MOBIKE_SUPPORTED)]);
      const path = { local: { address: a, port: 4500 }, remote: { address: b, port: 40_000 } };
      end.handle({ kind: "datagram", octets: puppet.seal(exchangeType.INFORMATIONAL, []), path });
      const moves = end.log.filter(({ event }) => event === "path-changed").map(({ facts }) => facts?.to);
      expect([mobike, moves]).toEqual([mobike, mobike ? [] : [`${b}:40000`]]);
    }
  });

  it("moves nothing with a message that does not say so, nor with an older update that comes later", () => {
    const { end, puppet } = called();
    const from = sendingTo(end);
    from("203.0.113.8", puppet.seal(exchangeType.INFORMATIONAL, []));
    puppet.nextMessageId += 1;
    expect(end.log.filter(({ event }) => event === "path-changed")).toEqual([]);
    const older = puppet.seal(exchangeType.INFORMATIONAL, [notify(notifyType.UPDATE_SA_ADDRESSES)]);
    puppet.nextMessageId += 1;
    const newer = puppet.seal(exchangeType.INFORMATIONAL, [notify(notifyType.UPDATE_SA_ADDRESSES)]);
    from("203.0.113.10", newer);
    from("203.0.113.9", older);
    from("203.0.113.10", newer);
    const moves = end.log.filter(({ event }) => event === "path-changed").map(({ facts }) => facts?.to);
    expect(moves).toEqual(["203.0.113.10:4500"]);
  });
});
