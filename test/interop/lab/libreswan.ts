import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Finished, LoggedProcess, Machine } from "./machine.ts";
import { peerFolder } from "./peer-folder.ts";

/** One `conn` of ipsec.conf(5): an IKE SA, shared by those with the same ends, and one Child SA of it. */
export interface LibreswanConnection {
  readonly name: string;
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly localId: string;
  readonly remoteId: string;
  readonly secret: string;
  readonly mode: "transport" | "tunnel";
  /** Keys that say what is protected, named as in ipsec.conf(5); the local end is the left one. */
  readonly selectors: Readonly<Record<string, string>>;
  /** Further keys: proposals, lifetimes; undefined takes one away that stands there otherwise. */
  readonly more?: Readonly<Record<string, string | undefined>>;
  /** What it logs in with (XAuth). */
  readonly login?: { readonly user: string; readonly password: string };
}

/** Keys and certificates for pluto's store. */
export interface LibreswanStore {
  /** PKCS#12 files without a password. */
  readonly store: readonly { readonly name: string; readonly octets: Uint8Array }[];
  /** Certificates; `trust` as certutil has it: `CT,,` for an authority that is trusted. */
  readonly certificates: readonly { readonly name: string; readonly pem: string; readonly trust: string }[];
}

/** What one `conn` has, as `whack --status` lists it: serial numbers as "#3". */
export interface LibreswanSas {
  readonly ike: readonly string[];
  readonly child: readonly string[];
}

/** A Libreswan 5.2 gateway: pluto, driven by whack as its `ipsec` command does. */
export class Libreswan {
  readonly machine: Machine;
  readonly #root: string;
  readonly #folder: string;
  readonly #pluto: LoggedProcess;

  private constructor(machine: Machine, root: string, folder: string, pluto: LoggedProcess) {
    this.machine = machine;
    this.#root = root;
    this.#folder = folder;
    this.#pluto = pluto;
  }

  /** Starts pluto in the machine and loads the connections. */
  static async start(
    machine: Machine,
    connections: readonly LibreswanConnection[],
    keys: LibreswanStore = { store: [], certificates: [] },
  ): Promise<Libreswan> {
    const root = await peerFolder(machine, "libreswan-5.2");
    const folder = join(machine.folder, "libreswan");
    const nss = join(folder, "nss");
    mkdirSync(nss, { recursive: true });
    writeFileSync(join(folder, "ipsec.conf"), ipsecConf(folder, connections));
    writeFileSync(join(folder, "ipsec.secrets"), secrets(connections), { mode: 0o600 });
    writeFileSync(join(folder, "log"), "");
    await machine.run(
      `test -e ${nss}/cert9.db || chroot ${root} /usr/bin/certutil -N -d sql:${nss} --empty-password && mkdir -p /run/pluto`,
    );
    const batch = keys.certificates
      .map(({ name, pem, trust }) => {
        writeFileSync(join(folder, `${name}.pem`), pem);
        return `-A -a -i ${folder}/${name}.pem -n ${name} -t ${trust}\n`;
      })
      .join("");
    writeFileSync(join(folder, "batch"), batch);
    const imports = [
      ...keys.store.map(({ name, octets }) => {
        writeFileSync(join(folder, name), octets);
        return `chroot ${root} /usr/bin/pk12util -i ${folder}/${name} -d sql:${nss} -W '' -K ''`;
      }),
      ...(batch === "" ? [] : [`chroot ${root} /usr/bin/certutil -B -i ${folder}/batch -d sql:${nss}`]),
    ];
    if (imports.length > 0) await machine.run(imports.join(" && "));
    const files = ["--config", join(folder, "ipsec.conf"), "--secretsfile", join(folder, "ipsec.secrets")];
    const folders = ["--nssdir", nss, "--rundir", folder, "--logfile", join(folder, "log")];
    const program = "/usr/libexec/ipsec/pluto";
    const pluto = machine.spawn("pluto", ["chroot", root, program, "--nofork", ...files, ...folders]);
    const started = new Libreswan(machine, root, folder, pluto);
    await pluto.until("control socket", async () => (await started.whack("--briefstatus")).status === 0);
    await started.must("--listen");
    for (const { name } of connections) await started.#add(name);
    return started;
  }

