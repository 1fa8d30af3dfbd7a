import { Command, Option } from "commander";
import { jsonOption, socketOption } from "../options.ts";

/** `underlock unlock`: removes every policy of ours and nobody else's. */
export function unlockCommand(): Command {
  return new Command("unlock")
    .description("remove underlock's policies: traffic may then pass in clear")
    .addOption(socketOption())
    .addOption(new Option("--force", "even while a daemon runs"))
    .addOption(jsonOption())
    .action(async (options: { socket: string; force?: boolean; json?: boolean }) => {
      const { unlock } = await import("../unlock.ts");
      await unlock(options);
    });
}
