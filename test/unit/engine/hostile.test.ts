import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { encodePayloads } from "../../../src/wire/ikev2/message.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { mutate, type Rng } from "../../fuzz/mutate.ts";
import { chains, messages } from "../wire/ikev2/recorded.ts";
import { mutationsOr, newRng } from "../wire/mutation-campaign.ts";
import { peer } from "./desired.ts";
import { sayProved, sayUnproved, stands, type Target } from "./hostility.ts";
import { a, b, connected, ends, expectRest, facing, gre } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import type { End, World } from "./world.ts";

/** As many as go through the decoder. */
const total = mutationsOr(100_000);
const timeout = 60_000 + total * 2;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

type Role = "initiator" | "responder";
const [child] = peer(a, b).children;

/** Each end's own, in which nothing happens by itself. */
const worlds = new WeakMap<End, World>();

function puppet(role: Role): Puppet {
  const { world, one } = ends({ network: () => [] });
  worlds.set(one, world);
  one.configure(facing(a, { initiate: role === "initiator" }));
  return new Puppet(one, b, role === "initiator" ? "responder" : "initiator");
}

function established(role: Role): Puppet {
  const one = puppet(role);
  if (role === "initiator") {
    one.answerInit();
    one.answerAuth();
    one.nextMessageId = 0;
  } else {
    one.init();
    one.request(exchangeType.IKE_AUTH, one.authPayloads({ child }));
  }
  if (!stands(one.end)) throw new Error("not established");
  return one;
}

const targets: readonly Target<Puppet>[] = [
  ["a responder that nobody called", () => puppet("responder"), false],
  ["an initiator that waits for IKE_SA_INIT", () => puppet("initiator"), false],
  [
    "an initiator that waits for IKE_AUTH",
    () => {
      const one = puppet("initiator");
      one.answerInit();
      return one;
    },
    false,
  ],
  [
    "a responder that waits for IKE_AUTH",
    () => {
      const one = puppet("responder");
      one.init();
      return one;
    },
    false,
  ],
  ["an established initiator", () => established("initiator"), true],
  ["an established responder", () => established("responder"), true],
];

const talk = connected({ protect: [{ kind: "vxlan" }] });
const fragments = connected({ messages: { window: 4, fragmentSize: 200 } });
const resumed = connected(
  { resumption: true },
  { one: { crashSecret: Buffer.alloc(32, 1) }, two: { crashSecret: Buffer.alloc(32, 2) } },
);
resumed.world.network = () => [];
resumed.world.run(150_000);
resumed.world.network = () => [10];
resumed.world.run(90_000);

/** What others recorded, and what two of our own ends say to each other. */
const inputs: readonly Uint8Array[] = [
  ...messages,
  ...[talk, fragments, resumed].flatMap(({ one, two }) => [...one.sent, ...two.sent]),
].map(({ octets }) => octets);

/** Names the SA that the engine has, in three of four messages; a response for an initiator, mostly. */
function aim(rng: () => number, octets: Uint8Array, one: Puppet): Uint8Array {
  if (octets.length < 28 || rng() % 4 === 0) return octets;
  const view = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  const sent = one.role === "responder" && one.theirSpi === 0n && one.end.sent.length > 0;
  const theirs = sent ? Buffer.from(one.received()).readBigUInt64BE(0) : one.theirSpi;
  view.writeBigUInt64BE(one.role === "initiator" ? one.ownSpi : theirs, 0);
  if (rng() % 2 === 0) view.writeBigUInt64BE(one.role === "initiator" ? theirs : one.ownSpi, 8);
  octets[19] = (one.role === "initiator" ? 0x08 : 0) | (rng() % 2 === 0 ? 0x20 : 0);
  if (rng() % 2 === 0) view.writeUInt32BE(rng() % 4, 20);
  return octets;
}

test.each(targets)(
  "whatever comes in clear to %s: no exception, bounded work, nothing established is touched",
  (...target) => {
    const change = (rng: Rng, input: Uint8Array, one: Puppet) => aim(rng, mutate(rng, input), one);
    // A read and at most one answer of bounded size.
    sayUnproved(target, inputs, Math.round((total * 0.95) / targets.length), change, (octets) => octets / 2 + 64);
  },
  timeout,
);

