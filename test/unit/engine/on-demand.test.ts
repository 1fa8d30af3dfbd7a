import { describe, expect, test } from "vitest";
import { formatSelector } from "../../../src/negotiate/selector.ts";
import type { ProtectLine } from "../../../src/overlay/expand.ts";
import type { DesiredState } from "../../../src/sa/desired.ts";
import type { PeerOptions } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, larval, type Pair, policies, standing, subnets } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { carry, type Flow } from "./world.ts";

const west = { address: "10.1.0.0", length: 16 };
const east = { address: "10.2.0.0", length: 16 };
const half = { address: "10.2.0.0", length: 17 };

function onDemand(state: DesiredState, idle = 0): DesiredState {
  const demand = { onDemand: { idle } };
  return {
    ...state,
    peers: state.peers.map((peer) => ({ ...peer, children: peer.children.map((child) => ({ ...child, ...demand })) })),
  };
}

/** One waits for a packet, two for a call. */
function waiting(options: PeerOptions = {}, theirs: PeerOptions = options): Pair {
  const pair = ends({ one: { addresses: ["10.1.0.1"] }, two: { addresses: ["10.2.0.1"] } });
  pair.one.configure(onDemand(facing(a, options)));
  pair.two.configure(facing(b, { ...theirs, initiate: false }));
  return pair;
}

function tunnel(remote = east): ProtectLine[] {
  return [{ kind: "tunnel", local: west, remote }];
}

function mirrored(remote = east): ProtectLine[] {
  return [{ kind: "tunnel", local: remote, remote: west }];
}

function first(flows: readonly Flow[]): Flow {
  const [flow] = flows;
  if (flow === undefined) throw new Error("no flow");
  return flow;
}

const outSelectors = (pair: Pair, kind: string) =>
  policies(pair.one)
    .filter(({ direction, action }) => direction === "out" && action.kind === kind)
    .map(({ selector }) => formatSelector(selector));

