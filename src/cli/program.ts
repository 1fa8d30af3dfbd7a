/** Every command with its options. What a command needs is loaded when it runs, so that `version` and `status` start fast. */
import { Command } from "commander";
import { checkCommand } from "./commands/check.ts";
import { decodeCommand } from "./commands/decode.ts";
import { downCommand } from "./commands/down.ts";
import { explainCommand } from "./commands/explain.ts";
import { lockCommand } from "./commands/lock.ts";
import { pkiCommand } from "./commands/pki.ts";
import { redirectCommand } from "./commands/redirect.ts";
import { rekeyCommand } from "./commands/rekey.ts";
import { reloadCommand } from "./commands/reload.ts";
import { runCommand } from "./commands/run.ts";
import { statusCommand } from "./commands/status.ts";
import { unlockCommand } from "./commands/unlock.ts";
import { upCommand } from "./commands/up.ts";
import { vectorsCommand } from "./commands/vectors.ts";
import { versionCommand } from "./commands/version.ts";

/** The program; parsing throws CommanderError instead of ending the process. */
export function buildProgram(): Command {
  const program = new Command("underlock")
    .description(
      "Keeps the underlay of GRE, VXLAN and other overlays encrypted or silent, never in clear (IKE for Linux).",
    )
    .showSuggestionAfterError()
    .showHelpAfterError('(see "underlock --help")')
    .addHelpText("after", "\nExit status: 0 done, 1 it failed (with the reason), 2 usage or configuration error.");
  const commands = [
    runCommand(),
    lockCommand(),
    unlockCommand(),
    checkCommand(),
    upCommand(),
    downCommand(),
    rekeyCommand(),
    redirectCommand(),
    reloadCommand(),
    statusCommand(),
    decodeCommand(),
    explainCommand(),
    vectorsCommand(),
    pkiCommand(),
    versionCommand(),
  ];
  for (const command of commands) program.addCommand(command.copyInheritedSettings(program));
  for (const command of [program, ...commands]) command.exitOverride();
  return program;
}
