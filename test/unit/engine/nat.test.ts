import { describe, expect, it } from "vitest";
import type { Prefix } from "../../../src/negotiate/address.ts";
import type { PeerOptions } from "./desired.ts";
import { desired, peer } from "./desired.ts";
import { carryThrough, install, Nat } from "./nat.ts";
import { a, b, standing, subnets } from "./pair.ts";
import { type Datagram, type End, type Flow, World } from "./world.ts";

const publicA = "198.51.100.1";
const publicB = "198.51.100.2";
const inside: Prefix = { address: "10.1.0.0", length: 16 };
const outside: Prefix = { address: "10.2.0.0", length: 16 };

interface Natted {
  readonly world: World;
  readonly one: End;
  readonly two: End;
  readonly nats: readonly Nat[];
}

const tunnelOne: PeerOptions = { protect: [{ kind: "tunnel", local: inside, remote: outside }] };
const tunnelTwo: PeerOptions = {
  protect: [{ kind: "tunnel", local: outside, remote: inside }],
  remote: "any",
  initiate: false,
};

/** `one` behind a NAT calls `two`; with `both`, `two` is behind another, which forwards IKE's ports to it. */
function natted(
  options: { both?: boolean; patience?: number; natKeepalive?: boolean; one?: PeerOptions; two?: PeerOptions } = {},
): Natted {
  const world = new World();
  const one = world.add(a, options.natKeepalive === true ? { natKeepalive: true } : {});
  const two = world.add(b);
  const nats = [new Nat(world, publicA, [a], options.patience)];
  if (options.both === true) {
    const second = new Nat(world, publicB, [b]);
    for (const port of [500, 4500]) second.forward({ address: b, port }, port);
    nats.push(second);
  }
  install(world, ...nats);
  for (const end of [one, two]) end.kernel.encapsulationPorts.add(4500);
  const there = options.both === true ? publicB : b;
  one.configure(desired([{ ...peer(a, there, { ...tunnelOne, remoteId: `gw-${b}`, ...options.one }) }]));
  two.configure(desired([peer(b, a, { ...tunnelTwo, ...options.two })]));
  world.run(5_000);
  return { world, one, two, nats };
}

function pings(pair: Natted): string[] {
  return subnets(pair).map((flow) => carryThrough(pair.nats, flow));
}

const delivered = ["protected, delivered", "protected, delivered"];

function keepalives(sent: readonly Datagram[]): number {
  return sent.filter(({ octets }) => octets.length === 1 && octets[0] === 0xff).length;
}

function up({ one, two }: Natted): void {
  for (const end of [one, two]) {
    expect(end.peer().children.map((child) => [child.state, child.sas.length])).toEqual([["up", 1]]);
    expect(standing(end)).toHaveLength(2);
  }
}

describe("a NAT between the ends (RFC 7296 2.23)", () => {
  it("is found: IKE floats to port 4500, ESP goes over UDP, and packets pass both ways", () => {
    const pair = natted();
    up(pair);
    expect(pings(pair)).toEqual(delivered);
    expect(pair.one.sent.at(-1)?.path.local.port).toBe(4500);
    expect(pair.two.sent.at(-1)?.path.remote).toEqual({ address: publicA, port: 20_002 });
  });

  it("at both ends is no obstacle either", () => {
    const pair = natted({ both: true });
    up(pair);
    expect(pings(pair)).toEqual(delivered);
  });

  it("is not there, and yet ESP goes over UDP where one end forces it", () => {
    for (const forcing of ["one", "two"] as const) {
      const world = new World();
      const pair: Natted = { world, one: world.add(a), two: world.add(b), nats: [] };
      for (const end of [pair.one, pair.two]) end.kernel.encapsulationPorts.add(4500);
      const nat = { keepalive: 20_000, force: true };
      pair.one.configure(desired([peer(a, b, { ...tunnelOne, ...(forcing === "one" ? { nat } : {}) })]));
      pair.two.configure(desired([peer(b, a, { ...tunnelTwo, ...(forcing === "two" ? { nat } : {}) })]));
      world.run(5_000);
      up(pair);
      expect(pings(pair)).toEqual(delivered);
      // Nobody's mapping is to be kept alive by the end that lied.
      world.run(100_000);
      expect(keepalives(pair[forcing].sent)).toBe(0);
    }
  });
});

