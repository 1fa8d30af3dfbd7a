/** The measurements, each from daemons of its own. What is compared is measured in turn, A B A B, so that a noisy neighbour meets both. */
import { join } from "node:path";
import { type CaseName, caseNames, perCase } from "./cases.ts";
import type { CharonPlace } from "./charon.ts";
import { residentBytes } from "./process-usage.ts";
import { sleep } from "./processes.ts";
import { countFor } from "./statistics.ts";
import {
  charonDaemon,
  childLimit,
  type Daemon,
  Floor,
  Load,
  type Sample,
  sample,
  underlockDaemon,
} from "./subjects.ts";

/** How much is measured. Times in seconds. */
export interface Effort {
  /** Samples of each rate. */
  readonly rounds: number;
  /** CPU time of one sample. */
  readonly sampleSeconds: number;
  /** Handshakes before the first sample, until Node has compiled what runs often. */
  readonly warmUp: number;
  /** Fresh processes for each figure of memory. */
  readonly memoryRounds: number;
  /** How long after the last handshake memory is read. */
  readonly settleSeconds: number;
  readonly startRounds: number;
  readonly levelRounds: number;
  readonly rekeyRounds: number;
}

/** Where the daemons write, and which charon is run. */
export interface Bed {
  readonly folder: string;
  readonly charon: CharonPlace;
  readonly effort: Effort;
  /** Told what is being measured. */
  readonly tell: (sentence: string) => void;
}

/** Handshakes per CPU second, one for each round; samples of one round were taken one after the other. */
export interface Rates {
  readonly underlock: number[];
  readonly charon: number[];
  readonly floor: number[];
  /** Ours, with a Child SA into a kernel that does nothing. */
  readonly withChild: number[];
}

const countBounds = { min: 50, max: 8_000 } as const;

/** The rates of every case, and charon's version. */
export async function measureRates(bed: Bed): Promise<{ rates: Record<CaseName, Rates>; peerVersion: string }> {
  const { effort, tell } = bed;
  const rates = perCase((): Rates => ({ underlock: [], charon: [], floor: [], withChild: [] }));
  return await withLoad(async (load) => {
    const floor = new Floor();
    const ours = await underlockDaemon(load, join(bed.folder, "underlock"));
    const theirs = await charonDaemon(load, join(bed.folder, "charon"), bed.charon);
    try {
      tell("warming up");
      await load.establish(ours.endpoint, "x25519", effort.warmUp);
      for (let done = 0; done < effort.warmUp; done += childLimit) await sampleWithChild(load, ours);
      await floor.sample("x25519", effort.warmUp);
      const counts = perCase(() => ({ underlock: 0, charon: 0, floor: 0 }));
      for (const name of caseNames) {
        const count = name === "x25519" ? 500 : 120;
        const enough = (taken: Sample) => countFor(effort.sampleSeconds, taken, countBounds);
        counts[name].underlock = enough(await sample(load, ours, name, count));
        counts[name].floor = enough(await floor.sample(name, count));
        counts[name].charon = enough(await sample(load, theirs, name, count));
      }
      for (let round = 1; round <= effort.rounds; round += 1) {
        tell(`handshakes, round ${round} of ${effort.rounds}`);
        for (const name of caseNames) {
          const { underlock, charon, floor: floors, withChild } = rates[name];
          const count = counts[name];
          underlock.push(rateOf(await sample(load, ours, name, count.underlock)));
          floors.push(rateOf(await floor.sample(name, count.floor)));
          charon.push(rateOf(await sample(load, theirs, name, count.charon)));
          if (name !== "x25519") continue;
          withChild.push(rateOf(await sampleWithChild(load, ours)));
        }
      }
      return { rates, peerVersion: theirs.version ?? "unknown" };
    } finally {
      floor.close();
      await ours.process.kill();
      await theirs.process.kill();
    }
  });
}

/** Tunnels with a Child SA each, deleted again. */
async function sampleWithChild(load: Load, daemon: Daemon): Promise<Sample> {
  const taken = await sample(load, daemon, "x25519", childLimit, { withChild: true, keep: true });
  await load.delete(daemon.endpoint, { withChild: true });
  return taken;
}

/** Tunnels that stand while the cost of a further one is measured. */
export const levels = [10, 1_000, 10_000] as const;

/** Rates at each level, and the floor's right before each. */
export type LevelRates = Record<(typeof levels)[number], { readonly underlock: number[]; readonly floor: number[] }>;

/** Handshakes of one sample at a level, deleted afterwards. */
const levelSample = 500;

