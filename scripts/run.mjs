import { spawnSync } from "node:child_process";

/** A failure that is told to the user as its one sentence, without a stack. */
export class Sorry extends Error {}

/** Runs a command and returns {status, stdout, stderr}; status is 127 when there is no such command. */
export function capture(command, args, options = {}) {
  const done = spawnSync(command, args, { encoding: "utf8", maxBuffer: 64 << 20, ...options });
  return { status: done.error ? 127 : (done.status ?? 128), stdout: done.stdout ?? "", stderr: done.stderr ?? "" };
}

/** Runs a command whose output goes to our standard error, so that our standard output stays free for results. */
export function show(command, args, options = {}) {
  console.error(`$ ${[command, ...args].join(" ").split("\n")[0]}`);
  const done = spawnSync(command, args, { stdio: ["ignore", 2, 2], ...options });
  if (done.error) throw new Sorry(`cannot run ${command}: ${done.error.message}`);
  if (done.status !== 0) throw new Sorry(`${command} ${args[0] ?? ""} ended with status ${done.status ?? done.signal}`);
}

/** Runs the main function of a script; a Sorry becomes one line and exit status 1. */
export async function main(body) {
  try {
    process.exitCode = (await body(process.argv.slice(2))) ?? 0;
  } catch (error) {
    if (!(error instanceof Sorry)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
