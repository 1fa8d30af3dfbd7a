import { Command, Option } from "commander";
import type { LogFormat, LogLevel } from "../../observe/log.ts";
import { configOption, socketOption } from "../options.ts";

interface RunOptions {
  config: string;
  socket: string;
  logFormat?: LogFormat;
  logLevel: LogLevel;
  unlockOnExit?: boolean;
}

/** `underlock run`: the daemon, in the foreground. */
export function runCommand(): Command {
  return new Command("run")
    .description("run the daemon in the foreground")
    .addOption(configOption())
    .addOption(socketOption())
    .addOption(
      new Option("--log-format <format>", "how the log is printed (default: human on a terminal, else json)").choices([
        "human",
        "json",
      ]),
    )
    .addOption(
      new Option("--log-level <level>", "the least weighty lines to print")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .addOption(new Option("--unlock-on-exit", "remove the policies at the end: traffic may then pass in clear"))
    .action(async (options: RunOptions) => {
      const { runDaemon } = await import("../run-daemon.ts");
      await runDaemon(options);
    });
}
