/**
 * The collision matrix, enumerated: what one end does, what the other does in the same instant, what becomes of the first
 * one's messages, and which of the nonces is the lowest, the second, the third and the highest.
 */
import type { Forced, Scenario, SimulationEvent } from "./scenario.ts";

export const operations = ["Child rekey", "IKE rekey", "Child delete", "IKE delete", "new Child"] as const;
export type Operation = (typeof operations)[number];

export const timings = [
  "crossing",
  "request late",
  "response late",
  "request lost",
  "response lost",
  "INVALID_KE first",
] as const;
export type Timing = (typeof timings)[number];

export interface Cell {
  readonly number: number;
  readonly ours: Operation;
  readonly theirs: Operation;
  readonly timing: Timing;
  /** Which end opened the IKE SA on which it all happens. */
  readonly opener: 0 | 1;
  /** The exchanges in which nonces are sent: of the first end, of the second. */
  readonly withNonces: readonly [boolean, boolean];
  readonly scenario: Scenario;
}

/** When both ends do what they do, in ms; all has come to rest by then. */
const instant = 6_000;

/** How late what is late comes, in ms: the other end's exchange is over, and nothing has been repeated yet. */
const lateness = 300;

/** How long after an IKE SA was deleted its operator wants it back, in ms. */
const downTime = 1_500;

/** Every cell, in an order that stays: its number is its seed. */
export function cells(): Cell[] {
  const all: Cell[] = [];
  for (const ours of operations) {
    for (const theirs of operations) {
      for (const timing of timings) {
        // Where the first end proposes no key exchange, there is none to guess wrong.
        if (timing === "INVALID_KE first" && !hasNonces(ours)) continue;
        for (const opener of [0, 1] as const)
          for (const nonces of orders(hasNonces(ours), hasNonces(theirs)))
            all.push(cell(all.length + 1, { ours, theirs, timing, opener, nonces }));
      }
    }
  }
  return all;
}

function hasNonces(operation: Operation): boolean {
  return operation !== "Child delete" && operation !== "IKE delete";
}

/** The first octets of the nonces in every order; 255 where there is none. */
function orders(ours: boolean, theirs: boolean): Forced["nonces"][] {
  const ranks = [...(ours ? [0, 1] : []), ...(theirs ? [2, 3] : [])].map((_, rank) => 16 + 32 * rank);
  return permutations(ranks).map((order) => {
    const [a = 255, b = 255, c = 255, d = 255] = ours ? order : [255, 255, ...order];
    return [a, b, c, d];
  });
}

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length === 0) return [[]];
  return list.flatMap((one, at) =>
    permutations([...list.slice(0, at), ...list.slice(at + 1)]).map((rest) => [one, ...rest]),
  );
}

function cell(
  number: number,
  made: Pick<Cell, "ours" | "theirs" | "timing" | "opener"> & { readonly nonces: Forced["nonces"] },
): Cell {
  const { ours, theirs, timing, opener, nonces } = made;
  const demanded = ours === "new Child" || theirs === "new Child";
  const events: SimulationEvent[] = [
    ...fate(timing),
    ...operation(ours, 0),
    ...operation(theirs, 1),
    // Once it stands, both ends send on it.
    ...(demanded ? [{ at: instant + 4_000, kind: "demand", ends: [0, 1], peering: 0, line: 2 } as const] : []),
  ];
  const scenario: Scenario = {
    seed: number,
    theme: `cell ${number}: ${ours} x ${theirs}, ${timing}, nonces ${nonces.join(" ")}`,
    real: false,
    ends: [0, 1].map((end) => ({ startsAt: end === opener ? 200 : 0, kernelDelay: 0, computeDelay: 0 })),
    peerings: [
      {
        ends: [0, 1],
        protect: [{ kind: "gre" }, { kind: "ipip" }, ...(demanded ? [behind] : [])],
        onDemand: demanded ? [2] : [],
        initiate: [true, true],
        esp: [["aes128gcm16-x25519"], ["aes128gcm16-x25519"]],
        ike: [["aes128gcm16-prfsha256-x25519"], ["aes128gcm16-prfsha256-x25519"]],
        liveness: 10_000,
        delay: [20, 20],
        hardSeconds: 86_400,
        softSeconds: 0,
      },
    ],
    events: events.sort((one, other) => one.at - other.at),
    watch: 12_000,
    settle: 5_000,
    surplus: 6_000,
    forced: { nonces, wrongGuess: timing === "INVALID_KE first" },
  };
  return { number, ours, theirs, timing, opener, withNonces: [hasNonces(ours), hasNonces(theirs)], scenario };
}

const behind = {
  kind: "tunnel",
  local: { address: "10.1.2.0", length: 24 },
  remote: { address: "10.2.1.0", length: 24 },
} as const;

/** What becomes of the first end's exchange. */
function fate(timing: Timing): SimulationEvent[] {
  const at = instant;
  const request = { at, from: 0, to: 1, count: 1, what: "request" } as const;
  const response = { at, from: 1, to: 0, count: 1, what: "response" } as const;
  switch (timing) {
    case "request late":
      return [{ ...request, kind: "hold", by: lateness }];
    case "response late":
      return [{ ...response, kind: "hold", by: lateness }];
    case "request lost":
      return [{ ...request, kind: "lose" }];
    case "response lost":
      return [{ ...response, kind: "lose" }];
    default:
      return [];
  }
}

function operation(what: Operation, end: 0 | 1): SimulationEvent[] {
  const at = instant;
  const ends = [end];
  switch (what) {
    case "Child rekey":
      return [{ at, kind: "expire", ends, peering: 0, child: 0, hard: false }];
    case "IKE rekey":
      return [{ at, kind: "rekey", ends, peering: 0, what: "ike" }];
    case "Child delete":
      return [{ at, kind: "expire", ends, peering: 0, child: 0, hard: true }];
    case "IKE delete":
      return [
        { at, kind: "down", end, peering: 0 },
        { at: at + downTime, kind: "up", end, peering: 0 },
      ];
    case "new Child":
      return [{ at, kind: "demand", ends, peering: 0, line: 2 }];
  }
}
