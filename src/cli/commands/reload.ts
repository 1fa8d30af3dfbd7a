import { Command } from "commander";
import { jsonOption, socketOption } from "../options.ts";
import { printJson, printLine } from "../print.ts";

/** `underlock reload`: has the daemon read its file again, like SIGHUP, and says what came of it. */
export function reloadCommand(): Command {
  return new Command("reload")
    .description("have the daemon read its file again; a broken file changes nothing")
    .addOption(socketOption())
    .addOption(jsonOption())
    .action(async (options: { socket: string; json?: boolean }) => {
      const { askDaemon } = await import("../daemon-call.ts");
      const answer = (await askDaemon(options.socket, "reload")) as { peers: number };
      if (options.json === true) printJson(answer);
      else printLine(`reloaded: ${answer.peers} ${answer.peers === 1 ? "peer" : "peers"}`);
    });
}