test.each(targets)(
  "whatever comes in clear to %s, memory does not grow with it",
  (_, make) => {
    const rng = newRng();
    const one = make();
    const { end } = one;
    const say = (count: number): number => {
      for (let run = 0; run < count; run += 1) {
        const input = inputs[run % inputs.length];
        if (input === undefined) throw new Error("no recorded messages");
        one.inject(aim(rng, mutate(rng, input), one));
        // What the test itself keeps is not meant.
        end.sent.splice(0, end.sent.length - 1);
        for (const kept of [end.log, end.reserved, end.kernel.journal]) kept.length = 0;
      }
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    // Until every bounded table is full, and V8 has learnt what it learns.
    const before = say(20_000);
    const grown = say(60_000) - before;
    expect(grown, `${grown} octets more after 60,000 messages`).toBeLessThan(60_000 * 16);
  },
  timeout,
);

test.each(["initiator", "responder"] as const)(
  "whatever an authenticated peer says to an %s: no exception, bounded work, nothing is left over",
  (role) => {
    const one = established(role);
    const own = [
      ...(child === undefined ? [] : [one.childPayloads(child, 0xabcd_0100)]),
      [{ kind: "D", protocolId: 3, spiSize: 4, spis: [Buffer.from("abcd0001", "hex")] }],
      [{ kind: "N", protocolId: 3, spi: Buffer.from("abcd0001", "hex"), type: 16393, data: Buffer.alloc(0) }],
    ] as const;
    const plaintexts = [
      ...own.map((payloads) => {
        const { firstType, octets } = encodePayloads([...payloads, { kind: "Nonce", data: Buffer.alloc(32, 9) }]);
        return { firstType, octets: Buffer.from(octets) };
      }),
      ...chains,
    ];
    const say = (one: Puppet, rng: Rng, run: number): void => {
      const input = plaintexts[run % plaintexts.length];
      if (input === undefined) throw new Error("no plaintexts");
      const type = rng() % 2 === 0 ? exchangeType.CREATE_CHILD_SA : exchangeType.INFORMATIONAL;
      const octets = mutate(rng, input.octets);
      const before = one.end.sent.length;
      one.inject(one.sealOctets(type, input.firstType, octets));
      one.nextMessageId += 1;
      expect(
        one.end.sent.length - before,
        `no answer to ${type} ${Buffer.from(octets).toString("hex")}`,
      ).toBeGreaterThan(0);
    };
    // What others have replaced receives five seconds more, whatever becomes of its IKE SA.
    const over = ({ end }: Puppet) => worlds.get(end)?.run(5_000);
    const runs = Math.round((total * 0.05) / 2);
    sayProved(() => established(role), { runs, say, over, mostStanding: 2 * 4 });
  },
  timeout,
);

test("a flood of calls from made-up addresses makes no more state than the limit, then asks for cookies, and leaves nothing", () => {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, { remote: "any", local: a, remoteId: undefined, initiate: false }));
  let answered = 0;
  let cookies = 0;
  for (let n = 0; n < 3_000; n += 1) {
    const caller = new Puppet(one, `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, "initiator", BigInt(n + 1));
    if (caller.init()) answered += 1;
    else cookies += 1;
  }
  expect(answered).toBe(256);
  expect(cookies).toBe(3_000 - 256);
  // Whoever receives at its address is served, as long as there is room.
  const honest = new Puppet(one, b, "initiator");
  expect(honest.init()).toBe(false);
  const [cookie] = honest.clearPayloads();
  if (cookie === undefined) throw new Error("no cookie");
  expect(honest.init((payloads) => [cookie, ...payloads])).toBe(true);
  world.run(31_000);
  expect(one.engine.nextDeadline()).toBeUndefined();
  expect(one.log.filter(({ event }) => event === "message-dropped").length).toBeLessThan(20);
});

test("a flood of calls from one address is bounded, and the others are served meanwhile", () => {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, { remote: "any", local: a, remoteId: undefined, initiate: false }));
  let answered = 0;
  for (let n = 0; n < 100; n += 1) if (new Puppet(one, "10.9.9.9", "initiator", BigInt(n + 1)).init()) answered += 1;
  expect(answered).toBe(32);
  expect(new Puppet(one, b, "initiator").init()).toBe(true);
  world.run(31_000);
  expect(one.engine.nextDeadline()).toBeUndefined();
});

test("callers that prove nothing, one after the other, leave no more than the half-open limit allows", () => {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, { initiate: false }));
  let opened = 0;
  for (let n = 0; n < 60; n += 1) {
    const caller = new Puppet(one, b, "initiator", BigInt(n + 1));
    if (!caller.init()) continue;
    opened += 1;
    caller.request(exchangeType.IKE_AUTH, caller.authPayloads({ id: "stranger" }));
  }
  expect(opened).toBe(32);
  world.run(61_000);
  expect(one.engine.nextDeadline()).toBeUndefined();
});

test("a flood of datagrams that mean nothing leaves ten lines a second in the log, and says how many it kept back", () => {
  const pair = ends();
  pair.one.configure(facing(a));
  pair.two.configure(facing(b, { initiate: false }));
  pair.world.run(3_000);
  const forged = Uint8Array.from(pair.one.sent.at(-1)?.octets ?? []);
  forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
  forged[18] = exchangeType.INFORMATIONAL;
  forged[23] = 2;
  const path = { local: { address: b, port: 500 }, remote: { address: a, port: 500 } };
  for (let n = 0; n < 1_000; n += 1) pair.two.handle({ kind: "datagram", octets: forged, path });
  pair.world.run(1_000);
  pair.two.handle({ kind: "datagram", octets: forged, path });
  const dropped = pair.two.log.filter(({ event }) => event === "message-dropped");
  expect(dropped).toHaveLength(11);
  expect(dropped.at(-1)?.facts).toMatchObject({ unsaid: 990 });
  expectRest(pair);
  expect(gre(pair)).toHaveLength(2);
});
