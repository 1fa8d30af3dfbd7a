/** Scenarios from seeds: small ones mostly, each with a theme, so that every kind of trouble meets every other. */
import type { Prefix } from "../../src/negotiate/address.ts";
import type { ProtectLine } from "../../src/overlay/expand.ts";
import { Rng } from "./rng.ts";
import type { EndIndex, EndPlan, Peering, Scenario, SimulationEvent, Variant } from "./scenario.ts";

/** One seed in so many runs real cryptography and has every datagram parsed again. */
const realShare = 10;

/** One in so many has 10 to 20 ends. */
const largeShare = 25;

/** One in so many has ends with two addresses. */
const movingShare = 20;

/** In as many seeds one has gateways that send their callers to the other of their two addresses. */
const redirectShare = 20;

export interface GenerateOptions {
  /** How many ends; by the seed where it is left out. */
  readonly ends?: number | undefined;
  /** How many events. */
  readonly events?: number | undefined;
}

/** The scenario of a seed: always the same. */
export function generate(seed: number, options: GenerateOptions = {}): Scenario {
  const rng = new Rng(seed, 1);
  const theme = themeOf(seed, rng);
  const isLarge = seed % largeShare === 7;
  const count = options.ends ?? (isLarge ? rng.between(10, 20) : rng.pick(theme.sizes));
  const plans = Array.from({ length: count }, (_, index) => endPlan(rng, theme, index === 0));
  const more = new Rng(seed, 2);
  const ends = plans.map((plan) => (more.chance(60) ? { ...plan, crashTokens: true } : plan));
  // Two ends whose NATs forward nothing cannot meet.
  const pairs = graph(rng, count).filter((pair) => pair.some((end) => ends[end]?.nat !== "dynamic"));
  const peerings = pairs.map((pair) => withExtras(more, peering(rng, pair, ends), !isMobile(pair, ends)));
  const wanted = options.events ?? rng.between(theme.events[0], theme.events[1]);
  const events = timeline(rng, theme, { ends: count, peerings }, wanted);
  return { seed, theme: theme.name, real: seed % realShare === 0, ends, peerings, events, watch: 40_000 };
}

function themeOf(seed: number, rng: Rng): Theme {
  if (seed % movingShare === 13) return onTheMove;
  return seed % redirectShare === 17 ? sentElsewhere : rng.pick(themes);
}

interface Theme {
  readonly name: string;
  readonly sizes: readonly [number, ...number[]];
  readonly events: readonly [number, number];
  /** When the first event may come, in ms. */
  readonly from: number;
  /** The longest time between two events, in ms. */
  readonly pause: number;
  /** Whether all start in one instant. */
  readonly together: number;
  /** Some ends sit behind NATs: only tunnels then. */
  readonly nats?: boolean;
  /** Some ends have two addresses: only tunnels then. */
  readonly spares?: boolean;
  readonly kinds: readonly [Maker, ...Maker[]];
}

interface Cast {
  readonly ends: number;
  readonly peerings: readonly Peering[];
}

type Unplaced = SimulationEvent extends infer E ? (E extends { at: number } ? Omit<E, "at"> : never) : never;
type Maker = (rng: Rng, cast: Cast) => Unplaced | undefined;

const small = [2, 2, 2, 2, 2, 3, 3, 4] as const;

const crash: Maker = (rng, { ends }) => ({ kind: "crash", end: rng.below(ends), down: rng.pick([0, 50, 800, 6_000]) });
const restart: Maker = (rng, { ends }) => ({ kind: "restart", end: rng.below(ends), down: rng.pick([0, 50, 2_000]) });

const operator: Maker = (rng, cast) => {
  const { index, end } = someone(rng, cast);
  return { kind: rng.chance(50) ? "down" : "up", end, peering: index };
};

const variants: readonly [Variant, ...Variant[]] = ["agreed", "agreed", "other-liveness", "fewer-children", "absent"];

const reconfigure: Maker = (rng, cast) => {
  const { index, end } = someone(rng, cast);
  return { kind: "reconfigure", end, peering: index, variant: rng.pick(variants) };
};

