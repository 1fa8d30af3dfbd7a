/** Our daemon under measurement. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Endpoint } from "../../src/negotiate/address.ts";
import { caseNames, espKeProposal, espProposal, ikeProposals, responderId, secret } from "./cases.ts";
import { DaemonProcess, ownCommand } from "./processes.ts";

/** Starts it, with everything that it writes in `folder`. `plain`: without root, on a port above 1024. `node`: further words for Node. */
export function startUnderlock(
  folder: string,
  listen: Endpoint,
  plain = false,
  node: readonly string[] = [],
): DaemonProcess {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = join(folder, "underlock.yaml");
  writeFileSync(config, stringify(configuration(listen)), { mode: 0o600 });
  const words = [config, join(folder, "socket"), plain ? "plain" : "exempt", String(listen.port)];
  const [program = "", ...rest] = ownCommand("responder", ...words, String(listen.port + 4000));
  const command = [program, ...node, ...rest];
  return new DaemonProcess(command, { log: join(folder, "log") });
}

/** One peer that may call from anywhere with any identity: a hub, as the one that charon gets. */
function configuration(listen: Endpoint): unknown {
  return {
    local: { id: responderId.text, address: listen.address },
    peers: {
      initiators: {
        remote: "any",
        auth: { psk: secret },
        ike: caseNames.map((name) => ikeProposals[name]),
        esp: [espProposal, espKeProposal],
        liveness: "off",
        protect: ["gre"],
      },
    },
  };
}
