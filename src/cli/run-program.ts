/** Runs a program and turns whatever goes wrong into sentences and an exit status. */
import { type Command, CommanderError } from "commander";
import { Failure } from "../daemon/failure.ts";

/** 0: done. 1: it failed. 2: usage or configuration error. Errors go to standard error, without a stack trace. */
export async function runProgram(program: Command, words: readonly string[]): Promise<number> {
  try {
    await program.parseAsync([...words], { from: "user" });
    return 0;
  } catch (error) {
    // Commander has said its own already; help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Failure) {
      for (const line of [`underlock: ${error.message}`, ...error.details]) process.stderr.write(`${line}\n`);
      return error.exitStatus;
    }
    // Whoever read the output has read enough: `underlock decode … | head`.
    if ((error as NodeJS.ErrnoException).code === "EPIPE") return 0;
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`underlock: ${message}\n`);
    if (process.env.UNDERLOCK_DEBUG !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    return 1;
  }
}
