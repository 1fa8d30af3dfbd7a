import { Command } from "commander";
import { jsonOption } from "../options.ts";
import { printJson, printLine } from "../print.ts";
import { ownVersion } from "../version.ts";

/** `underlock version`: this program's version and the Node it runs on. */
export function versionCommand(): Command {
  return new Command("version")
    .description("print the version")
    .addOption(jsonOption())
    .action((options: { json?: boolean }) => {
      const version = ownVersion();
      if (options.json === true) printJson({ version, node: process.versions.node });
      else printLine(`underlock ${version} (Node ${process.versions.node})`);
    });
}
