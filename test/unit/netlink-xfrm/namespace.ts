import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import koffi from "koffi";
import { afterAll, beforeAll, describe } from "vitest";

const CLONE_NEWNET = 0x40000000;
const libc = koffi.load(null);
const unshare = libc.func("int unshare(int flags)");
const setns = libc.func("int setns(int fd, int kind)");

/** Why no network namespace can be made here, or undefined. */
const obstacle = ((): string | undefined => {
  if (process.getuid?.() !== 0) return "needs root for a network namespace of its own";
  const trial = spawnSync("unshare", ["-n", "true"]);
  return trial.status === 0 ? undefined : "may not make a network namespace here";
})();

/** Tests that run in a fresh network namespace, which this process enters for them; skipped by name where that cannot be. */
export function inNamespace(title: string, tests: () => void): void {
  if (obstacle !== undefined) {
    describe.skip(`${title} (skipped: ${obstacle})`, tests);
    return;
  }
  describe(title, () => {
    let outside = -1;
    beforeAll(() => {
      outside = openSync("/proc/self/ns/net", "r");
      if (unshare(CLONE_NEWNET) !== 0) throw new Error(`unshare: errno ${koffi.errno()}`);
    });
    afterAll(() => {
      setns(outside, CLONE_NEWNET);
      closeSync(outside);
    });
    tests();
  });
}

/** Waits until `done` says so; throws after `ms` milliseconds. */
export async function until(done: () => boolean, what: string, ms = 3000): Promise<void> {
  const end = Date.now() + ms;
  while (!done()) {
    if (Date.now() > end) throw new Error(`no ${what} within ${ms} ms`);
    await sleep(5);
  }
}
