/** IKEv1: main mode with a pre-shared key, then quick mode, beside charon's. */
import { join } from "node:path";
import type { Bed } from "./measure.ts";
import { cpuSeconds } from "./process-usage.ts";
import { sleep } from "./processes.ts";
import { charonDaemon, childLimit, type Daemon, Load, underlockDaemon } from "./subjects.ts";

/** Handshakes per CPU second, one for each round; samples of one round were taken one after the other. */
export interface Ikev1Rates {
  readonly underlock: number[];
  readonly charon: number[];
}

/** Until Node has compiled what runs often. */
const warmUps = 6;

/** How long an end has to forget what was deleted, in ms. */
const forgetting = 500;

/** The rates of nine messages with MODP-2048, AES-CBC and SHA-256. */
export async function measureIkev1(bed: Bed): Promise<Ikev1Rates> {
  const rates: Ikev1Rates = { underlock: [], charon: [] };
  const load = new Load();
  const ours = await underlockDaemon(load, join(bed.folder, "ikev1-underlock"));
  const theirs = await charonDaemon(load, join(bed.folder, "ikev1-charon"), bed.charon);
  try {
    for (let round = 0; round < warmUps; round += 1) await rate(load, ours);
    await rate(load, theirs);
    for (let round = 1; round <= bed.effort.rounds; round += 1) {
      bed.tell(`handshakes of IKEv1, round ${round} of ${bed.effort.rounds}`);
      rates.underlock.push(await rate(load, ours));
      rates.charon.push(await rate(load, theirs));
    }
    return rates;
  } finally {
    load.close();
    await ours.process.kill();
    await theirs.process.kill();
  }
}

/** As many as can stand at a time, each from an address of its own; deleted again afterwards, which does not count. */
async function rate(load: Load, { endpoint, process }: Daemon): Promise<number> {
  const before = cpuSeconds(process.pid);
  await load.establishIkev1(endpoint, childLimit);
  const took = cpuSeconds(process.pid) - before;
  await load.delete(endpoint, { withChild: true });
  await sleep(forgetting);
  return childLimit / took;
}
