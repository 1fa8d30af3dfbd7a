import { Command, Option } from "commander";
import { configOption, jsonOption } from "../options.ts";

/** `underlock check`: what is wrong with the file, what the host would do with it. Changes nothing. */
export function checkCommand(): Command {
  return new Command("check")
    .description("check the file, what this kernel can do, and what would defeat the locks; changes nothing")
    .addOption(configOption())
    .addOption(new Option("--offline", "the file alone: ask neither the kernel nor name servers"))
    .addOption(jsonOption())
    .action(async (options: { config: string; offline?: boolean; json?: boolean }) => {
      const { check } = await import("../check.ts");
      await check(options);
    });
}
