import { describe, expect, test } from "vitest";
import type { LockDesired } from "../../../src/sa/desired.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { desired, peer } from "./desired.ts";
import { a, b, connected, ends, expectRest, facing, gre, larval, policies, reasons, standing, vxlan } from "./pair.ts";
import { carry, type End, type EndOptions, type World } from "./world.ts";

/** From the first moment at which every flow arrives, it must arrive after every event. */
function carriesFromFirstUp(world: World, flows: World["carried"]): void {
  const watch = (): void => {
    if (world.carried.length > 0) return;
    if (
      flows.every(
        (flow) => flow.from.kernel.wouldPass(flow.packet) === "protected" && carry(flow) === "protected, delivered",
      )
    )
      world.carried.push(...flows);
    else world.schedule(5, watch);
  };
  watch();
}

/** Requests that change something; what was asked before is not counted. */
function changes(end: End, since: number): unknown[] {
  return end.kernel.journal.slice(since).filter(({ kind }) => !kind.startsWith("list") && !kind.startsWith("query"));
}

describe("both ends start at once", () => {
  const offsets = [
    0, 1, 3, 5, 9, 10, 11, 15, 19, 20, 21, 25, 29, 30, 31, 35, 39, 40, 41, 45, 50, 60, 70, 80, 120, 900, 1100,
  ];
  const protect = [{ kind: "vxlan" }, { kind: "gre" }] as const;
  test.each([
    ["quick computers", {}],
    ["slow computers", { kernelDelay: 3, computeDelay: 17 }],
    ["a slow kernel", { kernelDelay: 40 }],
  ])("with %s: one IKE SA, one pair for each child remain, and not a packet is lost after the first", (_, options) => {
    for (const offset of offsets) {
      // The nonces decide which of the two IKE SAs stays.
      const pair = ends({ one: options, two: options, seed: offset + 1 });
      pair.one.configure(facing(a, { protect }));
      pair.world.run(offset);
      pair.two.configure(facing(b, { protect }));
      pair.world.run(200);
      pair.world.guarded.push(...vxlan(pair), ...gre(pair));
      carriesFromFirstUp(pair.world, [...vxlan(pair), ...gre(pair)]);
      pair.world.run(20_000);
      expect(pair.world.carried, `offset ${offset}`).toHaveLength(4);
      expectRest(pair, 3);
    }
  });
});

