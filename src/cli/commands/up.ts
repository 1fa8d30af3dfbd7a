import { Command } from "commander";
import { jsonOption, socketOption } from "../options.ts";
import { waitOption } from "../wait-option.ts";

/** `underlock up PEER`: brings a peer up and waits for how it ends. */
export function upCommand(): Command {
  return new Command("up")
    .description("bring a peer up, and wait until it is")
    .argument("<peer>", "name of the peer in the file")
    .addOption(waitOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .action(async (peer: string, options: { socket: string; wait: number; json?: boolean }) => {
      const { operatePeer } = await import("../operate-peer.ts");
      await operatePeer("up", peer, options);
    });
}
