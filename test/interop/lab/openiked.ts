import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LoggedProcess, Machine } from "./machine.ts";
import { peerFolder } from "./peer-folder.ts";

/** One `ikev2` policy of iked.conf(5), with a pre-shared key. */
export interface OpenIkedPolicy {
  readonly name: string;
  /** `active` opens the IKE SA as soon as iked starts. */
  readonly start: "active" | "passive";
  readonly mode: "transport" | "tunnel";
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly localId: string;
  readonly remoteId: string;
  readonly secret: string;
  /** What is protected, as iked.conf(5) writes it: "proto gre from A to B". */
  readonly flows: string;
  /** "auth hmac-sha2-256 enc aes-128 prf hmac-sha2-256 group curve25519". */
  readonly ike: string;
  /** "auth hmac-sha1 enc aes-128": it speaks PF_KEY on Linux, hence no AEAD. */
  readonly child: string;
}

/** An OpenIKED 7.4 gateway; it has no command that asks for one policy, so what it initiates it initiates at its start. */
export class OpenIked {
  readonly machine: Machine;
  readonly #root: string;
  readonly #iked: LoggedProcess;

  private constructor(machine: Machine, root: string, iked: LoggedProcess) {
    this.machine = machine;
    this.#root = root;
    this.#iked = iked;
  }

  /** Starts iked in the machine with these policies. */
  static async start(machine: Machine, policies: readonly OpenIkedPolicy[]): Promise<OpenIked> {
    const root = await peerFolder(machine, "openiked-7.4");
    const folder = join(machine.folder, "openiked");
    const file = join(folder, "iked.conf");
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, policies.map(policyLines).join("\n"), { mode: 0o600 });
    const iked = machine.spawn("iked", ["chroot", root, "/usr/sbin/iked", "-d", "-vv", "-f", file]);
    const started = new OpenIked(machine, root, iked);
    await iked.until("its control socket answers", async () => (await started.ikectl("show sa")).status === 0);
    return started;
  }

  /** Whether a Child SA stands between these addresses, as iked itself sees it. */
  async isUp(source: string, destination: string): Promise<boolean> {
    const { stdout } = await this.ikectl("show sa");
    return stdout.includes(source) && stdout.includes(destination) && /sa_childsas/.test(stdout);
  }

  /** Runs ikectl and says how it ended. */
  async ikectl(words: string) {
    return await this.machine.attempt(`chroot ${this.#root} /usr/sbin/ikectl ${words}`);
  }

  /** iked's log up to now. */
  log(): string {
    return this.#iked.log();
  }

  /** Ends iked. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    await this.#iked.stop(signal);
  }
}

function policyLines(policy: OpenIkedPolicy): string {
  return [
    `ikev2 "${policy.name}" ${policy.start} ${policy.mode} esp`,
    policy.flows,
    `local ${policy.localAddress} peer ${policy.remoteAddress}`,
    `ikesa ${policy.ike}`,
    `childsa ${policy.child}`,
    `srcid ${policy.localId} dstid ${policy.remoteId}`,
    `psk "${policy.secret}"`,
    "",
  ].join(" \\\n  ");
}
