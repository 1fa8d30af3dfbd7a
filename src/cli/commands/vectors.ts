import { Command } from "commander";
import { jsonOption } from "../options.ts";

/** `underlock vectors`: this build against test vectors that others wrote. */
export function vectorsCommand(): Command {
  return new Command("vectors")
    .description("run test vectors of RFCs, NIST, Wycheproof and others through the code that the daemon uses")
    .argument("[files...]", "JSON files in any of the known layouts; those that come with underlock unless given")
    .option("-f, --filter <text>", "only vectors with this in their algorithm, name or source")
    .option("--markdown", "print the totals of each folder as a Markdown table")
    .addOption(jsonOption())
    .action(async (files: string[], options: { filter?: string; json?: boolean; markdown?: boolean }) => {
      const { runVectors } = await import("../vectors/run.ts");
      await runVectors(files, options);
    });
}