  /** Loads a connection; one of the same name is replaced, and what it has is ended. */
  async load(connection: LibreswanConnection): Promise<void> {
    writeFileSync(join(this.#folder, "ipsec.conf"), ipsecConf(this.#folder, [connection]));
    await this.#add(connection.name);
  }

  /** Ends what a connection has without a word to the peer, and keeps the ticket for it (RFC 5723). */
  async suspend(name: string): Promise<void> {
    await this.must("--suspend", "--name", name);
  }

  /** Has a connection's traffic ask for its SAs. */
  async route(name: string): Promise<void> {
    await this.must("--route", "--name", name);
  }

  /** Brings a connection up and waits for its Child SA; an error with pluto's own words when it fails. */
  async initiate(name: string): Promise<void> {
    const said = await this.refusal(name);
    if (said !== undefined) throw new Error(`${this.machine.name}: Libreswan does not bring ${name} up:\n${said}`);
  }

  /** Asks for a connection and returns what pluto said where it does not come up, undefined when it stands. */
  async refusal(name: string): Promise<string | undefined> {
    return await this.#achieves(/established Child SA|IPsec SA established/, "--initiate", "--name", name);
  }

  /** Rekeys a connection's IKE SA or its Child SA, and waits for the end of it; returns what pluto said where it failed. */
  async rekey(what: "ike" | "child", name: string): Promise<string | undefined> {
    const done = what === "ike" ? /rekeyed IKE SA|established IKE SA/ : /rekeyed Child SA|established Child SA/;
    return await this.#achieves(done, `--rekey-${what}`, "--name", name);
  }

  /** Deletes a connection's IKE SA or its Child SA by an INFORMATIONAL exchange. */
  async delete(what: "ike" | "child", name: string): Promise<void> {
    await this.must(`--delete-${what}`, "--name", name);
  }

  /** Ends what a connection has, and keeps its description. */
  async down(name: string): Promise<void> {
    await this.must("--down", "--name", name);
  }

  /** The serial numbers of a connection's established SAs. */
  async sas(name: string): Promise<LibreswanSas> {
    const status = await this.must("--showstates");
    const of = (what: string) =>
      [...status.matchAll(/(#\d+): "([^"]+)":\d+ (\S+)/g)].flatMap(([, serial = "", conn, state]) =>
        conn === name && state === what ? [serial] : [],
      );
    return { ike: of("ESTABLISHED_IKE_SA"), child: of("ESTABLISHED_CHILD_SA") };
  }

  /** Runs whack and says how it ended. */
  async whack(...words: readonly string[]): Promise<Finished> {
    const quoted = words.map((word) => `'${word}'`).join(" ");
    return await this.machine.attempt(
      `chroot ${this.#root} /usr/libexec/ipsec/whack --rundir ${this.#folder} ${quoted}`,
    );
  }

  /** The same, where it must succeed; returns what it printed. */
  async must(...words: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.whack(...words);
    if (status === 0) return stdout;
    throw new Error(`${this.machine.name}: whack ${words.join(" ")}: status ${status}\n${stdout}${stderr}`);
  }

  /** pluto's log up to now. */
  log(): string {
    return readFileSync(join(this.#folder, "log"), "utf8");
  }

  /** Ends pluto: SIGTERM deletes its SAs at the peer, SIGKILL leaves everything as it stands. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#pluto.stop(signal);
  }

  /** whack's exit status does not say whether a negotiation came to anything; its words do. */
  async #achieves(success: RegExp, ...words: readonly string[]): Promise<string | undefined> {
    const { stdout, stderr } = await this.whack(...words);
    return success.test(stdout) ? undefined : `${stdout}${stderr}`;
  }

  async #add(name: string): Promise<void> {
    const files = `--config ${this.#folder}/ipsec.conf --ctlsocket ${this.#folder}/pluto.ctl`;
    await this.machine.run(`chroot ${this.#root} /usr/libexec/ipsec/addconn ${files} '${name}'`);
  }
}

function ipsecConf(folder: string, connections: readonly LibreswanConnection[]): string {
  const conns = connections.map((connection) => {
    const keys = {
      keyexchange: "ikev2",
      authby: "secret",
      auto: "ignore",
      type: connection.mode,
      left: connection.localAddress,
      leftid: `@${connection.localId}`,
      right: connection.remoteAddress,
      rightid: `@${connection.remoteId}`,
      // It would make routes: XFRM policies do all that is needed.
      leftupdown: "%disabled",
      ...connection.selectors,
      ...connection.more,
    };
    const lines = Object.entries(keys).map(([key, value]) => (value === undefined ? "" : `  ${key}=${value}\n`));
    return `conn ${connection.name}\n${lines.join("")}`;
  });
  // It refuses IKEv1 where it is not asked to take it.
  const takesIkev1 = connections.some(({ more }) => more?.keyexchange === "ikev1");
  const policy = takesIkev1 ? "  ikev1-policy=accept\n" : "";
  return `config setup\n  dumpdir=${folder}\n${policy}\n${conns.join("\n")}`;
}

function secrets(connections: readonly LibreswanConnection[]): string {
  const lines = connections.flatMap(({ localId, remoteId, secret, login }) => [
    `@${localId} @${remoteId} : PSK "${secret}"\n`,
    ...(login === undefined ? [] : [`@${login.user} : XAUTH "${login.password}"\n`]),
  ]);
  return [...new Set(lines)].join("");
}
