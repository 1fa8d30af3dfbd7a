import { describe, expect, test } from "vitest";
import type { Prefix } from "../../../src/negotiate/address.ts";
import type { ProtectLine } from "../../../src/overlay/expand.ts";
import { a, b, ends, expectRest, facing, type Pair, policies } from "./pair.ts";
import { carry, type Flow } from "./world.ts";

function net(text: string): Prefix {
  const [address = "", length] = text.split("/");
  return { address, length: Number(length) };
}

function line(local: readonly string[], remote: readonly string[]): ProtectLine {
  const [first = "", ...moreLocal] = local;
  const [theirs = "", ...moreRemote] = remote;
  return {
    kind: "tunnel",
    local: net(first),
    remote: net(theirs),
    moreLocal: moreLocal.map(net),
    moreRemote: moreRemote.map(net),
  };
}

const west = ["10.1.0.0/16", "10.3.0.0/16"];
const east = ["10.2.0.0/16", "10.4.0.0/16"];

/** Every pair of hosts, both ways. */
function flows({ one, two }: Pair): Flow[] {
  return [1, 3].flatMap((w) =>
    [2, 4].flatMap((e) => {
      const [source, destination] = [`10.${w}.0.5`, `10.${e}.0.6`];
      return [
        { from: one, to: two, packet: { source, destination, protocol: 6 } },
        { from: two, to: one, packet: { source: destination, destination: source, protocol: 6 } },
      ];
    }),
  );
}

function configured(ours: ProtectLine, theirs: ProtectLine): Pair {
  const pair = ends({ one: { addresses: ["10.1.0.1"] }, two: { addresses: ["10.2.0.1"] } });
  pair.one.configure(facing(a, { protect: [ours] }));
  pair.two.configure(facing(b, { protect: [theirs], initiate: false }));
  return pair;
}

describe("a tunnel between lists of subnets", () => {
  test("is one Child SA for every pair", () => {
    const pair = configured(line(west, east), line(east, west));
    pair.world.guarded.push(...flows(pair));
    pair.world.run(15_000);
    expectRest(pair);
    for (const flow of flows(pair)) expect(carry(flow)).toBe("protected, delivered");
    for (const end of [pair.one, pair.two]) {
      const reqids = policies(end).map(({ action }) => (action.kind === "protected" ? action.template.reqid : 0));
      expect(reqids).toHaveLength(12);
      expect(new Set(reqids).size).toBe(1);
    }
  });

  test.each([
    ["the responder", "one", line(west, east), line(["10.2.0.0/16"], west)],
    ["the initiator", "two", line(west, ["10.2.0.0/16"]), line(east, west)],
  ] as const)("narrowed by %s keeps the other pairs locked at the end that has them", (_, wider, ours, theirs) => {
    const pair = configured(ours, theirs);
    pair.world.run(15_000);
    expectRest(pair);
    for (const flow of flows(pair)) {
      if (!isOf4(flow)) expect(carry(flow)).toBe("protected, delivered");
      else if (flow.from === pair[wider]) expect(carry(flow)).toBe("out: XfrmOutPolBlock");
      else expect(flow.to.kernel.wouldPass(flow.packet)).toBe("no");
    }
    expect(pair[wider].log.find(({ event }) => event === "child-sa-up")?.facts).toMatchObject({
      pairs: expect.stringMatching(/^2 of 4: /),
    });
  });

  test("is locked whole again when it goes, and comes back", () => {
    const pair = configured(line(west, east), line(east, west));
    pair.world.guarded.push(...flows(pair));
    pair.world.run(15_000);
    pair.two.handle({ kind: "down", peer: "peer" });
    pair.world.run(500);
    for (const flow of flows(pair)) expect(carry(flow)).toBe("out: XfrmOutPolBlock");
    pair.two.handle({ kind: "up", peer: "peer" });
    pair.world.run(60_000);
    expectRest(pair);
    for (const flow of flows(pair)) expect(carry(flow)).toBe("protected, delivered");
  });
});

function isOf4({ packet }: Flow): boolean {
  return [packet.source, packet.destination].some((address) => address.startsWith("10.4."));
}
