import { Command } from "commander";
import { jsonOption, socketOption } from "../options.ts";
import { waitOption } from "../wait-option.ts";

/** `underlock down PEER`: takes a peer down and waits until its SAs are gone. */
export function downCommand(): Command {
  return new Command("down")
    .description('take a peer down until "up" asks for it again; its policies stay locked')
    .argument("<peer>", "name of the peer in the file")
    .addOption(waitOption())
    .addOption(socketOption())
    .addOption(jsonOption())
    .action(async (peer: string, options: { socket: string; wait: number; json?: boolean }) => {
      const { operatePeer } = await import("../operate-peer.ts");
      await operatePeer("down", peer, options);
    });
}
