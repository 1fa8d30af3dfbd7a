import { describe, expect, test } from "vitest";
import type { KernelRequest } from "../../../src/kernel/port.ts";
import { formatSelector } from "../../../src/negotiate/selector.ts";
import { desired, peer, timing } from "./desired.ts";
import {
  a,
  b,
  connected,
  ends,
  expectRest,
  facing,
  gre,
  larval,
  type Pair,
  policies,
  standing,
  subnets,
  vxlan,
} from "./pair.ts";
import { carry, type End } from "./world.ts";

/** What Linux answers to each request when it refuses it, and ETIMEDOUT where no acknowledgement came. */
const errors: { readonly [K in KernelRequest["kind"]]: readonly string[] } = {
  allocateSpi: ["ENOENT", "ENOMEM", "EINVAL", "EPERM", "ENOBUFS", "EAGAIN", "ETIMEDOUT"],
  installSa: [
    "EEXIST",
    "ESRCH",
    "ENOMEM",
    "ENOBUFS",
    "EINVAL",
    "EPERM",
    "ENOSYS",
    "ENOPROTOOPT",
    "EPROTONOSUPPORT",
    "EAGAIN",
    "ETIMEDOUT",
  ],
  setPolicy: ["EEXIST", "ENOENT", "ENOMEM", "ENOBUFS", "EINVAL", "EPERM", "EAGAIN", "ETIMEDOUT"],
  deletePolicy: ["ENOENT", "EPERM", "ENOBUFS", "ETIMEDOUT"],
  deleteSa: ["ESRCH", "EPERM", "ENOBUFS", "ETIMEDOUT"],
  querySa: ["ESRCH", "EPERM", "ENOBUFS", "ETIMEDOUT"],
  querySas: ["EPERM", "ENOBUFS", "ETIMEDOUT"],
  migrate: ["ESRCH", "ENODATA", "ENOPROTOOPT", "EPERM", "ENOBUFS", "ETIMEDOUT"],
  clearAcquire: ["ENOENT", "ENOMEM", "EPERM", "ENOBUFS", "ETIMEDOUT"],
  probe: [],
  listSas: ["EPERM", "ENOBUFS", "EAGAIN", "ETIMEDOUT"],
  listPolicies: ["EPERM", "ENOBUFS", "EAGAIN", "ETIMEDOUT"],
  setRoute: ["EEXIST", "ENETUNREACH", "EINVAL", "EPERM", "ETIMEDOUT"],
  deleteRoute: ["ESRCH", "EPERM", "ENOBUFS", "ETIMEDOUT"],
};

/** Up, asked for signs of life, down and up again: every request that an end makes. */
interface Story {
  readonly children: number;
  configure(pair: Pair): void;
  flows(pair: Pair): ReturnType<typeof gre>;
}

const inside = { address: "10.1.0.0", length: 16 };
const outside = { address: "10.2.0.0", length: 16 };

const stories: Readonly<Record<string, Story>> = {
  "transport mode, two children": {
    children: 2,
    configure({ one, two }) {
      one.configure(facing(a, { protect: [{ kind: "vxlan" }] }));
      two.configure(facing(b, { protect: [{ kind: "vxlan" }], initiate: false }));
    },
    flows: vxlan,
  },
  "tunnel mode, one child": {
    children: 1,
    configure({ one, two }) {
      one.configure(facing(a, { protect: [{ kind: "tunnel", local: inside, remote: outside }] }));
      two.configure(facing(b, { protect: [{ kind: "tunnel", local: outside, remote: inside }], initiate: false }));
    },
    flows: subnets,
  },
  "a transform set of IKEv1, all of it in tunnel mode": {
    children: 1,
    configure({ one, two }) {
      const set = { ikev1: "main", ike: ["aes128-sha256-ecp256"], around: ["sha256"], compress: true } as const;
      one.configure(facing(a, { ...set, protect: [{ kind: "tunnel", local: inside, remote: outside }] }));
      const theirs = [{ kind: "tunnel", local: outside, remote: inside }] as const;
      two.configure(facing(b, { ...set, protect: theirs, initiate: false }));
    },
    flows: subnets,
  },
};

/** "It is not there" is the truth; an answer that came too late leaves open whether the request was carried out. */
function faultsOf(kind: KernelRequest["kind"]): { readonly errno: string; readonly carriedOut: boolean }[] {
  return errors[kind].flatMap((errno) => {
    if (errno === "ETIMEDOUT") return [true, false].map((carriedOut) => ({ errno, carriedOut }));
    const gone = kind.startsWith("delete") && (errno === "ESRCH" || errno === "ENOENT");
    return [{ errno, carriedOut: gone }];
  });
}

