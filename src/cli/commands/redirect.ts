import { Command } from "commander";
import { jsonOption, socketOption } from "../options.ts";

/** `underlock redirect PEER [GATEWAY]`: sends a peer's callers to another gateway; without one they may stay again. */
export function redirectCommand(): Command {
  return new Command("redirect")
    .description(
      "send a peer's callers to another gateway (RFC 5685), those too that are up; without one, let them stay",
    )
    .argument("<peer>", "name of the peer in the file")
    .argument("[gateway]", "address or DNS name of the gateway to go to")
    .addOption(socketOption())
    .addOption(jsonOption())
    .action(async (peer: string, gateway: string | undefined, options: { socket: string; json?: boolean }) => {
      const { redirectCallers } = await import("../redirect-callers.ts");
      await redirectCallers(peer, gateway, options);
    });
}
