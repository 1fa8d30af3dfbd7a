/** What is measured, whatever it is: something with a process that carries handshakes out. */
import type { Endpoint } from "../../src/negotiate/address.ts";
import type { CaseName } from "./cases.ts";
import { type CharonPlace, startCharon } from "./charon.ts";
import type { SignatureName } from "./credentials.ts";
import type { FloorRequest } from "./floor.ts";
import type { LoadAnswer, LoadRequest, Sources } from "./load-messages.ts";
import type { Offered } from "./offer.ts";
import { cpuSeconds } from "./process-usage.ts";
import { type DaemonProcess, Helper } from "./processes.ts";
import type { RekeyKind } from "./rekeyer.ts";
import { startUnderlock } from "./underlock.ts";

/** charon takes messages on any other port for UDP-encapsulated ones. */
export const charonEndpoint: Endpoint = { address: "127.0.0.1", port: 500 };
/** charon binds the wildcard address, so that ours cannot have the same port. */
export const underlockEndpoint: Endpoint = { address: "127.0.0.1", port: 1500 };

/** Each generator has a port of its own. */
let nextPort = 6500;

const addresses = Array.from({ length: 4 }, (_, i) => `127.0.1.${i + 1}`);
/** An initiator with a Child SA has an address of its own: the next from the same address would take over from the last. */
const childAddresses = Array.from({ length: 240 }, (_, i) => `127.0.2.${i + 1}`);

/** Tunnels with a Child SA that can stand at a time. */
export const childLimit = childAddresses.length;

/** CPU seconds that so many handshakes took. */
export interface Sample {
  readonly count: number;
  readonly took: number;
}

export interface EstablishOptions {
  readonly withChild?: boolean;
  readonly keep?: boolean;
  readonly signature?: { readonly name: SignatureName; readonly folder: string };
}

/** The load generator, which works for every daemon in turn. */
export class Load {
  readonly #helper = new Helper<LoadRequest, LoadAnswer>("load");
  readonly #port = nextPort++;

  async establish(target: Endpoint, name: CaseName, count: number, options: EstablishOptions = {}): Promise<void> {
    const { withChild = false, keep = false, signature } = options;
    const sources = this.#sources(withChild);
    const more = signature === undefined ? {} : { signature };
    await this.#ask({ kind: "establish", target, sources, case: name, count, withChild, keep, ...more });
  }

  /** Main mode and quick mode, each from an address of its own; `delete` ends them. */
  async establishIkev1(target: Endpoint, count: number): Promise<void> {
    await this.#ask({ kind: "establish-ikev1", target, sources: this.#sources(true), count });
  }

  /** Replaces SAs of what was established with `keep`, so often in all. */
  async rekey(
    target: Endpoint,
    what: RekeyKind,
    count: number,
    options: { readonly withChild?: boolean } = {},
  ): Promise<void> {
    await this.#ask({ kind: "rekey", target, sources: this.#sources(options.withChild === true), what, count });
  }

  /** Honest callers at a steady rate, and what became of them. */
  async offer(target: Endpoint, rate: number, seconds: number): Promise<Offered> {
    const answer = await this.#ask({ kind: "offer", target, sources: this.#sources(false), rate, seconds });
    if (answer.kind !== "offered") throw new Error("the load generator misunderstood an offer");
    return answer;
  }

  /** Ends what was established with `keep`. */
  async delete(target: Endpoint, options: { readonly withChild?: boolean } = {}): Promise<void> {
    await this.#ask({ kind: "delete", target, sources: this.#sources(options.withChild === true) });
  }

  /** When the first IKE_SA_INIT was answered, on the monotonic clock in nanoseconds. */
  async firstAnswer(target: Endpoint): Promise<bigint> {
    const answer = await this.#ask({ kind: "probe", target, sources: this.#sources(false) });
    if (answer.kind !== "answered") throw new Error("the load generator misunderstood a probe");
    return BigInt(answer.at);
  }

  close(): void {
    this.#helper.close();
  }

  #sources(withChild: boolean): Sources {
    return { addresses: withChild ? childAddresses : addresses, port: this.#port };
  }

  async #ask(request: LoadRequest): Promise<LoadAnswer> {
    const answer = await this.#helper.ask(request);
    if (answer.kind === "failed") throw new Error(answer.message);
    return answer;
  }
}

/** A daemon that answers, and when it did so for the first time. */
export interface Daemon {
  readonly endpoint: Endpoint;
  readonly process: DaemonProcess;
  readonly startMilliseconds: number;
  /** charon's own. */
  readonly version?: string;
}

/** Our daemon, started afresh; `folder` holds what it writes, `node` has further words for Node. */
export async function underlockDaemon(
  load: Load,
  folder: string,
  endpoint = underlockEndpoint,
  node: readonly string[] = [],
  certificates?: string,
): Promise<Daemon> {
  const process = startUnderlock(folder, endpoint, false, node, certificates);
  const answeredAt = await load.firstAnswer(endpoint);
  return { endpoint, process, startMilliseconds: Number(answeredAt - process.startedAt) / 1e6 };
}

/** charon, started afresh. It answers before its connection is loaded, but only that it has none. */
export async function charonDaemon(
  load: Load,
  folder: string,
  place: CharonPlace,
  certificates?: string,
): Promise<Daemon> {
  const { process, version } = await startCharon(place, folder, charonEndpoint, certificates);
  const answeredAt = await load.firstAnswer(charonEndpoint);
  const startMilliseconds = Number(answeredAt - process.startedAt) / 1e6;
  return { endpoint: charonEndpoint, process, startMilliseconds, version };
}

/** Establishes so many tunnels and says what they cost the daemon. */
export async function sample(
  load: Load,
  daemon: Daemon,
  name: CaseName,
  count: number,
  options: EstablishOptions = {},
): Promise<Sample> {
  const before = cpuSeconds(daemon.process.pid);
  await load.establish(daemon.endpoint, name, count, options);
  return { count, took: cpuSeconds(daemon.process.pid) - before };
}

/** The floor, in a process of its own. */
export class Floor {
  readonly #helper = new Helper<FloorRequest, number>("floor");

  async sample(name: CaseName, count: number): Promise<Sample> {
    const before = cpuSeconds(this.#helper.pid);
    await this.#helper.ask({ case: name, count });
    return { count, took: cpuSeconds(this.#helper.pid) - before };
  }

  close(): void {
    this.#helper.close();
  }
}
