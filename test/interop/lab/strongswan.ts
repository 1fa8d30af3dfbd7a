import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Finished, LoggedProcess, Machine } from "./machine.ts";

/** The strongSwan releases that `scripts/setup.mjs peers` puts into folders. */
export const strongswanVersions = ["5.9.8", "6.0.1"] as const;

/** One of those releases. */
export type StrongswanVersion = (typeof strongswanVersions)[number];

/** One IKE connection of swanctl.conf, with a pre-shared key. Proposals are strongSwan's keywords. */
export interface Connection {
  readonly name: string;
  readonly version?: 1 | 2;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly localId: string;
  readonly remoteId: string;
  readonly secret: string;
  readonly ike?: string;
  /** Further keys of the connection, as swanctl.conf writes them. */
  readonly more?: Readonly<Record<string, string>>;
  readonly children: readonly Child[];
}

/** One Child SA of a connection. Selectors are written as in swanctl.conf: "dynamic[gre]", "10.1.0.0/16". */
export interface Child {
  readonly name: string;
  readonly mode: "transport" | "tunnel";
  readonly localTs?: string;
  readonly remoteTs?: string;
  readonly esp?: string;
  readonly ah?: string;
  readonly startAction?: "none" | "trap" | "start";
  readonly more?: Readonly<Record<string, string>>;
}

/** The plugins that both releases have and that a PSK gateway needs; those a release lacks are passed over. */
const plugins =
  "random nonce openssl aes des sha1 sha2 md5 hmac cmac xcbc gcm ccm ctr chapoly curve25519 gmp kdf drbg " +
  "pem pkcs1 pkcs8 pubkey x509 constraints kernel-netlink socket-default vici";

/** A strongSwan gateway: charon, driven through its vici socket by swanctl. */
export class Strongswan {
  readonly version: StrongswanVersion;
  readonly machine: Machine;
  #charon: LoggedProcess;

  private constructor(version: StrongswanVersion, machine: Machine, charon: LoggedProcess) {
    this.version = version;
    this.machine = machine;
    this.#charon = charon;
  }

