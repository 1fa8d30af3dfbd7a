import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoggedProcess, Machine } from "./machine.ts";
import { peerFolder } from "./peer-folder.ts";
import { Vici, type ViciMessage } from "./vici.ts";

/** The strongSwan releases that `scripts/setup.mjs peers` puts into folders. */
export const strongswanVersions = ["5.9.8", "6.0.1"] as const;

/** One of those releases. */
export type StrongswanVersion = (typeof strongswanVersions)[number];

/** One IKE connection, with a pre-shared key. Proposals are strongSwan's keywords. */
export interface Connection {
  readonly name: string;
  readonly version?: 1 | 2;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly localId: string;
  readonly remoteId: string;
  readonly secret: string;
  /** Several proposals are separated by commas, as in swanctl.conf. */
  readonly ike?: string;
  /** Further keys of the connection, named as in swanctl.conf. */
  readonly more?: ViciMessage;
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
  readonly more?: ViciMessage;
}

/** An SA as charon lists it: the fields of `swanctl --list-sas --raw`, with the Child SAs in a section `child-sas`. */
export type ListedSa = ViciMessage;

/** The plugins that both releases have and that a PSK gateway needs; those a release lacks are passed over. */
export const plugins =
  "random nonce openssl aes des sha1 sha2 md5 hmac cmac xcbc gcm ccm ctr chapoly curve25519 gmp kdf drbg " +
  "pem pkcs1 pkcs8 pubkey x509 constraints kernel-netlink socket-default vici xauth-generic";

/** A strongSwan gateway: charon, driven through its vici socket. */
export class Strongswan {
  readonly version: StrongswanVersion;
  readonly machine: Machine;
  readonly #charon: LoggedProcess;
  readonly #vici: Vici;

  private constructor(version: StrongswanVersion, machine: Machine, charon: LoggedProcess, vici: Vici) {
    this.version = version;
    this.machine = machine;
    this.#charon = charon;
    this.#vici = vici;
  }