const lose: Maker = (rng, cast) => ({ kind: "lose", ...someWay(rng, cast), count: rng.between(1, 2) });
const repeat: Maker = (rng, cast) => ({
  kind: "repeat",
  ...someWay(rng, cast),
  count: rng.between(1, 3),
  by: rng.pick([0, 1, 30, 700, 4_000, 20_000]),
});
const hold: Maker = (rng, cast) => ({
  kind: "hold",
  ...someWay(rng, cast),
  count: rng.between(1, 3),
  by: rng.pick([1, 20, 120, 600, 3_000]),
});
const rain: Maker = (rng) => ({
  kind: "weather",
  lasts: rng.between(500, 20_000),
  loss: rng.pick([0, 5, 20, 50]),
  repeat: rng.pick([0, 10, 30]),
  jitter: rng.pick([0, 40, 400, 2_000]),
});
const drizzle: Maker = (rng) => ({
  kind: "weather",
  lasts: rng.between(500, 20_000),
  loss: rng.pick([0, 0, 3]),
  repeat: rng.pick([0, 10, 30]),
  jitter: rng.pick([0, 40, 400]),
});
const partition: Maker = (rng, { ends }) => {
  const cut = Array.from({ length: ends }, (_, end) => end).filter(() => rng.chance(50));
  return { kind: "partition", ends: cut, lasts: rng.pick([300, 3_000, 20_000, 60_000]) };
};
const refuse: Maker = (rng, { ends }) => ({
  kind: "refuse",
  end: rng.below(ends),
  lasts: rng.pick([200, 2_000, 10_000]),
  percent: rng.pick([10, 30, 100]),
  errno: rng.pick(["ENOMEM", "ENOBUFS", "ETIMEDOUT", "EAGAIN"]),
  carriedOut: rng.chance(30),
});
const deafen: Maker = (rng, { ends }) => ({
  kind: "deafen",
  end: rng.below(ends),
  count: rng.between(1, 3),
  told: rng.chance(50),
});
const rekey: Maker = (rng, cast) => {
  const { index, end, peering: plan } = someone(rng, cast);
  const what = rng.chance(50) ? "children" : "ike";
  return { kind: "rekey", ends: rng.chance(50) ? plan.ends : [end], peering: index, what };
};
const rebind: Maker = (rng, { ends }) => ({ kind: "rebind", end: rng.below(ends) });
const soft: Maker = (rng, cast) => expire(rng, cast, false);
const hard: Maker = (rng, cast) => expire(rng, cast, true);

function expire(rng: Rng, cast: Cast, isHard: boolean): Unplaced {
  const { index, end, peering: plan } = someone(rng, cast);
  const ends = rng.chance(40) ? plan.ends : [end];
  return { kind: "expire", ends, peering: index, child: rng.below(plan.protect.length), hard: isHard };
}

const themes: readonly [Theme, ...Theme[]] = [
  {
    name: "rekeys in fair weather",
    sizes: small,
    events: [4, 16],
    from: 65_000,
    pause: 6_000,
    together: 30,
    kinds: [soft, soft, soft, rekey, rekey, repeat, hold, lose, drizzle, deafen],
  },
  {
    name: "everything",
    sizes: small,
    events: [4, 14],
    from: 0,
    pause: 10_000,
    together: 40,
    kinds: [
      crash,
      restart,
      operator,
      reconfigure,
      lose,
      repeat,
      hold,
      rain,
      partition,
      refuse,
      deafen,
      soft,
      rekey,
      hard,
    ],
  },
  {
    name: "crashes",
    sizes: small,
    events: [2, 8],
    from: 0,
    pause: 5_000,
    together: 70,
    kinds: [crash, crash, restart, repeat, hold, lose, soft, rekey],
  },
  {
    name: "starts at once",
    sizes: [2, 2, 2, 3, 4, 6, 9],
    events: [0, 5],
    from: 0,
    pause: 600,
    together: 100,
    kinds: [lose, repeat, hold, drizzle, crash],
  },
  {
    name: "operators at work",
    sizes: small,
    events: [3, 10],
    from: 0,
    pause: 8_000,
    together: 50,
    kinds: [operator, reconfigure, restart, hard, soft, hold],
  },
  {
    name: "behind NATs",
    sizes: small,
    events: [2, 10],
    from: 0,
    pause: 15_000,
    together: 30,
    nats: true,
    kinds: [rebind, rebind, rebind, soft, lose, repeat, hold, rain, crash, restart, partition, reconfigure],
  },
];

