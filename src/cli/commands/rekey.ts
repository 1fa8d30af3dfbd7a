import { Command } from "commander";
import { jsonOption, socketOption } from "../options.ts";

/** `underlock rekey PEER`: has the peer's Child SAs, or its IKE SA, replaced now. */
export function rekeyCommand(): Command {
  return new Command("rekey")
    .description("replace the Child SAs of a peer now, without waiting for their time")
    .argument("<peer>", "name of the peer in the file")
    .option("--ike", "replace the IKE SA instead")
    .addOption(socketOption())
    .addOption(jsonOption())
    .action(async (peer: string, options: { socket: string; ike?: boolean; json?: boolean }) => {
      const { rekeyPeer } = await import("../rekey-peer.ts");
      await rekeyPeer(peer, options);
    });
}