/** Whether a handshake costs more when many tunnels stand. `meanwhile` runs while the warm-up's tunnels are forgotten. */
export async function measureLevels<T>(
  bed: Bed,
  meanwhile: () => Promise<T>,
): Promise<{ levels: LevelRates; others: T }> {
  const rates: LevelRates = {
    10: { underlock: [], floor: [] },
    1000: { underlock: [], floor: [] },
    10000: { underlock: [], floor: [] },
  };
  return await withLoad(async (load) => {
    const floor = new Floor();
    const daemon = await underlockDaemon(load, join(bed.folder, "levels"), { address: "127.0.0.1", port: 1510 });
    try {
      await load.establish(daemon.endpoint, "x25519", bed.effort.warmUp, { keep: true });
      await load.delete(daemon.endpoint);
      await floor.sample("x25519", bed.effort.warmUp);
      const deleted = performance.now();
      const others = await meanwhile();
      await sleep(Math.max(0, lingerMilliseconds - (performance.now() - deleted)));
      let standing = 0;
      for (const level of levels) {
        bed.tell(`handshakes while ${level} tunnels stand`);
        await load.establish(daemon.endpoint, "x25519", level - standing);
        standing = level;
        // The first are not counted: who has been idle for long begins slowly.
        const uncounted = level === levels[0] ? 4 : 1;
        for (let round = -uncounted; round < bed.effort.levelRounds; round += 1) {
          const bare = await floor.sample("x25519", levelSample);
          const taken = await sample(load, daemon, "x25519", levelSample, { keep: true });
          await load.delete(daemon.endpoint);
          if (round < 0) continue;
          rates[level].floor.push(rateOf(bare));
          rates[level].underlock.push(rateOf(taken));
        }
      }
      return { levels: rates, others };
    } finally {
      floor.close();
      await daemon.process.kill();
    }
  });
}

/** How long a deleted IKE SA still answers a repeated DELETE, and a little more. */
const lingerMilliseconds = 31_000;

/** Tunnels for which memory is told. */
export const memoryLevels = [1_000, 10_000] as const;

/** Octets for each tunnel beyond the first thousand, which a process spends on becoming what it is; and the raw figures. */
export interface Memory {
  readonly perTunnel: Record<(typeof memoryLevels)[number], number[]>;
  /** Resident octets with the first tunnels alone, then at each level above them. */
  readonly resident: number[][];
}

const firstTunnels = 1_000;

/** Resident memory of established tunnels, theirs and ours. */
export async function measureMemory(bed: Bed): Promise<{ underlock: Memory; charon: Memory }> {
  const underlock: Memory = { perTunnel: { 1000: [], 10000: [] }, resident: [] };
  const charon: Memory = { perTunnel: { 1000: [], 10000: [] }, resident: [] };
  return await withLoad(async (load) => {
    for (let round = 1; round <= bed.effort.memoryRounds; round += 1) {
      bed.tell(`memory, round ${round} of ${bed.effort.memoryRounds}`);
      // At the same time: what memory holds does not depend on the processor.
      await Promise.all([
        fill(bed, load, await underlockDaemon(load, join(bed.folder, "memory-underlock")), underlock),
        withLoad(async (another) => {
          await fill(bed, another, await charonDaemon(another, join(bed.folder, "memory-charon"), bed.charon), charon);
        }),
      ]);
    }
    return { underlock, charon };
  });
}

async function fill(bed: Bed, load: Load, daemon: Daemon, into: Memory): Promise<void> {
  const { pid } = daemon.process;
  const grow = async (count: number): Promise<number> => {
    await load.establish(daemon.endpoint, "x25519", count);
    await sleep(bed.effort.settleSeconds * 1000);
    return residentBytes(pid);
  };
  try {
    const base = await grow(firstTunnels);
    const resident = [base];
    let standing = 0;
    for (const level of memoryLevels) {
      const reached = await grow(level - standing);
      standing = level;
      resident.push(reached);
      into.perTunnel[level].push((reached - base) / level);
    }
    into.resident.push(resident);
  } finally {
    await daemon.process.kill();
  }
}

/** Milliseconds from a process's start to its first answer. */
export async function measureStarts(bed: Bed): Promise<{ underlock: number[]; charon: number[] }> {
  const starts = { underlock: [] as number[], charon: [] as number[] };
  return await withLoad(async (load) => {
    for (let round = 1; round <= bed.effort.startRounds; round += 1) {
      bed.tell(`starts, round ${round} of ${bed.effort.startRounds}`);
      const ours = await underlockDaemon(load, join(bed.folder, "start-underlock"));
      starts.underlock.push(ours.startMilliseconds);
      await ours.process.kill();
      const theirs = await charonDaemon(load, join(bed.folder, "start-charon"), bed.charon);
      starts.charon.push(theirs.startMilliseconds);
      await theirs.process.kill();
    }
    return starts;
  });
}

function rateOf({ count, took }: Sample): number {
  return count / took;
}

async function withLoad<T>(body: (load: Load) => Promise<T>): Promise<T> {
  const load = new Load();
  try {
    return await body(load);
  } finally {
    load.close();
  }
}