describe("the operator", () => {
  test("takes a peer down: locked at both ends, and it stays so while the other calls", () => {
    const pair = connected();
    pair.world.guarded.push(...gre(pair));
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.world.run(60_000);
    expect(pair.one.peer()).toMatchObject({ state: "down", reason: { code: "operator", action: "down" }, ikeSas: [] });
    expect(standing(pair.one)).toEqual([]);
    expect(standing(pair.two)).toEqual([]);
    expect(reasons(pair.two)).toContain("peer-deleted");
    pair.one.handle({ kind: "up", peer: "peer" });
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("takes a peer down which the other end calls: called at growing waits, and no Child SA comes to be", () => {
    const pair = ends();
    pair.one.configure(facing(a));
    pair.two.configure(facing(b, { initiate: false }));
    pair.two.handle({ kind: "down", peer: "peer" });
    pair.world.guarded.push(...gre(pair));
    pair.world.run(300_000);
    expect(pair.one.peer().attempts).toBeLessThan(20);
    expect(pair.two.kernel.journal.filter(({ kind }) => kind === "installSa")).toEqual([]);
    pair.two.handle({ kind: "up", peer: "peer" });
    pair.world.run(70_000);
    expectRest(pair);
  });

  test("wants a peer up while its last IKE SA is closing: every child is asked for, whoever calls by the file", () => {
    const own = { protect: [{ kind: "gre" }, { kind: "vxlan" }], initiate: false } as const;
    const pair = ends();
    pair.one.configure(facing(a, own));
    pair.two.configure(facing(b, own));
    pair.one.handle({ kind: "up", peer: "peer" });
    pair.world.run(10_000);
    expectRest(pair, 3);
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.one.handle({ kind: "up", peer: "peer" });
    pair.world.run(10_000);
    expectRest(pair, 3);
    // The wish was for then: who loses the peer later waits for it again.
    pair.two.handle({ kind: "down", peer: "peer" });
    pair.world.run(60_000);
    expect(pair.one.peer().state).toBe("waiting");
  });

  test("wants a peer up that opens an IKE SA for one child alone: the others are asked for on it", () => {
    const pair = ends();
    pair.one.configure(facing(a, { protect: [{ kind: "gre" }, { kind: "vxlan" }], initiate: false }));
    pair.two.configure(facing(b, { protect: [{ kind: "gre" }], initiate: false }));
    pair.two.handle({ kind: "up", peer: "peer" });
    pair.world.run(5_000);
    expect(pair.one.peer().children.map(({ state }) => state)).toEqual(["up", "locked", "locked"]);
    const sent = pair.one.sent.length;
    pair.one.handle({ kind: "up", peer: "peer" });
    pair.world.run(5_000);
    expect(pair.one.sent.slice(sent).map(({ octets }) => octets[18])).toContain(exchangeType.CREATE_CHILD_SA);
  });

  test.each<[string, EndOptions]>([
    ["quick ends", {}],
    ["a slow kernel", { kernelDelay: 13 }],
    ["slow computing", { computeDelay: 13 }],
    ["a very slow kernel", { kernelDelay: 150 }],
    ["very slow computing", { computeDelay: 150 }],
  ])("takes a peer down at any moment of the set-up, with %s: nothing is left at either end", (_, options) => {
    const own = { protect: [{ kind: "vxlan" }], esp: ["aes128gcm16-x25519"] } as const;
    const end = 150 + 6 * Math.max(options.kernelDelay ?? 0, options.computeDelay ?? 0);
    for (let after = 1; after < end; after += Math.ceil(end / 30)) {
      for (const who of ["one", "two"] as const) {
        const pair = ends({ one: options, two: options });
        pair.two.configure(facing(b, { initiate: false, ...own }));
        pair.one.configure(facing(a, { ...own, initiate: false }));
        pair.world.run(2 * (options.kernelDelay ?? 0) + 20);
        pair.world.guarded.push(...vxlan(pair));
        pair.one.handle({ kind: "up", peer: "peer" });
        pair.world.run(after);
        pair[who].handle({ kind: "down", peer: "peer" });
        pair.world.run(12_000);
        for (const end of [pair.one, pair.two]) {
          expect(standing(end), `${who} after ${after} ms`).toEqual([]);
          expect(larval(end), `${who} after ${after} ms`).toBe(0);
          expect(end.peer().ikeSas).toEqual([]);
          expect(end.peer().children.map(({ state, sas }) => [state, sas.length])).toEqual([
            ["locked", 0],
            ["locked", 0],
          ]);
          expect(policies(end).map(({ action }) => action.kind)).toEqual(Array.from({ length: 4 }, () => "locked"));
        }
      }
    }
  });

  test("stops the daemon: the peer is told, everything is locked, the engine says when it is done", () => {
    const pair = connected({ protect: [{ kind: "vxlan" }] });
    pair.world.guarded.push(...vxlan(pair));
    pair.one.handle({ kind: "stop" });
    expect(pair.one.stopped).toBe(false);
    pair.world.run(100);
    expect(pair.one.stopped).toBe(true);
    expect(standing(pair.one)).toEqual([]);
    expect(standing(pair.two)).toEqual([]);
    expect(policies(pair.one).map(({ action }) => action.kind)).toEqual(Array.from({ length: 4 }, () => "locked"));
    expect(pair.one.engine.status().peers).toHaveLength(1);
  });

  test("stops the daemon while the peer is dead: it is done after a few seconds all the same", () => {
    const pair = connected();
    pair.world.network = () => [];
    pair.one.handle({ kind: "stop" });
    pair.world.run(4_000);
    expect(pair.one.stopped).toBe(true);
    expect(standing(pair.one)).toEqual([]);
  });
});

describe("the peer", () => {
  test("falls silent: noticed, locked, called again, up when it is back", () => {
    const pair = connected();
    pair.world.guarded.push(...gre(pair));
    pair.world.network = () => [];
    pair.world.run(100_000);
    expect(pair.one.peer()).toMatchObject({ state: "connecting", ikeSas: [], reason: { code: "no-answer" } });
    expect(pair.two.peer()).toMatchObject({
      state: "waiting",
      ikeSas: [],
      reason: { code: "no-answer", exchange: "INFORMATIONAL" },
    });
    expect(standing(pair.one)).toEqual([]);
    pair.world.network = () => [10];
    pair.world.run(130_000);
    expectRest(pair);
  });

  test.each(["one", "two"] as const)(
    "%s is killed and started again: packets pass all the while, one pair remains",
    (which) => {
      const protect = [{ kind: "vxlan" }, { kind: "gre" }] as const;
      const pair = connected({ protect });
      const flows = [...vxlan(pair), ...gre(pair)];
      pair.world.guarded.push(...flows);
      pair.world.carried.push(...flows);
      pair.world.run(12_000);
      pair[which].crash();
      pair.world.run(2_000);
      pair[which].configure(facing(which === "one" ? a : b, { protect }));
      pair.world.run(40_000);
      expectRest(pair, 3);
    },
  );

  test("is killed and started again, and is slow: the old pairs carry until it has asked for every child", () => {
    const protect = [{ kind: "vxlan" }, { kind: "gre" }, { kind: "geneve" }] as const;
    const options: EndOptions = {};
    const pair = connected({ protect }, { one: options });
    const flows = [...vxlan(pair), ...gre(pair), ...vxlan(pair, 6081)];
    pair.world.guarded.push(...flows);
    pair.world.carried.push(...flows);
    pair.one.crash();
    options.kernelDelay = 1_100;
    pair.one.configure(facing(a, { protect }));
    pair.world.run(60_000);
    expectRest(pair, 5);
  });

  test("is killed and never started again: the survivor locks, the dead end's SAs carry until then and never clear", () => {
    const pair = connected();
    pair.world.guarded.push(...gre(pair));
    pair.two.crash();
    pair.world.run(100_000);
    expect(standing(pair.one)).toEqual([]);
    expect(pair.one.peer().state).toBe("connecting");
  });

  test("deletes a Child SA: its other half goes, and it is asked for again", () => {
    const pair = connected({ hardSeconds: 100 });
    pair.world.guarded.push(...gre(pair));
    pair.world.run(90_000);
    expectRest(pair);
    expect(reasons(pair.one)).toContain("lifetime-over");
  });

  test("ends the IKE SA while we do: nothing is left, no error", () => {
    const pair = connected();
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.two.handle({ kind: "down", peer: "peer" });
    pair.world.run(5_000);
    expect(standing(pair.one)).toEqual([]);
    expect(standing(pair.two)).toEqual([]);
  });
});

describe("the configuration is loaded again", () => {
  test("unchanged: not one kernel request, not one datagram, not one line of log", () => {
    const pair = connected({ protect: [{ kind: "vxlan" }] }, {}, 5_000);
    const { journal } = pair.one.kernel;
    const before = [journal.length, pair.one.sent.length, pair.one.log.length];
    pair.one.configure(facing(a, { protect: [{ kind: "vxlan" }] }));
    expect([journal.length, pair.one.sent.length, pair.one.log.length]).toEqual(before);
    pair.world.run(1_000);
    expect([journal.length, pair.one.sent.length, pair.one.log.length]).toEqual(before);
  });

  test("with one peer changed: the others are not touched", () => {
    const c = "192.0.2.3";
    const pair = ends();
    const three = pair.world.add(c);
    const toC = peer(a, c, { name: "c" });
    pair.one.configure(desired([peer(a, b), toC]));
    pair.two.configure(facing(b, { initiate: false }));
    three.configure(desired([peer(c, a, { initiate: false })]));
    pair.world.run(5_000);
    const flow = { from: three, to: pair.one, packet: { source: c, destination: a, protocol: 47 } };
    pair.world.carried.push(flow);
    pair.world.guarded.push(flow, ...gre(pair));
    const before = pair.one.kernel.journal.length;
    const sent = pair.one.sent.length;
    pair.one.configure(desired([peer(a, b, { protect: [{ kind: "gre" }, { kind: "vxlan" }] }), toC]));
    pair.two.configure(facing(b, { initiate: false, protect: [{ kind: "gre" }, { kind: "vxlan" }] }));
    pair.world.run(10_000);
    expect(pair.one.peer().children.map(({ state }) => state)).toEqual(["up", "up", "up"]);
    expect(JSON.stringify(changes(pair.one, before), (_, v) => (typeof v === "bigint" ? `${v}` : v))).not.toContain(c);
    expect(pair.one.sent.slice(sent).filter(({ path }) => path.remote.address === c)).toEqual([]);
    expect(standing(pair.one)).toHaveLength(8);
  });

  test("with the peer gone: its SAs and policies go, and only then may its packets pass", () => {
    const pair = connected();
    pair.one.configure(desired([]));
    pair.world.run(5_000);
    expect(standing(pair.one)).toEqual([]);
    expect(policies(pair.one)).toEqual([]);
    expect(pair.one.engine.status().peers).toEqual([]);
    expect(standing(pair.two)).toEqual([]);
  });

  test("with the peer gone while GRE is locked towards everybody: never in clear", () => {
    const lock: LockDesired = { name: "gre", protocol: 47 };
    const pair = ends();
    pair.one.configure(desired([peer(a, b)], [lock]));
    pair.two.configure(facing(b, { initiate: false }));
    pair.world.guarded.push(...gre(pair));
    pair.world.run(5_000);
    pair.one.configure(desired([], [lock]));
    pair.world.run(10_000);
    expect(policies(pair.one)).toHaveLength(4);
    expect(pair.one.engine.status().locks).toEqual([{ name: "gre", port: undefined, installed: true }]);
  });

  test("with the peer changed again and again while it connects: one pair remains", () => {
    const pair = ends({ one: { kernelDelay: 3, computeDelay: 5 }, two: { kernelDelay: 3 } });
    pair.two.configure(facing(b, { initiate: false }));
    pair.one.configure(facing(a));
    pair.world.run(20);
    pair.world.guarded.push(...gre(pair));
    for (let n = 1; n < 30; n += 1) {
      pair.one.configure(facing(a, { timing: { ...peer(a, b).timing, liveness: 30_000 + n } }));
      pair.world.run(n * 3);
    }
    pair.world.run(60_000);
    expectRest(pair);
  });

  test("with the peer's file broken: its packets stay locked", () => {
    const pair = connected();
    pair.world.guarded.push(...gre(pair));
    pair.one.configure({ local: { locks: [] }, peers: [], locked: [peer(a, b)] });
    pair.world.run(5_000);
    expect(standing(pair.one)).toEqual([]);
    expect(policies(pair.one)).toHaveLength(2);
  });
});

describe("a new start finds what a former run left", () => {
  test("and the peer never answers: carried until the SAs end, then locked", () => {
    const pair = connected({ hardSeconds: 300 });
    pair.world.guarded.push(...gre(pair));
    pair.one.crash();
    pair.world.network = () => [];
    pair.one.configure(facing(a, { hardSeconds: 300 }));
    pair.world.run(1_000);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    expect(policies(pair.one).map(({ action }) => action.kind)).toEqual(["protected", "protected"]);
    pair.world.run(300_000);
    expect(standing(pair.one)).toEqual([]);
    expect(policies(pair.one).map(({ action }) => action.kind)).toEqual(["locked", "locked"]);
  });

  test("and the reports of their end are lost: locked when the next packet shows it", () => {
    const pair = connected({ hardSeconds: 300 });
    pair.world.guarded.push(...gre(pair));
    pair.one.crash();
    pair.world.network = () => [];
    pair.one.configure(facing(a, { hardSeconds: 300 }));
    pair.one.kernel.loseNext("expire", 2);
    pair.world.run(300_000);
    const [flow] = gre(pair);
    if (flow !== undefined) carry(flow);
    pair.world.run(1_000);
    expect(policies(pair.one).map(({ action }) => action.kind)).toEqual(["locked", "locked"]);
  });

  test("and the first new SAs are refused by the kernel: carried all the while", () => {
    const pair = connected();
    pair.world.guarded.push(...gre(pair));
    pair.world.carried.push(...gre(pair));
    pair.one.crash();
    pair.one.kernel.failNext("installSa", "ENOMEM", { times: 2 });
    pair.one.configure(facing(a));
    pair.world.run(40_000);
    expect(reasons(pair.one)).toContain("kernel-refused");
    expectRest(pair);
  });

  test("and policies narrower than configured: they go when nothing serves them any more", () => {
    const wide = { address: "10.1.0.0", length: 16 };
    const narrow = { address: "10.1.5.0", length: 24 };
    const far = { address: "10.2.0.0", length: 16 };
    const pair = ends();
    pair.one.configure(facing(a, { protect: [{ kind: "tunnel", local: wide, remote: far }], hardSeconds: 200 }));
    pair.two.configure(facing(b, { initiate: false, protect: [{ kind: "tunnel", local: far, remote: narrow }] }));
    pair.world.run(5_000);
    expect(policies(pair.one)).toHaveLength(6);
    pair.one.crash();
    pair.world.network = () => [];
    pair.one.configure(facing(a, { protect: [{ kind: "tunnel", local: wide, remote: far }], hardSeconds: 200 }));
    pair.world.run(100_000);
    expect(policies(pair.one)).toHaveLength(6);
    pair.world.run(120_000);
    expect(policies(pair.one).map(({ action, selector }) => [action.kind, selector.source.length])).toEqual([
      ["locked", 16],
      ["locked", 16],
      ["locked", 16],
    ]);
  });

  test("of a child that is configured no more: it goes", () => {
    const pair = connected({ protect: [{ kind: "gre" }, { kind: "vxlan" }] });
    pair.one.crash();
    pair.one.configure(facing(a));
    pair.world.guarded.push(...gre(pair));
    pair.world.run(20_000);
    expect(standing(pair.one)).toHaveLength(2);
    expect(policies(pair.one)).toHaveLength(2);
  });
});

describe("peers are told apart", () => {
  test("two behind one address by their identities, each with its secret", () => {
    const pair = ends();
    const net = (n: number) => ({ address: `10.${n}.0.0`, length: 16 });
    const to = (name: string, n: number) =>
      peer(a, b, {
        name,
        remoteId: name,
        psk: `secret of ${name}`,
        initiate: false,
        protect: [{ kind: "tunnel", local: net(1), remote: net(n) }],
      });
    const from = (name: string, n: number) =>
      peer(b, a, {
        name,
        localId: name,
        psk: `secret of ${name}`,
        protect: [{ kind: "tunnel", local: net(n), remote: net(1) }],
      });
    pair.one.configure(desired([to("x.example", 2), to("y.example", 3)]));
    pair.two.configure(desired([from("y.example", 3), from("x.example", 2)]));
    pair.world.run(10_000);
    for (const name of ["x.example", "y.example"]) {
      expect(pair.one.peer(name)).toMatchObject({
        state: "up",
        ikeSas: [{ remoteId: name }],
        children: [{ state: "up" }],
      });
    }
    expect(standing(pair.one)).toHaveLength(4);
  });

  test("those that call from anywhere by their identity; many at a time", () => {
    const pair = ends();
    pair.one.configure(desired([peer(a, b, { remote: "any", remoteId: undefined, local: a, initiate: false })]));
    const callers = [3, 4, 5].map((n) => {
      const address = `192.0.2.${n}`;
      const end = pair.world.add(address);
      end.configure(desired([peer(address, a)]));
      pair.world.guarded.push({ from: end, to: pair.one, packet: { source: address, destination: a, protocol: 47 } });
      return end;
    });
    pair.world.run(5_000);
    expect(pair.one.peer().ikeSas).toHaveLength(3);
    expect(pair.one.peer().children[0]?.sas).toHaveLength(3);
    expect(policies(pair.one)).toHaveLength(3 * 2 + 2);
    for (const flow of pair.world.guarded) expect(carry(flow)).toBe("protected, delivered");
    for (const end of callers) end.handle({ kind: "stop" });
    pair.world.run(5_000);
    expect(pair.one.peer()).toMatchObject({ state: "waiting", ikeSas: [], children: [{ state: "locked", sas: [] }] });
    expect(policies(pair.one)).toHaveLength(2);
  });
});
