import { Command } from "commander";
import { configOption, jsonOption } from "../options.ts";

/** `underlock lock`: every policy of the file, locked, without a daemon: for boot, before the network is up. */
export function lockCommand(): Command {
  return new Command("lock")
    .description("install the file's policies, locked, without a daemon; what stands already stays")
    .addOption(configOption())
    .addOption(jsonOption())
    .action(async (options: { config: string; json?: boolean }) => {
      const { lock } = await import("../lock.ts");
      await lock(options);
    });
}
