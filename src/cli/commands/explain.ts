import { Command } from "commander";
import { Failure } from "../../daemon/failure.ts";
import { keyOptions } from "../decode/options.ts";
import { jsonOption, socketOption } from "../options.ts";

/** `underlock explain`: what a negotiation came to, and why. */
export function explainCommand(): Command {
  const command = new Command("explain")
    .description("say in sentences what was offered, chosen and refused, and what each end would have to change")
    .argument("[file]", "a capture; - for standard input")
    .option("--live <peer>", "the latest exchanges of a peer of the running daemon instead")
    .option("--write <file>", "with --live: keep these exchanges as a capture, for decode, explain and others")
    .addOption(socketOption())
    .addOption(jsonOption());
  for (const option of keyOptions()) command.addOption(option);
  return command.action(
    async (file: string | undefined, options: { json?: boolean; live?: string; write?: string; socket: string }) => {
      if ((file === undefined) === (options.live === undefined)) {
        throw new Failure(2, "explain takes a capture, or --live and the name of a peer");
      }
      if (options.write !== undefined && options.live === undefined) {
        throw new Failure(2, "--write keeps what the daemon has of a peer: name it with --live");
      }
      if (options.live !== undefined) {
        const { explainLive } = await import("../decode/explain-live.ts");
        await explainLive(options.live, options);
        return;
      }
      if (file === undefined) return;
      const { explainCapture } = await import("../decode/explain.ts");
      await explainCapture(file, options);
    },
  );
}
