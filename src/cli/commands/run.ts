import { Command, Option } from "commander";
import type { LogFormat, LogLevel } from "../../observe/log.ts";
import { configOption } from "../options.ts";

interface RunOptions {
  config: string;
  socket?: string;
  logFormat?: LogFormat;
  logLevel?: LogLevel;
  unlockOnExit?: boolean;
  exportKeys?: string;
  impair?: string[];
}

/** `underlock run`: the daemon, in the foreground. */
export function runCommand(): Command {
  return new Command("run")
    .description("run the daemon in the foreground")
    .addOption(configOption())
    .addOption(
      new Option("-s, --socket <path>", "the control socket (default: the file's daemon.socket, else the usual place)"),
    )
    .addOption(
      new Option("--log-format <format>", "how the log is printed (default: human on a terminal, else json)").choices([
        "human",
        "json",
      ]),
    )
    .addOption(
      new Option(
        "--log-level <level>",
        "the least weighty lines to print (default: the file's daemon.log-level, else info)",
      ).choices(["debug", "info", "warn", "error"]),
    )
    .addOption(new Option("--unlock-on-exit", "remove the policies at the end: traffic may then pass in clear"))
    .addOption(
      new Option(
        "--export-keys <folder>",
        "write every key, in clear, into this folder in Wireshark's formats: whoever reads it reads all traffic",
      ),
    )
    .addOption(
      new Option("--impair <impairment>", "do wrong on purpose, for tests")
        .argParser((text, earlier: string[] | undefined) => [...(earlier ?? []), text])
        .hideHelp(),
    )
    .action(async (options: RunOptions) => {
      const { runDaemon } = await import("../run-daemon.ts");
      await runDaemon(options);
    });
}