const move: Maker = (rng, { ends }) => ({
  kind: "move",
  end: rng.below(ends),
  missing: rng.pick(["first", "spare", "none"]),
});

const onTheMove: Theme = {
  name: "on the move",
  sizes: small,
  events: [2, 10],
  from: 0,
  pause: 30_000,
  together: 50,
  spares: true,
  kinds: [move, move, move, soft, rekey, lose, hold, repeat, drizzle, crash, restart, partition],
};

const redirect: Maker = (rng, cast) => {
  const { index, end, peering: plan } = someone(rng, cast);
  const to = rng.pick(["spare", "spare", "first", "anywhere"] as const);
  return { kind: "redirect", ends: rng.chance(70) ? plan.ends : [end], peering: index, to };
};

/** Never so late that a request is sent a third time: it would go another way, and what is under way is lost when it is answered there. */
const tardy: Maker = (rng, cast) => ({
  kind: "hold",
  ...someWay(rng, cast),
  count: rng.between(1, 3),
  by: rng.pick([1, 20, 120, 600]),
});

const sentElsewhere: Theme = {
  name: "sent elsewhere",
  sizes: small,
  events: [2, 10],
  from: 65_000,
  pause: 60_000,
  together: 50,
  spares: true,
  kinds: [redirect, redirect, redirect, redirect, soft, rekey, repeat, tardy, tardy, crash, restart, move],
};

function endPlan(rng: Rng, theme: Theme, reachable: boolean): EndPlan {
  const nat = reachable || rng.chance(30) ? "forwarded" : "dynamic";
  return {
    startsAt: rng.chance(theme.together) ? 0 : rng.below(3_000),
    kernelDelay: rng.chance(50) ? 0 : rng.below(20),
    computeDelay: rng.chance(50) ? 0 : rng.below(30),
    ...(theme.nats === true && rng.chance(60) ? { nat } : {}),
    ...(theme.spares === true && rng.chance(70) ? { spare: true } : {}),
  };
}

function isMobile(ends: readonly EndIndex[], plans: readonly EndPlan[]): boolean {
  return ends.some((end) => plans[end]?.spare === true);
}

/** A tree, and a few more edges: a pair, a star, a ring, a mesh, or something between. */
function graph(rng: Rng, count: number): [EndIndex, EndIndex][] {
  const pairs: [EndIndex, EndIndex][] = [];
  const more = count < 10 ? rng.pick([0, 30, 100]) : rng.pick([0, 10]);
  const star = rng.chance(50);
  for (let end = 1; end < count; end += 1) {
    const trunk = star ? 0 : rng.below(end);
    for (let other = 0; other < end; other += 1)
      if (other === trunk || rng.chance(more)) pairs.push(rng.chance(50) ? [other, end] : [end, other]);
  }
  return pairs;
}

function peering(rng: Rng, pair: [EndIndex, EndIndex], plans: readonly EndPlan[]): Peering {
  // Nobody can call an end whose NAT forwards nothing: it calls, and is the second.
  const hidden = (end: EndIndex): boolean => plans[end]?.nat === "dynamic";
  const ends: [EndIndex, EndIndex] = hidden(pair[0]) ? [pair[1], pair[0]] : pair;
  const natted = ends.some((end) => plans[end]?.nat !== undefined);
  const both = !hidden(ends[1]) && rng.chance(60);
  const first = !hidden(ends[1]) && rng.chance(50);
  const softSeconds = rng.chance(50) ? 0 : rng.between(10, 60);
  const pfs = rng.chance(40);
  const esp: readonly string[] = pfs ? ["aes128gcm16-x25519", "aes128gcm16"] : ["aes128gcm16"];
  // Now and then each prefers another method, so that the first guess is wrong.
  const crossed = rng.chance(15);
  const ike = ["aes128gcm16-prfsha256-x25519-ecp256"];
  const otherIke = crossed ? ["aes128gcm16-prfsha256-ecp256-x25519"] : ike;
  return {
    ends,
    ...(hidden(ends[1]) && rng.chance(40) ? { anywhere: true } : {}),
    protect: lines(rng, ends, natted || isMobile(ends, plans)),
    initiate: [both || first, both || !first],
    esp: [esp, esp],
    ike: [ike, otherIke],
    // A peer whose packets come is asked after four times as long; with the repeats that is less than `settleTime`.
    liveness: rng.between(8, 10) * 1_000,
    delay: [rng.between(1, 60), rng.between(1, 60)],
    softSeconds,
    hardSeconds: softSeconds === 0 ? 86_400 : softSeconds + 60,
  };
}