  /** Starts charon in the machine and loads the connections; `options` are further keys under `charon.`. */
  static async start(
    version: StrongswanVersion,
    machine: Machine,
    connections: readonly Connection[],
    options: Readonly<Record<string, string>> = {},
  ): Promise<Strongswan> {
    const root = await peerFolder(machine, `strongswan-${version}`);
    const folder = join(machine.folder, "strongswan");
    const socket = join(folder, "vici");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "strongswan.conf"), strongswanConf(folder, options));
    rmSync(socket, { force: true });
    const env = { STRONGSWAN_CONF: join(folder, "strongswan.conf") };
    const charon = machine.spawn("charon", ["chroot", root, "/usr/lib/ipsec/charon"], env);
    // It is there a moment before it listens.
    let vici: Vici | undefined;
    await charon.until("vici socket", async () => {
      if (existsSync(socket)) vici = await Vici.connect(socket).catch(() => undefined);
      return vici !== undefined;
    });
    if (vici === undefined) throw new Error("charon's vici socket is gone");
    const started = new Strongswan(version, machine, charon, vici);
    for (const connection of connections) await started.load(connection);
    return started;
  }

  /** Loads a connection and its secret; one of the same name is replaced. */
  async load(connection: Connection): Promise<void> {
    const { name, secret, localId, remoteId } = connection;
    await this.#vici.must("load-shared", { id: name, type: "IKE", data: secret, owners: [localId, remoteId] });
    await this.#vici.must("load-conn", { [name]: connectionMessage(connection) });
  }

  /** Loads a user's password, for who logs in and for who is logged in with (XAuth). */
  async loadPassword(user: string, password: string): Promise<void> {
    await this.#vici.must("load-shared", { id: `xauth-${user}`, type: "XAUTH", data: password, owners: [user] });
  }

  /** Loads addresses that a connection's `pools` can name: a subnet. */
  async loadPool(name: string, addresses: string): Promise<void> {
    await this.#vici.must("load-pool", { [name]: { addrs: addresses } });
  }

  /** Loads a certificate in PEM: that of an authority that is trusted, or one that may be sent. */
  async loadCertificate(pem: string, flag: "CA" | "NONE"): Promise<void> {
    await this.#vici.must("load-cert", { type: "X509", flag, data: pem });
  }

  /** Loads what is known of an authority, its keys named as in swanctl.conf; connections are loaded after it. */
  async loadAuthority(name: string, settings: ViciMessage): Promise<void> {
    await this.#vici.must("load-authority", { [name]: settings });
  }

  /** Loads a private key in PEM. */
  async loadKey(pem: string): Promise<void> {
    await this.#vici.must("load-key", { type: "any", data: pem });
  }

  /** Brings a child up and waits for it; an error with charon's own words when it fails. */
  async initiate(child: string, seconds = 20): Promise<void> {
    await this.#vici.must("initiate", { child, timeout: String(seconds * 1000) });
  }

  /** Asks for a child and returns why it failed, undefined when it stands. */
  async refusal(child: string, seconds = 20): Promise<string | undefined> {
    const { success, errmsg } = await this.#vici.request("initiate", { child, timeout: String(seconds * 1000) });
    return success === "yes" ? undefined : String(errmsg);
  }

  /** Ends an IKE SA with all its children; an error when there is none. */
  async terminate(connection: string): Promise<void> {
    await this.#vici.must("terminate", { ike: connection, timeout: "10000" });
  }

  /** Ends an IKE SA where there is one. */
  async end(connection: string): Promise<void> {
    await this.#vici.request("terminate", { ike: connection, timeout: "10000" });
  }

  /** Ends one Child SA; an error when there is none. */
  async terminateChild(child: string): Promise<void> {
    await this.#vici.must("terminate", { child, timeout: "10000" });
  }

  /** Rekeys an IKE SA, or a Child SA when `what` says so. */
  async rekey(what: { readonly ike: string } | { readonly child: string }): Promise<void> {
    await this.#vici.must("rekey", { ...what });
  }

  /** Sends the callers of a connection to another gateway (RFC 5685 5). */
  async redirect(connection: string, gateway: string): Promise<void> {
    await this.#vici.must("redirect", { ike: connection, gateway });
  }

  /** The IKE SAs that charon has, each under its connection's name. */
  async sas(): Promise<{ readonly name: string; readonly sa: ListedSa }[]> {
    const events = await this.#vici.list("list-sas", "list-sa");
    return events.flatMap((event) =>
      Object.entries(event).flatMap(([name, sa]) => (typeof sa === "object" && "state" in sa ? [{ name, sa }] : [])),
    );
  }

  /** charon's log up to now. */
  log(): string {
    return readFileSync(join(this.machine.folder, "strongswan", "log"), "utf8");
  }

  /** Ends charon: SIGTERM deletes its SAs at the peer, SIGKILL leaves everything as it stands. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    this.#vici.close();
    await this.#charon.stop(signal);
  }
}

function strongswanConf(folder: string, options: Readonly<Record<string, string>>): string {
  const more = Object.entries(options).map(([key, value]) => `charon {\n  ${key} = ${value}\n}\n`);
  // charon hides its clock in its cookies behind a random offset; where the difference is below 10 s it takes every cookie,
  // its own fresh ones too, for expired. In a guest that has just booted that happens every so often.
  return `charon {
  load = ${plugins}
  dos_protection = no
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

function connectionMessage(connection: Connection): ViciMessage {
  return {
    version: String(connection.version ?? 2),
    local_addrs: [connection.localAddress],
    remote_addrs: [connection.remoteAddress],
    ...(connection.ike === undefined ? {} : { proposals: connection.ike.split(",") }),
    mobike: "no",
    local: { auth: "psk", id: connection.localId },
    remote: { auth: "psk", id: connection.remoteId },
    // Behind these two: further rounds of authentication come in the order in which they stand.
    ...connection.more,
    children: Object.fromEntries(connection.children.map((child) => [child.name, childMessage(child)])),
  };
}

function childMessage(child: Child): ViciMessage {
  return {
    mode: child.mode,
    local_ts: (child.localTs ?? "dynamic").split(","),
    remote_ts: (child.remoteTs ?? "dynamic").split(","),
    ...(child.esp === undefined ? {} : { esp_proposals: child.esp.split(",") }),
    ...(child.ah === undefined ? {} : { ah_proposals: child.ah.split(",") }),
    start_action: child.startAction ?? "none",
    ...child.more,
  };
}
