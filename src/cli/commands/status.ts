import { Command } from "commander";
import { jsonOption, socketOption } from "../options.ts";
import { printJson, printLine } from "../print.ts";

/** `underlock status`: what is configured and how it stands, from the running daemon. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show what is configured and how it stands")
    .addOption(socketOption())
    .addOption(jsonOption())
    .action(async (options: { socket: string; json?: boolean }) => {
      const { askDaemon } = await import("../daemon-call.ts");
      const report = await askDaemon(options.socket, "status");
      if (options.json === true) {
        printJson(report);
        return;
      }
      const { statusText } = await import("../status-text.ts");
      for (const line of statusText(report)) printLine(line);
    });
}
