import { Command, Option } from "commander";
import { configOption, jsonOption } from "../options.ts";

/** `underlock unlock`: removes every policy of ours and nobody else's. */
export function unlockCommand(): Command {
  return new Command("unlock")
    .description("remove underlock's policies: traffic may then pass in clear")
    .addOption(configOption())
    .addOption(
      new Option(
        "-s, --socket <path>",
        "where a daemon may listen that needs them (default: the file's daemon.socket, else the usual place)",
      ),
    )
    .addOption(new Option("--force", "even while a daemon runs"))
    .addOption(jsonOption())
    .action(async (options: { config: string; socket?: string; force?: boolean; json?: boolean }) => {
      const { unlock } = await import("../unlock.ts");
      await unlock(options);
    });
}
