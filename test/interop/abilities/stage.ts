// What another daemon can do beside the usual, one step after the other between the same two ends: each is a row of docs/interop.md.
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { logLines, peerOf, statusOf } from "../daemon-words.ts";
import { secret } from "../ends.ts";
import { kernelSas } from "../lab/kernel-state.ts";
import { waitFor } from "../lab/machine.ts";
import { records } from "../lab/pcap.ts";
import type { Lab } from "../lab/scenario.ts";
import { lostPings } from "../lab/traffic.ts";
import type { Underlock } from "../lab/underlock.ts";

/** The type of the payload Encrypted and Authenticated Fragment. */
const skf = 53;

/** Our end's role. */
export type Role = "initiator" | "responder";

/** One thing that the other daemon can do, tried in both roles where nothing else is said. */
export interface Step<Theirs> {
  readonly name: string;
  /** Further keys of our section for the peer, and of `local`. */
  readonly peer?: Readonly<Record<string, unknown>>;
  readonly local?: Readonly<Record<string, unknown>>;
  /** The peer's connection. */
  readonly theirs: Theirs;
  readonly roles?: readonly Role[];
  /** Brings it up in another way. */
  begin?(stage: Stage<Theirs>, role: Role): Promise<void>;
  /** While it is up, after pings in both directions have passed. */
  check?(stage: Stage<Theirs>, role: Role): Promise<void>;
}

/** The other daemon, on gateway b, with one tunnel to the LAN of a. */
export interface Other<Theirs> {
  /** Replaces its connection. */
  load(theirs: Theirs): Promise<void>;
  /** Asks for the tunnel. */
  initiate(): Promise<void>;
  /** Ends what it has, and asks for nothing any more. */
  close(): Promise<void>;
  log(): string;
}

/** Our daemon on a and the other one on b, each with a device behind it. */
export class Stage<Theirs> {
  readonly lab: Lab;
  readonly ours: Underlock;
  readonly other: Other<Theirs>;
  #oursBefore = 0;
  #theirsBefore = 0;

  readonly #capture: string;

  /** `capture`: the file in which the wire is recorded. */
  constructor(lab: Lab, ours: Underlock, other: Other<Theirs>, capture: string) {
    this.lab = lab;
    this.#capture = capture;
    this.ours = ours;
    this.other = other;
  }