describe("transport mode through a NAT (RFC 7296 2.23.1)", () => {
  const protect = [{ kind: "gre" }] as const;
  const packets = ({ one, two }: Pick<Natted, "one" | "two">, outer: string, at = b): Flow[] => [
    { from: one, to: two, packet: { source: one.address, destination: at, protocol: 47 } },
    { from: two, to: one, packet: { source: two.address, destination: outer, protocol: 47 } },
  ];

  it("works for one host: each end knows the other by the address that its packets have", () => {
    const pair = natted({ one: { protect }, two: { protect } });
    up(pair);
    expect(packets(pair, publicA).map((flow) => carryThrough(pair.nats, flow))).toEqual(delivered);
  });

  it("works where both ends are behind one", () => {
    const pair = natted({ both: true, one: { protect }, two: { protect } });
    up(pair);
    expect(packets(pair, publicA, publicB).map((flow) => carryThrough(pair.nats, flow))).toEqual(delivered);
  });

  it("is refused to the second host behind one NAT, which cannot be told from the first", () => {
    const world = new World();
    const [one, second, two] = [world.add(a), world.add("192.0.2.3"), world.add(b)];
    const nat = new Nat(world, publicA, [one.address, second.address]);
    install(world, nat);
    for (const end of [one, second, two]) end.kernel.encapsulationPorts.add(4500);
    two.configure(desired([peer(b, a, { protect, remote: "any", initiate: false, remoteId: undefined })]));
    one.configure(desired([peer(one.address, b, { protect })]));
    world.run(5_000);
    second.configure(desired([peer(second.address, b, { protect })]));
    world.run(5_000);
    expect(packets({ one, two }, publicA).map((flow) => carryThrough([nat], flow))).toEqual(delivered);
    expect(second.peer().children[0]).toMatchObject({ state: "locked", sas: [] });
    const refusals = two.log.filter(({ reason }) => reason?.code === "nat-forbids-transport");
    expect(refusals[0]?.reason).toMatchObject({ child: "gre", remote: publicA });
    expect(standing(two)).toHaveLength(2);
    // The first one comes back, from another port: it is no second.
    one.crash();
    one.configure(desired([peer(one.address, b, { protect })]));
    world.run(30_000);
    expect(packets({ one, two }, publicA).map((flow) => carryThrough([nat], flow))).toEqual(delivered);
  });

  it("goes to another address by a new Child SA", () => {
    const pair = natted({ one: { protect, timing: { ...quiet, liveness: 10_000 } }, two: { protect } });
    const elsewhere = new Nat(pair.world, "203.0.113.9", [a]);
    install(pair.world, elsewhere);
    pair.world.run(30_000);
    expect(packets(pair, "203.0.113.9").map((flow) => carryThrough([elsewhere], flow))).toEqual(delivered);
    up(pair);
  });
});

describe("keepalives (RFC 3948 2.3)", () => {
  it("leave from the end behind the NAT alone, and so often that the NAT never forgets it", () => {
    const pair = natted({ patience: 20_100, one: { timing: quiet }, two: { timing: quiet } });
    const before = pair.one.sent.length;
    pair.world.run(600_000);
    expect(keepalives(pair.one.sent)).toBe(30);
    expect(pair.one.sent.length - before).toBe(30);
    expect(pair.one.sent.at(-1)?.path).toEqual({
      local: { address: a, port: 4500 },
      remote: { address: b, port: 4500 },
    });
    expect(keepalives(pair.two.sent)).toBe(0);
    // The way in still stands, though nothing has left but keepalives.
    expect(pings(pair).at(1)).toBe("protected, delivered");
  });

  it("do not leave where packets do", () => {
    const pair = natted({ patience: 20_100, one: { timing: quiet }, two: { timing: quiet } });
    for (let i = 0; i < 40; i += 1) {
      pair.world.run(9_000);
      expect(pings(pair)).toEqual(delivered);
    }
    expect(keepalives(pair.one.sent)).toBe(0);
  });

  it("do not leave where signs of life do", () => {
    const pair = natted({ one: { timing: { ...quiet, liveness: 15_000 } }, two: { timing: quiet } });
    pair.world.run(300_000);
    expect(keepalives(pair.one.sent)).toBe(0);
  });

  it("leave as often as the file says, or never", () => {
    for (const [keepalive, expected] of [
      [5_000, 60],
      [0, 0],
    ] as const) {
      const pair = natted({ one: { timing: quiet, nat: { keepalive, force: false } }, two: { timing: quiet } });
      const before = keepalives(pair.one.sent);
      pair.world.run(300_000);
      expect(keepalives(pair.one.sent) - before).toBe(expected);
    }
  });

  it("are left to a kernel that sends them itself, for as long as it has an SA to send them on", () => {
    const pair = natted({ natKeepalive: true, one: { timing: quiet }, two: { timing: quiet } });
    const outbound = pair.one.kernel.journal.flatMap((request) => (request.kind === "installSa" ? [request.sa] : []));
    expect(outbound.map(({ direction, keepaliveSeconds }) => [direction, keepaliveSeconds])).toEqual([
      ["in", undefined],
      ["out", 20],
    ]);
    pair.world.run(300_000);
    expect(keepalives(pair.one.sent)).toBe(0);
    expect(pair.two.kernel.journal.every((request) => request.kind !== "probe")).toBe(true);
  });

  it("end with the IKE SA", () => {
    const pair = natted({ one: { timing: quiet }, two: { timing: quiet } });
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.world.run(300_000);
    expect(keepalives(pair.one.sent)).toBe(0);
  });
});