/** What most sections leave as it is. */
function withExtras(rng: Rng, plan: Peering, mayCompress: boolean): Peering {
  if (rng.chance(50)) return plan;
  const places = plan.protect.map((_, place) => place);
  const some = (percent: number): number[] => places.filter(() => rng.chance(percent));
  const two = <T>(made: () => T): [T, T] => [made(), made()];
  const calls = plan.initiate[0] && plan.initiate[1];
  const tunnels = plan.protect.filter(({ kind }) => kind === "tunnel").length;
  return {
    ...plan,
    protect: plan.protect.map((line) => (rng.chance(40) ? wider(line) : line)) as [ProtectLine, ...ProtectLine[]],
    // Of two tunnels between the same subnets one has no packet of its own.
    onDemand: calls && plan.anywhere !== true && tunnels < 2 && rng.chance(40) ? some(60) : [],
    extras: {
      // Whatever is compressed is negotiated anew between other addresses.
      compressed: rng.chance(20) && mayCompress ? some(50) : [],
      ikeSeconds: two(() => (rng.chance(50) ? 0 : rng.between(12, 60))),
      reauthSeconds: two(() => (rng.chance(80) ? 0 : rng.between(20, 90))),
      window: two(() => rng.pick([1, 1, 2, 4, 16])),
      fragmentSize: two(() => rng.pick([1_280, 1_280, 576, 200])),
      resumption: rng.chance(30),
    },
  };
}

/** A second subnet at our end, and now and then at the other. */
function wider(line: ProtectLine): ProtectLine {
  if (line.kind !== "tunnel") return line;
  const beside = ({ address, length }: Prefix): Prefix => {
    const [ten, end, ...rest] = address.split(".");
    return { address: [ten, Number(end) + 100, ...rest].join("."), length };
  };
  return { ...line, moreLocal: [beside(line.local)], moreRemote: [beside(line.remote)] };
}

function lines(rng: Rng, [a, b]: readonly [EndIndex, EndIndex], natted: boolean): [ProtectLine, ...ProtectLine[]] {
  const tunnel: ProtectLine = {
    kind: "tunnel",
    local: { address: `10.${a + 1}.${b + 1}.0`, length: 24 },
    remote: { address: `10.${b + 1}.${a + 1}.0`, length: 24 },
  };
  const all: readonly ProtectLine[] = [{ kind: "gre" }, { kind: "vxlan" }, tunnel, { kind: "geneve" }];
  if (natted) return rng.chance(50) ? [tunnel] : [tunnel, { ...tunnel, protocol: 6 }];
  const start = rng.below(all.length);
  const count = rng.pick([1, 1, 2, 2, 3]);
  const [first = { kind: "gre" }, ...rest] = [...all.slice(start), ...all.slice(0, start)];
  return [first, ...rest.slice(0, count - 1)];
}

function timeline(rng: Rng, theme: Theme, cast: Cast, wanted: number): SimulationEvent[] {
  const events: SimulationEvent[] = [];
  let at = theme.from + rng.below(3_000);
  while (events.length < wanted) {
    const made = rng.pick(theme.kinds)(rng, cast);
    if (made !== undefined) events.push({ ...made, at });
    // Many at once, or soon after one another: that is when things cross.
    at += rng.chance(40) ? rng.below(3) * 10 : rng.chance(50) ? rng.below(250) : rng.below(theme.pause);
  }
  return events;
}

function someone(rng: Rng, { peerings }: Cast): { index: number; end: EndIndex; peering: Peering } {
  const index = rng.below(peerings.length);
  const plan = peerings[index];
  if (plan === undefined) throw new RangeError("a scenario without peerings");
  return { index, end: plan.ends[rng.chance(50) ? 0 : 1], peering: plan };
}

function someWay(rng: Rng, cast: Cast): { from: EndIndex; to: EndIndex } {
  const { end, peering: plan } = someone(rng, cast);
  return { from: end, to: plan.ends[0] === end ? plan.ends[1] : plan.ends[0] };
}