  /** What the other daemon has logged since the step began. */
  get theirLog(): string {
    return this.other.log().slice(this.#theirsBefore);
  }

  /** What ours has. */
  get ourLog(): string {
    return this.ours.log().slice(this.#oursBefore);
  }

  /** The IKE messages that crossed the wire up to now and are fragments (RFC 7383), by the address that sent them. */
  fragments(): Record<string, number> {
    const seen: Record<string, number> = {};
    for (const record of records(readFileSync(this.#capture))) {
      const packet = record.subarray(16 + 14);
      if (record.readUInt16BE(16 + 12) !== 0x0800 || packet.readUInt8(9) !== 17 || packet.length < 60) continue;
      const header = packet.subarray((packet.readUInt8(0) & 15) * 4 + 8);
      const message = header.readUInt32BE(0) === 0 ? header.subarray(4) : header;
      const source = packet.subarray(12, 16).join(".");
      if (message[16] === skf && message[17] === 0x20) seen[source] = (seen[source] ?? 0) + 1;
    }
    return seen;
  }

  /** Pings between the two LANs, from each end. */
  async pings(): Promise<void> {
    const [a, b] = [this.lab.gateway("a"), this.lab.gateway("b")];
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const)
      expect(await lostPings(from.machine, from.lan.v4.address, to.lan.v4.address, { sizes: [56], count: 2 })).toEqual({
        56: 0,
      });
  }

  /** Both ends are what the step says. */
  async set({ peer, local, theirs }: Step<Theirs>): Promise<void> {
    await this.other.load(theirs);
    [this.#oursBefore, this.#theirsBefore] = [this.ours.log().length, this.other.log().length];
    await this.#configure(peer, local);
  }

  async up(): Promise<void> {
    await this.ours.ask("up", { peer: "b", waitMilliseconds: 10_000 });
  }

  /** The Child SAs of our end. */
  async childSas() {
    return peerOf(await statusOf(this.ours), "b").children.flatMap(({ sas }) => sas);
  }

  /** The SPIs of the IKE SAs' initiators, at our end. */
  async ikeSas(): Promise<string[]> {
    return peerOf(await statusOf(this.ours), "b").ikeSas.map(({ initiatorSpi }) => initiatorSpi);
  }

  /** Each child has a pair. */
  async isUp(): Promise<boolean> {
    const { children } = peerOf(await statusOf(this.ours), "b");
    return children.every(({ state }) => state === "up");
  }

  /** Neither end has anything, nor asks for it. Not by `down`, after which our end would send the peer away. */
  async rest(): Promise<void> {
    // Asked by the other end, Libreswan would call again, and forget a call that it breaks off.
    await this.other.close();
    await this.#configure({}, {});
    const { machine } = this.lab.gateway("a");
    await waitFor(
      "that nothing is left",
      async () => (await kernelSas(machine)).length === 0 && (await this.ikeSas()).length === 0,
    );
  }

  async #configure(peer: Step<Theirs>["peer"], local: Step<Theirs>["local"]): Promise<void> {
    this.ours.configure(configuration(this.lab, peer, local));
    await this.ours.ask("reload");
  }
}

/** Our end's file: the two LANs, on the addresses of the topology. */
function configuration(lab: Lab, peer: Step<unknown>["peer"] = {}, local: Step<unknown>["local"] = {}) {
  const [a, b] = [lab.gateway("a"), lab.gateway("b")];
  return {
    local: { id: "a.example", address: a.address.v4, ...local },
    peers: {
      b: {
        remote: b.address.v4,
        id: "b.example",
        auth: { psk: "file:peer.psk" },
        protect: [{ tunnel: `${a.lan.v4.prefix} <-> ${b.lan.v4.prefix}` }],
        initiate: false,
        ...peer,
      },
    },
  };
}

/** Starts our end, and tries each step in each role; a table of how they went is printed, and all must have passed. */
export async function runSteps<Theirs>(
  lab: Lab,
  peer: string,
  steps: readonly Step<Theirs>[],
  start: () => Promise<Other<Theirs>>,
): Promise<void> {
  const ours = lab.underlock("a", { config: configuration(lab), files: { "peer.psk": `${secret}\n` } });
  await ours.must("lock");
  const { file } = await lab.watch();
  const [other] = await Promise.all([start(), ours.start()]);
  const stage = new Stage(lab, ours, other, file);
  const results: string[] = [];
  let failed = 0;
  for (const step of steps) {
    for (const role of step.roles ?? (["initiator", "responder"] as const)) {
      const begun = Date.now();
      let result = "passed";
      try {
        await tryStep(stage, step, role);
      } catch (error) {
        failed += 1;
        result = error instanceof Error ? error.message : String(error);
        await stage.rest().catch(() => undefined);
      }
      results.push(`${peer} | ${role} | ${step.name} | ${((Date.now() - begun) / 1000).toFixed(1)} s | ${result}`);
    }
  }
  console.log(results.join("\n"));
  expect(failed).toBe(0);
  expect(logLines(ours).filter(({ event }) => event === "internal-error")).toEqual([]);
  const wire = await lab.wireFrom("a");
  expect(wire.leaks).toEqual([]);
  expect(wire.dropped).toBe(0);
}

async function tryStep<Theirs>(stage: Stage<Theirs>, step: Step<Theirs>, role: Role): Promise<void> {
  await stage.set(step);
  if (step.begin !== undefined) await step.begin(stage, role);
  else if (role === "initiator") await stage.up();
  else await stage.other.initiate();
  await stage.pings();
  await step.check?.(stage, role);
  await stage.rest();
}

/** Our proposals with these groups. */
export function groups(keywords: string) {
  return {
    ike: `aes256gcm16-prfsha384-${keywords}`,
    protect: [{ tunnel: "10.1.0.0/16 <-> 10.2.0.0/16", esp: `aes256gcm16-${keywords}` }],
  };
}

/** Another IKE SA takes the place of the first. */
export async function replaced<Theirs>(stage: Stage<Theirs>): Promise<void> {
  const [first] = await stage.ikeSas();
  await waitFor(
    "that another IKE SA stands",
    async () => {
      const now = await stage.ikeSas();
      return now.some((spi) => spi !== first) && (await stage.isUp());
    },
    25_000,
  );
  await stage.pings();
}

/** The Child SA is replaced. */
export async function rekeyed<Theirs>(stage: Stage<Theirs>, rekey: () => Promise<unknown>): Promise<void> {
  const spis = async () => (await stage.childSas()).map(({ spiIn }) => spiIn);
  const [before] = await spis();
  await rekey();
  await waitFor("that the Child SA is another", async () => (await spis()).some((spi) => spi !== before));
  await stage.pings();
}
