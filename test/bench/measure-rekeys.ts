/** What replacing SAs costs, and what is left for honest callers under a flood. */
import { join } from "node:path";
import type { FloodRequest } from "./flooder.ts";
import type { Bed } from "./measure.ts";
import { cpuSeconds } from "./process-usage.ts";
import { Helper } from "./processes.ts";
import type { RekeyKind } from "./rekeyer.ts";
import { countFor } from "./statistics.ts";
import { charonDaemon, type Daemon, Load, underlockDaemon } from "./subjects.ts";

/** Replacements per CPU second, one for each round, with the deletion of what is replaced. charon's without Child SAs alone. */
export interface RekeyRates {
  readonly child: number[];
  readonly childWithKe: number[];
  readonly ike: number[];
  readonly charonIke: number[];
}

/** Tunnels that are worked on in turn. */
const tunnels = 32;
const countBounds = { min: 50, max: 8_000 } as const;

/** The responder's cost of replacing Child SAs, into a null kernel, and IKE SAs. */
export async function measureRekeys(bed: Bed): Promise<RekeyRates> {
  const { effort, tell } = bed;
  const rates: RekeyRates = { child: [], childWithKe: [], ike: [], charonIke: [] };
  const loads = [new Load(), new Load(), new Load()] as const;
  const [withChild, bare, theirLoad] = loads;
  const ours = await underlockDaemon(bare, join(bed.folder, "rekeys"), { address: "127.0.0.1", port: 1520 });
  const theirs = await charonDaemon(theirLoad, join(bed.folder, "rekeys-charon"), bed.charon);
  try {
    tell("rekeys, warming up");
    await withChild.establish(ours.endpoint, "x25519", tunnels, { withChild: true, keep: true });
    await bare.establish(ours.endpoint, "x25519", tunnels, { keep: true });
    await theirLoad.establish(theirs.endpoint, "x25519", tunnels, { keep: true });
    const subjects = [
      { what: "child", load: withChild, daemon: ours, options: { withChild: true }, into: rates.child },
      { what: "childWithKe", load: withChild, daemon: ours, options: { withChild: true }, into: rates.childWithKe },
      { what: "ike", load: bare, daemon: ours, options: {}, into: rates.ike },
      { what: "ike", load: theirLoad, daemon: theirs, options: {}, into: rates.charonIke },
    ] as const;
    const counts: number[] = [];
    for (const { what, load, daemon, options } of subjects) {
      // Node compiles a Child SA's way later than a handshake's; and most of it is the same with a key exchange.
      await sampleRekeys(load, daemon, what, effort.warmUp * (what === "child" ? 1.5 : 0.4), options);
      const taken = await sampleRekeys(load, daemon, what, 300, options);
      counts.push(countFor(effort.sampleSeconds, taken, countBounds));
    }
    for (let round = 1; round <= effort.rekeyRounds; round += 1) {
      tell(`rekeys, round ${round} of ${effort.rekeyRounds}`);
      for (const [i, { what, load, daemon, options, into }] of subjects.entries()) {
        const { count, took } = await sampleRekeys(load, daemon, what, counts[i] ?? countBounds.min, options);
        into.push(count / took);
      }
    }
    return rates;
  } finally {
    for (const load of loads) load.close();
    await ours.process.kill();
    await theirs.process.kill();
  }
}

async function sampleRekeys(
  load: Load,
  daemon: Daemon,
  what: RekeyKind,
  count: number,
  options: { readonly withChild?: boolean },
) {
  const before = cpuSeconds(daemon.process.pid);
  await load.rekey(daemon.endpoint, what, Math.round(count), options);
  return { count: Math.round(count), took: cpuSeconds(daemon.process.pid) - before };
}

/** Honest callers, without a flood and under it. */
export interface FloodFigures {
  /** Spoofed first messages, and how many a second were sent. */
  readonly spoofed: number;
  readonly spoofedPerSecond: number;
  /** Handshakes that honest callers began a second, and the part of them that was complete in the end. */
  readonly offeredPerSecond: number;
  readonly completed: { readonly before: number; readonly meanwhile: number };
  /** Milliseconds from the first message to the last, the median of honest callers. */
  readonly milliseconds: { readonly before: number; readonly meanwhile: number };
}

const spoofed = 50_000;
const spoofedRate = 12_500;
const offeredRate = 100;

/** 50,000 spoofed first messages, while honest callers go on calling at a steady rate. */
export async function measureFlood(bed: Bed): Promise<FloodFigures> {
  const load = new Load();
  const flooder = new Helper<FloodRequest, number>("flooder");
  const daemon = await underlockDaemon(load, join(bed.folder, "flood"), { address: "127.0.0.1", port: 1530 });
  try {
    bed.tell("honest callers, no flood");
    await load.establish(daemon.endpoint, "x25519", Math.min(1_000, bed.effort.warmUp));
    const seconds = spoofed / spoofedRate;
    const before = await load.offer(daemon.endpoint, offeredRate, 1);
    bed.tell(`honest callers, ${spoofed} spoofed first messages`);
    const begun = performance.now();
    const flooding = flooder.ask({ target: daemon.endpoint, count: spoofed, rate: spoofedRate });
    const meanwhile = await load.offer(daemon.endpoint, offeredRate, seconds);
    const sent = await flooding;
    return {
      spoofed: sent,
      spoofedPerSecond: sent / ((performance.now() - begun) / 1000),
      offeredPerSecond: offeredRate,
      completed: { before: before.completed / before.offered, meanwhile: meanwhile.completed / meanwhile.offered },
      milliseconds: { before: before.milliseconds, meanwhile: meanwhile.milliseconds },
    };
  } finally {
    flooder.close();
    load.close();
    await daemon.process.kill();
  }
}
