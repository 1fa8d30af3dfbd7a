/** strongSwan's daemon under measurement: the distribution's own plugins and settings, but for what would distort the comparison. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Endpoint } from "../../src/negotiate/address.ts";
import { Vici } from "../interop/lab/vici.ts";
import { caseNames, espIkev1Proposal, ikeProposals, responderId, secret } from "./cases.ts";
import { credentialText, signatureNames, signers } from "./credentials.ts";
import { DaemonProcess, sleep } from "./processes.ts";

/** Where a charon is: in this machine's root, or in a folder to chroot into. */
export interface CharonPlace {
  readonly root: string;
}

/** A charon that takes handshakes from any initiator that has the secret. */
export interface Charon {
  readonly process: DaemonProcess;
  /** As it says itself. */
  readonly version: string;
}

/** Starts it and loads its one connection; `folder` must be the same path in the chroot. */
export async function startCharon(
  place: CharonPlace,
  folder: string,
  listen: Endpoint,
  certificates?: string,
): Promise<Charon> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const socket = join(folder, "vici");
  rmSync(socket, { force: true });
  const conf = join(folder, "strongswan.conf");
  writeFileSync(conf, configuration(socket, listen));
  const program = "/usr/lib/ipsec/charon";
  const command = place.root === "/" ? [program] : ["chroot", place.root, program];
  const daemon = new DaemonProcess(command, { log: join(folder, "log"), env: { STRONGSWAN_CONF: conf } });
  await daemon.until("vici socket", () => existsSync(socket));
  const vici = await connectVici(socket);
  try {
    await vici.must("load-shared", { id: "all", type: "IKE", data: secret });
    await vici.must("load-conn", { initiators: connection(listen) });
    await vici.must("load-conn", { ikev1: ikev1Connection(listen) });
    if (certificates !== undefined) await loadCertificates(vici, certificates, listen);
    const { version } = await vici.must("version");
    return { process: daemon, version: String(version) };
  } finally {
    vici.close();
  }
}

/** Whoever has the certificate of a kind, as often as it likes. */
async function loadCertificates(vici: Vici, dir: string, listen: Endpoint): Promise<void> {
  await vici.must("load-cert", { type: "X509", flag: "CA", data: credentialText(dir, "ca.pem") });
  for (const name of signatureNames) {
    const { initiator, responder } = signers(name);
    await vici.must("load-key", { type: "any", data: credentialText(dir, `${responder}.key`) });
    const certs = [credentialText(dir, `${responder}.pem`)];
    const ends = { local: { auth: "pubkey", id: responder, certs }, remote: { auth: "pubkey", id: initiator } };
    await vici.must("load-conn", { [name]: { ...connection(listen), ...ends } });
  }
}

/** Between binding its socket and listening on it charon refuses whoever connects. */
async function connectVici(socket: string): Promise<Vici> {
  for (let left = 200; left > 0; left -= 1) {
    try {
      return await Vici.connect(socket);
    } catch {
      await sleep(5);
    }
  }
  return await Vici.connect(socket);
}

/**
 * Stock, with a hash table for the number of tunnels that stand here (the default is one list), without the limits on
 * half-open SAs from one address that the load generator would run into and without a log, as ours has none either.
 */
function configuration(socket: string, { port }: Endpoint): string {
  return `charon {
  load_modular = yes
  port = ${port}
  port_nat_t = ${port + 4000}
  dos_protection = no
  ikesa_table_size = 16384
  ikesa_table_segments = 16
  plugins {
    include /etc/strongswan.d/charon/*.conf
    vici {
      socket = unix://${socket}
    }
  }
  syslog {
    daemon {
      default = -1
    }
    auth {
      default = -1
    }
  }
}
`;
}

/** Its kernel may refuse the SAs, which it asks for when all messages are in. */
function ikev1Connection(listen: Endpoint) {
  const gre = {
    mode: "transport",
    local_ts: ["dynamic[gre]"],
    remote_ts: ["dynamic[gre]"],
    esp_proposals: [espIkev1Proposal],
  };
  return { ...connection(listen), version: "1", proposals: [ikeProposals.modp2048], children: { gre } };
}

function connection(listen: Endpoint) {
  return {
    version: "2",
    local_addrs: [listen.address],
    proposals: caseNames.map((name) => ikeProposals[name]),
    unique: "never",
    local: { auth: "psk", id: responderId.text },
    remote: { auth: "psk" },
  };
}