/** The states while it is down, and in the end. */
function run(story: Story, prepare: (pair: Pair) => void): { readonly pair: Pair; readonly states: unknown } {
  const addresses = { one: { addresses: ["10.1.0.1"] }, two: { addresses: ["10.2.0.1"] } };
  const pair = ends(addresses);
  prepare(pair);
  story.configure(pair);
  // Where a lock is refused its packets pass until the repair; all else is guarded from the start.
  const flows = story.flows(pair);
  if (
    !flows.every(
      ({ from, to, packet }) => from.kernel.wouldPass(packet) === "no" && to.kernel.wouldPass(packet) === "no",
    )
  )
    pair.world.run(1_500);
  pair.world.guarded.push(...flows);
  pair.world.run(35_000);
  pair.one.handle({ kind: "down", peer: "peer" });
  pair.world.run(4_000);
  const down = both(pair);
  pair.one.handle({ kind: "up", peer: "peer" });
  pair.world.run(45_000);
  return { pair, states: { down, up: both(pair) } };
}

/** What is asked for the states is no request of the story. */
let looking = false;

function both({ one, two }: Pair) {
  looking = true;
  const states = { one: state(one), two: state(two) };
  looking = false;
  return states;
}

/** All that stands at an end, without what differs from run to run. */
function state(end: End) {
  const { peers } = end.engine.status();
  return {
    policies: policies(end)
      .map(
        ({ selector, direction, action, priority }) =>
          `${direction} ${formatSelector(selector)} ${action.kind} ${priority}`,
      )
      .sort(),
    sas: standing(end)
      .map(({ protocol, mode, reqid, destination }) => [protocol, mode, reqid, destination])
      .sort(),
    larval: larval(end),
    peers: peers.map(({ state, ikeSas, children }) => ({
      state,
      ikeSas: ikeSas.length,
      children: children.map(({ name, state, sas, policyFault, reason }) => ({
        name,
        state,
        pairs: sas.length,
        policyFault,
        reason,
      })),
    })),
  };
}

describe.each(Object.entries(stories))(
  "in %s, a request that fails once leaves nothing behind, and what it was for succeeds later",
  (_, story) => {
    const journals = { one: [] as KernelRequest[], two: [] as KernelRequest[] };
    const clean = run(story, (pair) => {
      for (const end of ["one", "two"] as const)
        pair[end].kernel.failNext((request) => !looking && journals[end].push(request) < 0, "never");
    });
    const asked = { one: [...journals.one], two: [...journals.two] };
    test.each(["one", "two"] as const)(
      "at end %s",
      (which) => {
        expectRest(clean.pair, story.children);
        const made = asked[which];
        const kinds = new Set(made.map(({ kind }) => kind));
        expect([...kinds]).toEqual(
          expect.arrayContaining(["allocateSpi", "installSa", "setPolicy", "deleteSa", "querySas", "listSas"]),
        );
        let runs = 0;
        made.forEach((request, n) => {
          for (const { errno, carriedOut } of faultsOf(request.kind)) {
            runs += 1;
            let seen = 0;
            const { pair, states } = run(story, (fresh) =>
              fresh[which].kernel.failNext(() => !looking && seen++ === n, errno, { carriedOut }),
            );
            const what = `${request.kind}, request ${n}, ${errno}${carriedOut ? ", carried out" : ""}`;
            expect(pair[which].kernel.pendingFaults, what).toBe(0);
            expect(states, what).toEqual(clean.states);
            for (const flow of story.flows(pair)) expect(carry(flow), what).toBe("protected, delivered");
          }
        });
        expect(runs).toBeGreaterThan(100);
      },
      180_000,
    );
  },
);

test("a kernel that refuses every SA: locked, nothing left over, the reason in the status; up when it no longer does", () => {
  const pair = ends();
  pair.two.kernel.failNext("installSa", "ENOSYS", { times: 1_000 });
  pair.one.configure(facing(a));
  pair.two.configure(facing(b, { initiate: false }));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(300_000);
  expect(pair.two.peer()).toMatchObject({
    state: "up",
    children: [{ state: "locked", sas: [], reason: { code: "kernel-refused", request: "installSa", errno: "ENOSYS" } }],
  });
  expect(pair.one.peer().children[0]).toMatchObject({
    state: "locked",
    reason: { code: "peer-error", notify: "TEMPORARY_FAILURE" },
  });
  for (const end of [pair.one, pair.two]) {
    expect(standing(end)).toEqual([]);
    expect(larval(end)).toBe(0);
    expect(policies(end).map(({ action }) => action.kind)).toEqual(["locked", "locked"]);
  }
});

