/** `run`: puts the real engine, kernel and network together. */
import { randomBytes } from "../crypto/secret.ts";
import { computeWithRevocation } from "../daemon/compute.ts";
import { defaultSocketPath } from "../daemon/control-protocol.ts";
import { defaultCrashSecretPath, loadCrashSecret } from "../daemon/crash-secret.ts";
import type { Impaired } from "../daemon/impairments/impair.ts";
import type { KeyExport } from "../daemon/key-export.ts";
import { DescriptorStore, recoveredEndpoint } from "../daemon/notify.ts";
import { exitOnCrash, runProcess } from "../daemon/process.ts";
import { RecentDatagrams } from "../daemon/recent-datagrams.ts";
import { RememberingTransport } from "../daemon/remembering-transport.ts";
import { CertificateLookup } from "../daemon/revocation/certificate-lookup.ts";
import { fetchOverHttp } from "../daemon/revocation/fetch.ts";
import { defaultListFolder, listFiles } from "../daemon/revocation/list-files.ts";
import { RevocationChecker } from "../daemon/revocation/revocation-checker.ts";
import { Engine } from "../engine/engine.ts";
import { holdPackets } from "../kernel/xfrm/hold-packets.ts";
import { heldNatTools } from "../kernel/xfrm/nat-tools.ts";
import { Log, type LogFormat, type LogLevel } from "../observe/log.ts";
import { exemptSockets } from "../transport/exempt-socket.ts";
import { HolderProcess, holderPath } from "../transport/holder-process.ts";
import { KeptSockets, type SocketKeeper } from "../transport/kept-sockets.ts";
import { netlinkHostAddresses } from "../transport/netlink-addresses.ts";
import { sourceAddressTowards } from "../transport/source-address.ts";
import { standardPorts, UdpTransport } from "../transport/udp-transport.ts";
import { loadFile } from "./configuration.ts";
import { findHazards } from "./host-findings.ts";
import { openAbleKernel } from "./host-kernel.ts";
import { ownVersion } from "./version.ts";

/** Runs until a signal ends it; throws Failure where it cannot start. */
export async function runDaemon(options: {
  readonly config: string;
  readonly socket?: string;
  readonly logFormat?: LogFormat;
  readonly logLevel?: LogLevel;
  readonly unlockOnExit?: boolean;
  /** The folder that every key is written to; nowhere unless said. */
  readonly exportKeys?: string;
  /** Tests only, see `daemon/impairments`. */
  readonly impair?: readonly string[];
}): Promise<void> {
  const first = await loadFile(options.config, { strict: false });
  const log = new Log({
    format: options.logFormat ?? (process.stdout.isTTY ? "human" : "json"),
    level: options.logLevel ?? first.settings.logLevel ?? "info",
    write: (line) => process.stdout.write(line),
    now: () => Date.now(),
  });
  exitOnCrash(log);
  const impaired = options.impair === undefined ? undefined : await impairments(options.impair, log);
  const exported = options.exportKeys === undefined ? undefined : await keyExport(options.exportKeys, log);
  const socketPath = options.socket ?? first.settings.socket ?? defaultSocketPath;
  const transport = new UdpTransport({
    ports: standardPorts,
    openSocket: exemptSockets(new KeptSockets(socketKeeper(socketPath, log), recoveredEndpoint)),
    followAddresses: netlinkHostAddresses,
  });
  const recent = new RecentDatagrams(() => Date.now());
  const remembering = new RememberingTransport(transport, recent);
  const crashSecret = await secretOf(first.settings.crashSecret, log);
  const readNat = heldNatTools(natRulesHold, () => performance.now());
  await runProcess({
    log,
    engine: new Engine({
      random: randomBytes,
      crashSecret,
      keyWitness: exported?.witness,
      ...(impaired && { rewrite: impaired.rewrite, rewriteReceived: impaired.rewriteReceived }),
    }),
    transport: impaired?.transport(remembering) ?? remembering,
    recent,
    findHazards: (desired) => findHazards(desired, readNat),
    holdPackets: () => holdPackets(),
    sourceTowards: sourceAddressTowards,
    compute: computeWithRevocation(
      revocationChecker(log),
      new CertificateLookup({ fetch: fetchOverHttp, now: () => performance.now() }),
    ),
    clock: () => performance.now(),
    wall: () => Date.now(),
    version: ownVersion(),
    file: first.file,
    socketPath,
    load: async (when) => (when === "start" ? first : await loadFile(first.file, { strict: when === "reload" })),
    openKernel: async ({ desired }) => {
      const { kernel, warnings } = await openAbleKernel(desired);
      const watched = exported?.kernel(kernel) ?? kernel;
      return { kernel: impaired?.kernel(watched) ?? watched, warnings };
    },
    unlockOnExit: options.unlockOnExit === true,
    environment: process.env,
  });
}

/** Whoever asks for the status often has the NAT rules of the last minute: to read them costs time that the peers wait for. */
const natRulesHold = 60_000;

function revocationChecker(log: Log): RevocationChecker {
  return new RevocationChecker({
    fetch: fetchOverHttp,
    files: listFiles(defaultListFolder),
    now: () => Date.now(),
    failed: (sentence) => log.say("warn", "revocation", sentence),
  });
}

async function secretOf(path: string | false = defaultCrashSecretPath, log: Log): Promise<Uint8Array | undefined> {
  if (path === false) return undefined;
  const loaded = await loadCrashSecret(path, randomBytes);
  if ("secret" in loaded) return loaded.secret;
  log.say("warn", "configuration", `no quick crash detection: ${loaded.wrong}`);
  return undefined;
}

/** Who keeps the sockets over a crash: systemd, which ends every other process of the service, or else a process of ours. */
function socketKeeper(socketPath: string, log: Log): SocketKeeper {
  const { NOTIFY_SOCKET } = process.env;
  if (NOTIFY_SOCKET !== undefined) return new DescriptorStore(process.env, NOTIFY_SOCKET);
  return new HolderProcess(holderPath(socketPath), (sentence) => log.say("warn", "transport", sentence));
}

async function keyExport(folder: string, log: Log): Promise<KeyExport> {
  const { KeyExport } = await import("../daemon/key-export.ts");
  return KeyExport.into(folder, log);
}

async function impairments(texts: readonly string[], log: Log): Promise<Impaired> {
  const { impair } = await import("../daemon/impairments/impair.ts");
  return impair(texts, process.env, log);
}
