/** Our daemon under measurement. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import type { Endpoint } from "../../src/negotiate/address.ts";
import { caseNames, espIkev1Proposal, espKeProposal, espProposal, ikeProposals, responderId, secret } from "./cases.ts";
import { type SignatureName, signatureNames, signers } from "./credentials.ts";
import { DaemonProcess, ownCommand } from "./processes.ts";

/** Starts it, with everything that it writes in `folder`, where the certificates are that it is to take. `plain`: without root, on a port above 1024. `node`: further words for Node. */
export function startUnderlock(
  folder: string,
  listen: Endpoint,
  plain = false,
  node: readonly string[] = [],
  certificates?: string,
): DaemonProcess {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = join(folder, "underlock.yaml");
  writeFileSync(config, stringify(configuration(listen, certificates)), { mode: 0o600 });
  const words = [config, join(folder, "socket"), plain ? "plain" : "exempt", String(listen.port)];
  const [program = "", ...rest] = ownCommand("responder", ...words, String(listen.port + 4000));
  const command = [program, ...node, ...rest];
  return new DaemonProcess(command, { log: join(folder, "log") });
}

/** One peer that may call from anywhere with any identity: a hub, as the one that charon gets. */
function configuration(listen: Endpoint, certificates: string | undefined): unknown {
  const signing = certificates === undefined ? [] : signatureNames.map((name) => [name, section(name, certificates)]);
  return {
    local: { id: responderId.text, address: listen.address },
    peers: {
      initiators: {
        remote: "any",
        auth: { psk: secret },
        ike: caseNames.map((name) => ikeProposals[name]),
        esp: [espProposal, espKeProposal, espIkev1Proposal],
        ikev1: "accept",
        liveness: "off",
        protect: ["gre"],
      },
      ...Object.fromEntries(signing),
    },
  };
}

/** Whoever has the certificate of that kind, as often as it likes. */
function section(name: SignatureName, folder: string): unknown {
  const { initiator, responder } = signers(name);
  const file = (end: string): string => join(folder, end);
  return {
    remote: "any",
    id: initiator,
    "local-id": responder,
    auth: { certificate: file(`${responder}.pem`), key: file(`${responder}.key`), trust: file("ca.pem") },
    ike: [ikeProposals.x25519],
    esp: [espProposal],
    unique: "never",
    liveness: "off",
    // No handshake asks for it, and no two sections may have the same.
    protect: [{ tunnel: `10.1.0.0/16 <-> 10.${10 + signatureNames.indexOf(name)}.0.0/16` }],
  };
}