describe("a child on demand", () => {
  test("says nothing and lets nothing pass until a packet comes, and then comes up", () => {
    const pair = waiting();
    pair.world.guarded.push(...gre(pair));
    pair.world.run(120_000);
    expect(pair.one.sent).toEqual([]);
    expect(pair.one.peer()).toMatchObject({ state: "waiting", children: [{ state: "waiting" }] });
    expect(carry(first(gre(pair)))).toBe("out: XfrmOutNoStates");
    pair.world.run(5_000);
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  test("comes up in tunnel mode for the packet of a host behind", () => {
    const pair = waiting({ protect: tunnel() }, { protect: mirrored() });
    pair.world.guarded.push(...subnets(pair));
    pair.world.run(1_000);
    expect(carry(first(subnets(pair)))).toBe("out: XfrmOutNoStates");
    pair.world.run(5_000);
    expectRest(pair);
    for (const flow of subnets(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  test("is asked for with the packet's own selectors first (RFC 7296 2.9)", () => {
    const { one } = ends({ network: () => [] });
    one.configure(onDemand(facing(a, { protect: tunnel() })));
    one.kernel.send({ source: "10.1.0.5", destination: "10.2.0.6", protocol: 6, sourcePort: 7, destinationPort: 80 });
    one.handle({ kind: "wake" });
    const puppet = new Puppet(one, b, "responder");
    expect(one.sent).toHaveLength(0);
    one.handle({
      kind: "kernel",
      event: {
        kind: "acquire",
        reqid: one.peer().children[0]?.reqid ?? 0,
        packet: {
          source: { address: "10.1.0.5", length: 32 },
          destination: { address: "10.2.0.6", length: 32 },
          protocol: 6,
          sourcePort: 7,
          destinationPort: 80,
        },
        source: a,
        destination: b,
      },
    });
    puppet.answerInit();
    const request = puppet.open(puppet.received());
    const [tsi, tsr] = ["TSi", "TSr"].map((kind) => request.find((payload) => payload.kind === kind));
    expect(tsi).toMatchObject({
      selectors: [
        { ipProtocol: 6, startPort: 7, endPort: 7, startAddress: Uint8Array.of(10, 1, 0, 5) },
        { ipProtocol: 0, startAddress: Uint8Array.of(10, 1, 0, 0) },
      ],
    });
    expect(tsr).toMatchObject({
      selectors: [
        { ipProtocol: 6, startPort: 80, endPort: 80, startAddress: Uint8Array.of(10, 2, 0, 6) },
        { ipProtocol: 0, startAddress: Uint8Array.of(10, 2, 0, 0) },
      ],
    });
  });

  test("is asked for by the next packet where the report of the first was lost, and the kernel says so", () => {
    const pair = waiting();
    pair.world.run(1_000);
    pair.one.kernel.loseNext("acquire", 1);
    carry(first(gre(pair)));
    pair.world.run(1_000);
    expect(pair.one.peer()).toMatchObject({ state: "waiting" });
    pair.one.handle({ kind: "kernel", event: { kind: "overrun" } });
    carry(first(gre(pair)));
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("and where the report of the second is lost too, which nothing tells", () => {
    const pair = waiting();
    pair.world.run(1_000);
    pair.one.kernel.overrunNext(2);
    carry(first(gre(pair)));
    pair.world.run(2_000);
    carry(first(gre(pair)));
    pair.world.run(4_000);
    expect(pair.one.peer()).toMatchObject({ state: "waiting" });
    carry(first(gre(pair)));
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("raises acquires though the kernel refuses again and again, at the start, to say what a former run left", () => {
    const pair = ends();
    pair.one.kernel.failNext("listSas", "ENOBUFS", { times: 5 });
    pair.one.configure(onDemand(facing(a)));
    pair.two.configure(facing(b, { initiate: false }));
    pair.world.run(10_000);
    expect(pair.one.kernel.pendingFaults).toBe(0);
    expect(outSelectors(pair, "locked")).toEqual([]);
    carry(first(gre(pair)));
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("gives up a peer that does not answer, and asks again for the next packet, at once heard", () => {
    const pair = waiting();
    pair.world.network = () => [];
    pair.world.guarded.push(...gre(pair));
    carry(first(gre(pair)));
    pair.world.run(1);
    expect(pair.one.peer().state).toBe("connecting");
    pair.world.run(60_000);
    expect(pair.one.peer()).toMatchObject({ state: "waiting", reason: { code: "no-answer" } });
    const sent = pair.one.sent.length;
    pair.world.run(120_000);
    expect(pair.one.sent).toHaveLength(sent);
    pair.world.network = () => [10];
    carry(first(gre(pair)));
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("waits longer and longer where it is refused, however many packets ask", () => {
    const pair = waiting({}, { esp: ["aes256-sha256"] });
    for (let second = 0; second < 120; second += 1) {
      carry(first(gre(pair)));
      pair.world.run(1_000);
    }
    const failures = pair.one.log.filter(({ event }) => event === "child-sa-failed").length;
    expect(failures).toBeGreaterThan(3);
    expect(failures).toBeLessThan(12);
    expect(larval(pair.one)).toBe(0);
  });

  test("hears the next packet at once where a negotiation failed, though the kernel still waits for the last one's", () => {
    const pair = waiting({}, { esp: ["aes256-sha256"] });
    carry(first(gre(pair)));
    pair.world.run(5_000);
    expect(pair.one.peer()).toMatchObject({ children: [{ state: "waiting" }] });
    pair.two.configure(facing(b, { initiate: false }));
    pair.world.run(3_000);
    carry(first(gre(pair)));
    // Long before the kernel would have given up by itself, after thirty seconds.
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("goes back to waiting when the peer deletes it, and comes again for the next packet", () => {
    const pair = waiting();
    carry(first(gre(pair)));
    pair.world.run(5_000);
    expectRest(pair);
    pair.world.guarded.push(...gre(pair));
    pair.two.handle({ kind: "down", peer: "peer" });
    pair.world.run(60_000);
    expect(pair.one.peer()).toMatchObject({ state: "waiting", children: [{ state: "waiting" }] });
    expect(standing(pair.one)).toEqual([]);
    pair.two.handle({ kind: "up", peer: "peer" });
    carry(first(gre(pair)));
    // Both ends call now.
    pair.world.run(20_000);
    expectRest(pair);
  });

  test("stays down while the operator wants it down, and comes without a packet when he wants it up", () => {
    const pair = waiting();
    pair.one.handle({ kind: "down", peer: "peer" });
    carry(first(gre(pair)));
    pair.world.run(60_000);
    expect(pair.one.sent).toEqual([]);
    pair.one.handle({ kind: "up", peer: "peer" });
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("hears the next packet after a crash, though an acquire was left unanswered", () => {
    const pair = waiting();
    pair.world.network = () => [];
    carry(first(gre(pair)));
    pair.world.run(10);
    pair.one.crash();
    pair.one.configure(onDemand(facing(a)));
    pair.world.network = () => [10];
    pair.world.guarded.push(...gre(pair));
    pair.world.run(10);
    carry(first(gre(pair)));
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("is had anew at once after a crash where its SAs still carry traffic", () => {
    const pair = waiting();
    carry(first(gre(pair)));
    pair.world.run(5_000);
    pair.world.guarded.push(...gre(pair));
    pair.one.crash();
    pair.one.configure(onDemand(facing(a)));
    pair.world.run(40_000);
    expectRest(pair);
  });

  test("is asked for over the IKE SA that another has brought up", () => {
    const pair = waiting({ protect: [{ kind: "gre" }, { kind: "ipip" }] });
    const [there] = gre(pair);
    if (there === undefined) throw new Error("no flow");
    const ipip = { ...there, packet: { ...there.packet, protocol: 4 } };
    carry(there);
    pair.world.run(5_000);
    expect(pair.one.peer().children.map(({ state }) => state)).toEqual(["up", "waiting"]);
    carry(ipip);
    pair.world.run(5_000);
    expectRest(pair, 2);
    expect(carry(ipip)).toBe("protected, delivered");
  });

  test("locks what was not agreed on while it is narrowed, instead of sending it into the SA", () => {
    const pair = waiting({ protect: tunnel() }, { protect: mirrored(half) });
    const flow = first(subnets(pair));
    const outside = { ...flow, packet: { ...flow.packet, destination: "10.2.200.1" } };
    expect(outSelectors(pair, "protected")).toHaveLength(1);
    carry(flow);
    pair.world.run(5_000);
    expect(carry(flow)).toBe("protected, delivered");
    expect(outSelectors(pair, "locked")).toEqual([expect.stringContaining("10.2.0.0/16")]);
    expect(carry(outside)).toBe("out: XfrmOutPolBlock");
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.world.run(5_000);
    expect(outSelectors(pair, "protected")).toEqual([expect.stringContaining("10.2.0.0/16")]);
    expect(outSelectors(pair, "locked")).toEqual([]);
  });

  test("goes with its IKE SA when it has been idle, not before, and comes again for the next packet", () => {
    const pair = ends();
    pair.one.configure(onDemand(facing(a), 60_000));
    pair.two.configure(facing(b, { initiate: false }));
    pair.world.guarded.push(...gre(pair));
    const [there, back] = gre(pair);
    if (there === undefined || back === undefined) throw new Error("no flows");
    carry(there);
    for (let minute = 0; minute < 10; minute += 1) {
      pair.world.run(50_000);
      // What comes in counts as well as what goes out.
      expect(carry(minute % 2 === 0 ? there : back)).toBe("protected, delivered");
    }
    pair.world.run(120_000);
    expect(pair.one.peer()).toMatchObject({
      state: "waiting",
      reason: { code: "idle" },
      ikeSas: [],
      children: [{ state: "waiting", reason: { code: "idle", child: "gre", seconds: 60 } }],
    });
    for (const end of [pair.one, pair.two]) expect(standing(end)).toEqual([]);
    carry(there);
    pair.world.run(5_000);
    expectRest(pair);
  });

  test("asks nothing of the kernel when the same file is loaded again", () => {
    const pair = waiting();
    pair.world.run(100);
    const asked = pair.one.kernel.journal.length;
    pair.one.configure(onDemand(facing(a)));
    expect(pair.one.kernel.journal).toHaveLength(asked);
  });

  test("sends its policy again once the SAs stand, which releases what the kernel holds", () => {
    const pair = waiting();
    carry(first(gre(pair)));
    pair.world.run(5_000);
    const kinds = pair.one.kernel.journal.map((request) =>
      request.kind === "setPolicy" ? `policy ${request.policy.direction}` : request.kind,
    );
    expect(kinds.lastIndexOf("policy out")).toBeGreaterThan(kinds.lastIndexOf("installSa"));
  });
});
