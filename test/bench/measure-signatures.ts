/** Handshakes that both ends prove by signatures, beside charon's. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeCredentials, perSignature, type SignatureName, signatureNames } from "./credentials.ts";
import type { Bed } from "./measure.ts";
import { countFor } from "./statistics.ts";
import { charonDaemon, type Daemon, Load, type Sample, sample, underlockDaemon } from "./subjects.ts";

/** Handshakes per CPU second, one for each round; samples of one round were taken one after the other. */
export type SignatureRates = Record<SignatureName, { readonly underlock: number[]; readonly charon: number[] }>;

const countBounds = { min: 50, max: 4_000 } as const;

/** Handshakes of each kind before the first sample. */
const warmUp = 400;

/** The rates of every kind of key, with X25519. */
export async function measureSignatures(bed: Bed): Promise<SignatureRates> {
  const rates = perSignature((): SignatureRates[SignatureName] => ({ underlock: [], charon: [] }));
  const folder = join(bed.folder, "credentials");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  await makeCredentials(folder);
  const load = new Load();
  const ours = await underlockDaemon(load, join(bed.folder, "signatures-underlock"), undefined, [], folder);
  const theirs = await charonDaemon(load, join(bed.folder, "signatures-charon"), bed.charon, folder);
  const taken = (daemon: Daemon, name: SignatureName, count: number) =>
    sample(load, daemon, "x25519", count, { signature: { name, folder } });
  try {
    const counts = perSignature(() => ({ underlock: 0, charon: 0 }));
    for (const name of signatureNames) {
      const enough = (one: Sample) => countFor(bed.effort.sampleSeconds, one, countBounds);
      await taken(ours, name, warmUp);
      counts[name].underlock = enough(await taken(ours, name, 100));
      counts[name].charon = enough(await taken(theirs, name, 100));
    }
    for (let round = 1; round <= bed.effort.rounds; round += 1) {
      bed.tell(`handshakes by signature, round ${round} of ${bed.effort.rounds}`);
      for (const name of signatureNames) {
        rates[name].underlock.push(rateOf(await taken(ours, name, counts[name].underlock)));
        rates[name].charon.push(rateOf(await taken(theirs, name, counts[name].charon)));
      }
    }
    return rates;
  } finally {
    load.close();
    await ours.process.kill();
    await theirs.process.kill();
  }
}

function rateOf({ count, took }: Sample): number {
  return count / took;
}
