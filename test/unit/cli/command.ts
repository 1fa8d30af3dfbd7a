import { spawn } from "node:child_process";

/** How a command ended, and what it said. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const main = new URL("../../../src/cli/main.ts", import.meta.url).pathname;

/** Runs `underlock` with these words, from source. `before`: a program and its words that go before, such as `unshare -n`. */
export async function underlock(words: readonly string[], before: readonly string[] = []): Promise<Ended> {
  const [program = "", ...rest] = [...before, process.execPath, "--import", "tsx", main, ...words];
  return await run(program, rest);
}

/** Runs any program to its end. */
export async function run(program: string, words: readonly string[]): Promise<Ended> {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    ended.stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    ended.stderr += chunk;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { status, ...ended };
}