  /** Starts charon in the machine, loads the connections and resolves when they are loaded. */
  static async start(
    version: StrongswanVersion,
    machine: Machine,
    connections: readonly Connection[],
    options: Readonly<Record<string, string>> = {},
  ): Promise<Strongswan> {
    const root = peerFolder(version);
    if (!existsSync(root))
      throw new Error(`strongSwan ${version} is not in ${root}: do \`node scripts/setup.mjs peers\``);
    const folder = join(machine.folder, "strongswan");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "strongswan.conf"), strongswanConf(folder, options));
    writeFileSync(join(folder, "swanctl.conf"), swanctlConf(connections));
    await machine.run(
      ["dev", "proc", "sys", "tmp", "run"].map((name) => `mount --bind /${name} ${root}/${name}`).join("\n"),
    );
    const env = { STRONGSWAN_CONF: join(folder, "strongswan.conf"), SWANCTL_DIR: folder };
    const charon = machine.spawn("charon", ["chroot", root, "/usr/lib/ipsec/charon"], env);
    const started = new Strongswan(version, machine, charon);
    await charon.until("vici socket", () => existsSync(join(folder, "vici")));
    await started.swanctl("--load-all", "--noprompt");
    return started;
  }

  /** Brings a child up and waits for it; an error with charon's own words when it fails. */
  async initiate(child: string, seconds = 20): Promise<void> {
    await this.swanctl("--initiate", "--child", child, "--timeout", String(seconds));
  }

  /** Asks for a child and returns how it went, for a scenario in which it must fail. */
  async attemptInitiate(child: string, seconds = 20): Promise<Finished> {
    return await this.#swanctl("--initiate", "--child", child, "--timeout", String(seconds));
  }

  /** Ends an IKE SA with all its children. */
  async terminate(connection: string): Promise<void> {
    await this.swanctl("--terminate", "--ike", connection);
  }

  /** What `swanctl --list-sas` prints. */
  async sas(): Promise<string> {
    return await this.swanctl("--list-sas");
  }

  /** Runs swanctl with these arguments and returns what it prints; a status other than 0 is an error. */
  async swanctl(...args: string[]): Promise<string> {
    const done = await this.#swanctl(...args);
    if (done.status === 0) return done.stdout;
    throw new Error(
      `${this.machine.name}: swanctl ${args.join(" ")}: status ${done.status}\n${done.stdout}${done.stderr}`,
    );
  }

  /** charon's log up to now. */
  log(): string {
    return readFileSync(join(this.machine.folder, "strongswan", "log"), "utf8");
  }

  /** Ends charon: SIGTERM deletes its SAs at the peer, SIGKILL leaves everything as it stands. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#charon.stop(signal);
  }

  async #swanctl(...args: string[]): Promise<Finished> {
    const folder = join(this.machine.folder, "strongswan");
    const words = ["chroot", peerFolder(this.version), "/usr/sbin/swanctl", ...args, "--uri", `unix://${folder}/vici`];
    return await this.machine.attempt(words.map((word) => `'${word}'`).join(" "), { env: { SWANCTL_DIR: folder } });
  }
}

function peerFolder(version: StrongswanVersion): string {
  const cache = process.env.UNDERLOCK_CACHE ?? join(process.env.HOME ?? homedir(), ".cache", "underlock");
  return join(cache, "peers", `strongswan-${version}`);
}

function strongswanConf(folder: string, options: Readonly<Record<string, string>>): string {
  const more = Object.entries(options).map(([key, value]) => `charon.${key} = ${value}\n`);
  return `charon {
  load = ${plugins}
  filelog {
    file {
      path = ${folder}/log
      append = no
      flush_line = yes
      time_format = %H:%M:%S
      time_add_ms = yes
      default = 1
      ike = 2
      cfg = 2
      knl = 2
    }
  }
  plugins {
    vici {
      socket = unix://${folder}/vici
    }
  }
}
${more.join("")}`;
}

function swanctlConf(connections: readonly Connection[]): string {
  return `connections {
${connections.map(connectionSection).join("")}}
secrets {
${connections.map(secretSection).join("")}}
`;
}

function connectionSection(connection: Connection): string {
  const keys = {
    version: String(connection.version ?? 2),
    local_addrs: connection.localAddress,
    remote_addrs: connection.remoteAddress,
    ...(connection.ike === undefined ? {} : { proposals: connection.ike }),
    mobike: "no",
    ...connection.more,
  };
  return section(1, connection.name, keys, [
    section(2, "local", { auth: "psk", id: connection.localId }),
    section(2, "remote", { auth: "psk", id: connection.remoteId }),
    section(2, "children", {}, connection.children.map(childSection)),
  ]);
}

function childSection(child: Child): string {
  return section(3, child.name, {
    mode: child.mode,
    ...(child.localTs === undefined ? {} : { local_ts: child.localTs }),
    ...(child.remoteTs === undefined ? {} : { remote_ts: child.remoteTs }),
    ...(child.esp === undefined ? {} : { esp_proposals: child.esp }),
    ...(child.ah === undefined ? {} : { ah_proposals: child.ah }),
    start_action: child.startAction ?? "none",
    ...child.more,
  });
}

function secretSection({ name, remoteId, localId, secret }: Connection): string {
  return section(1, `ike-${name}`, { "id-1": remoteId, "id-2": localId, secret: `"${secret}"` });
}

function section(depth: number, name: string, keys: Readonly<Record<string, string>>, inner: string[] = []): string {
  const indent = "  ".repeat(depth);
  const lines = Object.entries(keys).map(([key, value]) => `${indent}  ${key} = ${value}\n`);
  return `${indent}${name} {\n${lines.join("")}${inner.join("")}${indent}}\n`;
}
