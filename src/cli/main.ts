/** The program `underlock`: its arguments, and its exit status. */
import { buildProgram } from "./program.ts";
import { runProgram } from "./run-program.ts";

// A reader that has gone away (`underlock status | head`) is no fault worth a stack trace.
process.stdout.on("error", () => undefined);

process.exitCode = await runProgram(buildProgram(), process.argv.slice(2));
