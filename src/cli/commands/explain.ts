import { Command } from "commander";
import { keyOptions } from "../decode/options.ts";
import { jsonOption } from "../options.ts";

/** `underlock explain`: what a negotiation came to, and why. */
export function explainCommand(): Command {
  const command = new Command("explain")
    .description("say in sentences what was offered, chosen and refused, and what each end would have to change")
    .argument("<file>", "a capture; - for standard input")
    .addOption(jsonOption());
  for (const option of keyOptions()) command.addOption(option);
  return command.action(async (file: string, options: { json?: boolean }) => {
    const { explainCapture } = await import("../decode/explain.ts");
    await explainCapture(file, options);
  });
}