describe("a policy that the kernel refuses is told", () => {
  test("where another owner's is in the way of a child's", () => {
    const pair = ends();
    const [flow] = gre(pair);
    if (flow === undefined) throw new Error("no flow");
    const host = (address: string) => ({ address, length: 32 });
    const selector = { source: host(a), destination: host(b), protocol: 47 };
    const foreign = { selector, direction: "out", priority: 1, action: { kind: "exempt" } } as const;
    pair.one.kernel.addForeignPolicy(foreign, "charon");
    pair.one.configure(facing(a));
    pair.two.configure(facing(b, { initiate: false }));
    pair.world.run(120_000);
    const [child] = pair.one.peer().children;
    expect(child).toMatchObject({
      state: "locked",
      policyFault: {
        code: "kernel-refused",
        request: "setPolicy",
        errno: "EEXIST",
        said: expect.stringContaining("charon"),
      },
    });
    expect(standing(pair.one)).toEqual([]);
    const told = pair.one.log.filter(({ event }) => event === "policy-failed");
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(30);
  });

  test("where a lock towards everybody does not stand", () => {
    const pair = ends();
    const lock = { name: "gre", protocol: 47 };
    pair.one.kernel.failNext("setPolicy", "ENOMEM");
    pair.one.configure(desired([], [lock]));
    expect(pair.one.engine.status().locks).toEqual([
      { name: "gre", port: undefined, installed: false, reason: expect.objectContaining({ errno: "ENOMEM" }) },
    ]);
    pair.world.run(1_500);
    expect(pair.one.engine.status().locks).toEqual([{ name: "gre", port: undefined, installed: true }]);
    expect(policies(pair.one)).toHaveLength(4);
  });
});

describe("the kernel's reports are lost", () => {
  test("of a hard limit in seconds: the tunnel is mended at the limit", () => {
    const pair = connected({ hardSeconds: 60, timing: { ...timing, liveness: 0 } });
    pair.world.guarded.push(...gre(pair));
    for (const end of [pair.one, pair.two]) end.kernel.loseNext("expire", 1_000);
    pair.world.run(50_000);
    pair.world.run(12_000);
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  test("of a hard limit in packets: the tunnel is mended at the next sign of life", () => {
    const limited = (local: string, remote: string, initiate: boolean) => {
      const one = peer(local, remote, { initiate });
      return desired([
        { ...one, children: one.children.map((child) => ({ ...child, hard: { seconds: 86_400, packets: 10n } })) },
      ]);
    };
    const pair = ends();
    pair.one.configure(limited(a, b, true));
    pair.two.configure(limited(b, a, false));
    pair.world.run(3_000);
    expectRest(pair);
    for (const end of [pair.one, pair.two]) {
      end.kernel.loseNext("expire", 1_000);
      end.kernel.loseNext("acquire", 1_000);
    }
    pair.world.guarded.push(...gre(pair));
    const [flow] = gre(pair);
    if (flow === undefined) throw new Error("no flow");
    for (let n = 0; n < 12; n += 1) carry(flow);
    expect(carry(flow)).not.toBe("protected, delivered");
    pair.world.run(35_000);
    expectRest(pair);
    expect(carry(flow)).toBe("protected, delivered");
  });

  test.each(["overrun heard", "the listing after it fails"])(
    "and all else that stood is flushed by somebody: %s",
    (how) => {
      const pair = connected({ protect: [{ kind: "vxlan" }] });
      for (const sa of standing(pair.one)) pair.one.kernel.request({ kind: "deleteSa", sa });
      for (const { selector, direction } of policies(pair.one))
        pair.one.kernel.request({ kind: "deletePolicy", selector, direction });
      if (how !== "overrun heard") pair.one.kernel.failNext("listSas", "ENOBUFS");
      pair.one.handle({ kind: "kernel", event: { kind: "overrun" } });
      pair.world.run(1_200);
      pair.world.guarded.push(...vxlan(pair));
      pair.world.run(10_000);
      expectRest(pair, 2);
      for (const flow of vxlan(pair)) expect(carry(flow)).toBe("protected, delivered");
    },
  );
});

test.each(["listPolicies", "listSas"] as const)(
  "what a former run left is found in the end, though the kernel refuses %s again and again at the start",
  (kind) => {
    const pair = connected({ protect: [{ kind: "vxlan" }] });
    pair.one.crash();
    pair.one.kernel.failNext(kind, "ENOBUFS", { times: 5 });
    pair.one.configure(facing(a, { protect: [{ kind: "vxlan" }] }));
    pair.world.guarded.push(...vxlan(pair));
    pair.world.run(30_000);
    expect(pair.one.kernel.pendingFaults).toBe(0);
    expectRest(pair, 2);
    for (const flow of vxlan(pair)) expect(carry(flow)).toBe("protected, delivered");
  },
);