describe("a mapping that changes", () => {
  const counted = (end: End) => standing(end).map(({ spi, packets }) => `${spi} ${packets}`);
  const spis = (end: End) => standing(end).map(({ spi }) => spi);

  it("is followed when authenticated ESP comes from elsewhere, with the SAs that stood", () => {
    const pair = natted({ one: { timing: quiet }, two: { timing: quiet } });
    expect(pings(pair)).toEqual(delivered);
    const before = spis(pair.two);
    pair.nats[0]?.restart();
    expect(pings(pair)[0]).toBe("protected, delivered");
    pair.world.run(0);
    expect(pings(pair)).toEqual(delivered);
    // The same SAs, with all that they ever carried: only what went to the forgotten port was lost.
    expect(counted(pair.two)).toEqual(before.map((spi) => `${spi} 3`));
    up(pair);
  });

  it("is followed when an authenticated IKE message comes from elsewhere", () => {
    const pair = natted({ one: { timing: { ...quiet, liveness: 30_000 } }, two: { timing: quiet } });
    const before = spis(pair.two);
    pair.nats[0]?.restart();
    expect(carryThrough(pair.nats, subnets(pair)[1] ?? fail())).toBe("protected, lost at the NAT");
    pair.world.run(31_000);
    expect(pings(pair)).toEqual(delivered);
    expect(spis(pair.two)).toEqual(before);
    const moves = pair.two.kernel.journal.filter(({ kind }) => kind === "migrate");
    expect(moves).toHaveLength(2);
    expect(pair.two.log.filter(({ event }) => event === "path-changed").map(({ facts }) => facts?.to)).toEqual([
      `${publicA}:20003`,
    ]);
  });

  it("is followed where the host moves behind another NAT", () => {
    const pair = natted({ one: { timing: { ...quiet, liveness: 30_000 } }, two: { timing: quiet } });
    const elsewhere = new Nat(pair.world, "203.0.113.9", [a]);
    install(pair.world, elsewhere);
    pair.world.run(31_000);
    expect(subnets(pair).map((flow) => carryThrough([elsewhere], flow))).toEqual(delivered);
    expect(pair.two.log.filter(({ event }) => event === "child-sa-down")).toEqual([]);
    const out = pair.two.kernel.request({ kind: "listPolicies" });
    const templates = (out.kind === "policies" ? out.policies : []).map(({ action }) =>
      action.kind === "protected" ? [action.template.source, action.template.destination] : [],
    );
    expect(templates.every((ends) => ends.includes("203.0.113.9"))).toBe(true);
  });

  it("is followed by a responder behind a NAT of its own, which is reached through a static mapping", () => {
    const pair = natted({ both: true, one: { timing: { ...quiet, liveness: 30_000 } }, two: { timing: quiet } });
    pair.nats[0]?.restart();
    pair.world.run(31_000);
    expect(pings(pair)).toEqual(delivered);
  });

  it("is not believed by an initiator that is behind a NAT itself", () => {
    const pair = natted({ both: true, one: { timing: quiet }, two: { timing: quiet } });
    const sent = pair.two.kernel.send({ source: "10.2.0.6", destination: "10.1.0.5", protocol: 6 });
    if (sent.kind !== "protected") throw new Error(sent.kind);
    const encapsulation = { sourcePort: 666, destinationPort: 4500 };
    pair.one.kernel.receive({ ...sent.packet, source: "203.0.113.66", destination: a, encapsulation });
    pair.world.run(1_000);
    expect(pair.one.kernel.journal.filter(({ kind }) => kind === "migrate")).toEqual([]);
    expect(pings(pair)).toEqual(delivered);
  });

  it("changes nothing when what comes from elsewhere is a repeat, or not authentic", () => {
    const pair = natted({ one: { timing: { ...quiet, liveness: 30_000 } }, two: { timing: quiet } });
    pair.world.run(31_000);
    const last = pair.one.sent.filter(({ octets }) => octets.length > 1).at(-1);
    if (last === undefined) throw new Error("nothing was sent");
    const path = { local: { address: b, port: 4500 }, remote: { address: "203.0.113.66", port: 4500 } };
    pair.two.handle({ kind: "datagram", octets: last.octets, path });
    const forged = Uint8Array.from(last.octets);
    forged[23] = (forged[23] ?? 0) + 1;
    pair.two.handle({ kind: "datagram", octets: forged, path });
    pair.world.run(1_000);
    expect(pair.two.log.filter(({ event }) => event === "path-changed")).toEqual([]);
    expect(pings(pair)).toEqual(delivered);
  });

  it("has the Child SA negotiated anew where the kernel cannot move it, and leaves nothing behind", () => {
    for (const nth of [0, 1]) {
      const pair = natted({ one: { timing: { ...quiet, liveness: 30_000 } }, two: { timing: quiet } });
      pair.nats[0]?.restart();
      pair.two.kernel.failNext(
        (request) => request.kind === "migrate" && request.move.direction === (nth === 0 ? "in" : "out"),
        "EBUSY",
      );
      pair.world.run(60_000);
      up(pair);
      expect(pings(pair)).toEqual(delivered);
    }
  });
});

function fail(): never {
  throw new Error("there is no such flow");
}

const quiet = {
  retransmitFirst: 1_000,
  retransmitFactor: 2,
  retransmitTries: 4,
  liveness: 0,
  retryFirst: 1_000,
  retryLongest: 60_000,
  ikeRekey: 0,
  ikeLifetime: 0,
  linger: 5_000,
};
