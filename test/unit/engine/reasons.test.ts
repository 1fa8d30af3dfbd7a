import { expect, test } from "vitest";
import type { Reason } from "../../../src/negotiate/reason.ts";
import type { DesiredState } from "../../../src/sa/desired.ts";
import { b } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { type Stage, type StageEnd, stories, stranger, unreachable, variants } from "./reason-stories.ts";
import { type End, type Network, World } from "./world.ts";

/** An engine of a world, as the stories want it. */
class EngineEnd implements StageEnd {
  readonly end: End;

  constructor(end: End) {
    this.end = end;
  }

  get kernel() {
    return this.end.kernel;
  }

  async configure(desired: DesiredState): Promise<void> {
    this.end.configure(desired);
  }

  down(peer: string): void {
    this.end.handle({ kind: "down", peer });
  }
}

function engines(): Stage<EngineEnd> {
  const world: World = new World(network());
  function network(): Network {
    return ({ path }) => {
      if (path.remote.address !== unreachable) return [10];
      const from = world.ends.find(({ address }) => address === path.local.address);
      world.schedule(0, () => from?.handle({ kind: "send-failed", path, errno: "ENETUNREACH" }));
      return [];
    };
  }
  return {
    add: async (address) => new EngineEnd(world.add(address)),
    puppet: async ({ end }, role, ownSpi) => new Puppet(end, b, role, ownSpi),
    pass: async (milliseconds) => world.run(milliseconds),
    silence: () => {
      world.network = () => [];
    },
  };
}

const told = [
  ...Object.entries(stories).map(([code, story]) => [code, code, story] as const),
  ...Object.entries(variants).map(([name, { code, story }]) => [name, code, story] as const),
];

test.each(told)("%s can happen, and the user can read it in the status", async (_, code, story) => {
  const { end, like } = await story(engines());
  const { peers } = end.end.engine.status();
  const found: (Reason | undefined)[] = peers.flatMap(({ reason, children }) => [
    reason,
    ...children.map((child) => child.reason),
  ]);
  expect(found).toEqual(expect.arrayContaining([expect.objectContaining({ code })]));
  expect(found.find((reason) => reason?.code === code)).toMatchObject(like);
});

test("a caller from an address that no peer has is told of in the log", async () => {
  const { end, like } = await stranger(engines());
  expect(end.end.log).toMatchObject([{ event: "ike-sa-failed", reason: like, facts: { remote: `${b}:500` } }]);
});
