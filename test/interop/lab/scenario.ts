import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { Capture, type CaptureReport } from "./capture.ts";
import type { FrameKind } from "./frames.ts";
import { espKeyTable } from "./key-table.ts";
import { Libreswan, type LibreswanConnection, type LibreswanStore } from "./libreswan.ts";
import type { Machine } from "./machine.ts";
import { Nat, type NatOptions } from "./nat.ts";
import { OpenIked, type OpenIkedPolicy } from "./openiked.ts";
import { type Connection, Strongswan, type StrongswanVersion } from "./strongswan.ts";
import { type Gateway, Topology, type TopologySpec } from "./topology.ts";
import { Offer, type OfferOptions } from "./traffic.ts";
import { Underlock, type UnderlockOptions } from "./underlock.ts";

/** The machines of a scenario, and how long it may take (60 seconds where nothing is said). */
export interface ScenarioSpec extends TopologySpec {
  readonly seconds?: number;
}

/** The repository's folder in which a failed scenario leaves what it saw. */
const artifacts = join(dirname(fileURLToPath(import.meta.url)), "../../../artifacts/interop");

/** Scenarios begun by this process. */
let made = 0;

/**
 * A named test with machines of its own, made before the body runs and removed after it. When it fails, logs, captures
 * and the kernels' SAs and policies stay in `artifacts/interop/<name>`, which the error names.
 */
export function scenario(name: string, spec: ScenarioSpec, body: (lab: Lab) => Promise<void>): void {
  test(name, { timeout: (spec.seconds ?? 60) * 1000 }, async ({ onTestFinished, signal, task }) => {
    const own = slug(task.fullTestName);
    // Short: a socket's path has room for 107 octets.
    made += 1;
    const folder = join("/tmp/underlock-lab", `${made}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const lab = new Lab(await Topology.create(spec, folder), folder);
    // After a timeout vitest goes on without waiting for the body, so the machines are removed by a hook of its own.
    onTestFinished(async () => {
      await lab.topology.destroy();
      rmSync(folder, { recursive: true, force: true });
    });
    try {
      await Promise.race([body(lab), aborted(signal)]);
    } catch (error) {
      const kept = await lab.keep(join(artifacts, own));
      if (error instanceof Error) error.message += `\nwhat was seen is in ${kept}`;
      throw error;
    }
  });
}

/** What a scenario works with. */
export class Lab {
  readonly topology: Topology;
  readonly folder: string;
  #capture: Capture | undefined;

  constructor(topology: Topology, folder: string) {
    this.topology = topology;
    this.folder = folder;
  }

  /** The gateway of that name. */
  gateway(name: string): Gateway {
    return this.topology.gateway(name);
  }

  /** Starts a strongSwan of that release on a gateway and loads its connections. */
  async strongswan(
    gateway: string,
    version: StrongswanVersion,
    connections: readonly Connection[],
    options: Readonly<Record<string, string>> = {},
  ): Promise<Strongswan> {
    return await Strongswan.start(version, this.gateway(gateway).machine, connections, options);
  }

  /** Starts Libreswan on a gateway and loads its connections. */
  async libreswan(
    gateway: string,
    connections: readonly LibreswanConnection[],
    certificates?: LibreswanStore,
  ): Promise<Libreswan> {
    return await Libreswan.start(this.gateway(gateway).machine, connections, certificates);
  }

  /** Starts OpenIKED on a gateway with these policies. */
  async openIked(gateway: string, policies: readonly OpenIkedPolicy[]): Promise<OpenIked> {
    return await OpenIked.start(this.gateway(gateway).machine, policies);
  }

  /** Writes our configuration for a gateway, without starting anything. */
  underlock(gateway: string, options: UnderlockOptions): Underlock {
    return new Underlock(this.gateway(gateway).machine, options);
  }

  /** Starts to watch the wire between the gateways; an earlier watch must have ended. */
  async watch(): Promise<Capture> {
    this.#capture = await Capture.start(this.topology.middle);
    return this.#capture;
  }

  /** Ends the watch and says what crossed; `allowed` as for `Capture.stop`. */
  async wire(allowed?: readonly FrameKind[]): Promise<CaptureReport> {
    return await this.#watch.stop(allowed);
  }

  /** The same, but only what that gateway sent can be a leak: the others may be peers that do not lock. */
  async wireFrom(gateway: string, allowed?: readonly FrameKind[]): Promise<CaptureReport> {
    // Not from /sys, which shows the devices of another namespace.
    const link = await this.gateway(gateway).machine.run("ip -o link show u0");
    const address = /link\/ether (\S+)/.exec(link)?.[1];
    if (address === undefined) throw new Error(`${gateway} has no device u0 with an address: ${link}`);
    return await this.#watch.stop(allowed, address);
  }

  get #watch(): Capture {
    if (this.#capture === undefined) throw new Error("nothing watches the wire: call watch() first");
    return this.#capture;
  }

  /** Puts gateways behind a NAT of their own. */
  async nat(options: NatOptions): Promise<Nat> {
    return await Nat.insert(this.topology, join(this.folder, `nat-${options.behind.join("-")}`), options);
  }

  /** Offers traffic on every overlay and between the LANs, without pause. */
  offer(options: OfferOptions = {}): Offer {
    return Offer.start(this.topology, options);
  }

  /** Copies logs, captures and the state of every kernel to a folder and returns its path. */
  async keep(target: string): Promise<string> {
    await Promise.all(this.topology.machines().map((machine) => dump(machine)));
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    // Sockets cannot be copied.
    cpSync(this.folder, target, {
      recursive: true,
      filter: (source) => !/(^|\/)(vici|control|pluto\.ctl)$/.test(source),
    });
    return target;
  }
}

async function dump(machine: Machine): Promise<void> {
  const commands = [
    "ip -s xfrm state list nokeys",
    "ip -s xfrm policy list",
    "grep -v ' 0$' /proc/net/xfrm_stat",
    "ip -d address",
    "ip route show table all",
    "ip -6 route show table all",
    "ip neighbour",
    "ss -anptu",
  ];
  const script = commands.map((command) => `echo '# ${command}'; ${command} 2>&1 || true`).join("\n");
  const { stdout } = await machine.attempt(script, { timeout: 30_000 });
  writeFileSync(join(machine.folder, "kernel.txt"), stdout);
  const keyed = await machine.attempt("ip xfrm state list", { timeout: 30_000 });
  writeFileSync(join(machine.folder, "esp_sa"), espKeyTable(keyed.stdout));
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error(`the scenario was broken off: ${signal.reason}`)));
  });
}

function slug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 100);
}
