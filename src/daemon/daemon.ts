/** The daemon: an engine, a kernel and a transport in one loop, and what the operator may ask of them. */
import type { Urgency } from "../engine/engine.ts";
import type { EngineEvent } from "../engine/io.ts";
import type { Status } from "../engine/status.ts";
import type { Kernel } from "../kernel/port.ts";
import type { Address, Endpoint } from "../negotiate/address.ts";
import type { Log, LogLine } from "../observe/log.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";
import type { DesiredState, Gateway } from "../sa/desired.ts";
import type { LogRecord } from "../sa/log-record.ts";
import type { Path } from "../sa/path.ts";
import type { SourceAddress } from "../transport/source-address.ts";
import type { LocalAddresses as ListenOn, Transport } from "../transport/transport.ts";
import type { MonotonicClock } from "./deadline-timer.ts";
import { type EnginePort, EventLoop } from "./event-loop.ts";
import { Intake } from "./intake.ts";
import { LocalAddresses } from "./local-addresses.ts";
import type { RekeyWhat } from "./operator.ts";
import { Refusals } from "./refusals.ts";
import { type StatusReport, statusReport } from "./status-report.ts";
import type { Warning } from "./warning.ts";

export interface DaemonOptions {
  readonly engine: EnginePort & {
    status(): Status;
    urgency(octets: Uint8Array, path: Path, now: number): Urgency;
  };
  readonly kernel: Kernel;
  readonly transport: Transport & { readonly endpoints: readonly Endpoint[] };
  readonly log: Log;
  /** What the kernel lacks that was asked for and can be done without. */
  readonly kernelWarnings: readonly Warning[];
  /** What on this host would defeat the locks now. */
  readonly findHazards: (desired: DesiredState) => Promise<readonly Warning[]>;
  /** Has the kernel hold packets that wait for an SA; what kept it from that, in words. */
  readonly holdPackets?: () => string | undefined;
  readonly sourceTowards: (destination: Address) => Promise<SourceAddress>;
  readonly compute: (job: ComputeJob) => ComputeResult | Promise<ComputeResult>;
  readonly clock: MonotonicClock;
  /** Milliseconds since 1970. */
  readonly wall: () => number;
  readonly version: string;
  /** The configuration's file, for status. */
  readonly file: string;
}

/** A configuration that may be run. */
export interface Configuration {
  readonly desired: DesiredState;
  readonly warnings: readonly Warning[];
  /** A DNS name gave no address: loading the same file again may give more. */
  readonly incomplete?: boolean;
}

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #loop: EventLoop;
  readonly #intake: Intake;
  readonly #recordListeners = new Set<(record: LogRecord) => void>();
  readonly #refusals = new Refusals();
  readonly #startedAt: number;
  #state: "starting" | "running" = "starting";
  /** Sentences that the log has told. */
  readonly #told = new Set<string>();
  #addresses: ListenOn = [];
  /** Addresses of ours that peers may be spoken to from, and that the host does not have: as the engine was last told. */
  #absent: readonly Address[] = [];
  /** What the engine was given last. */
  #desired: DesiredState = { local: { locks: [] }, peers: [] };
  /** As loaded, local addresses not filled in. */
  #configuration: Configuration | undefined;
  readonly #locals: LocalAddresses;
  #missing: readonly string[] = [];
  #retry: NodeJS.Timeout | undefined;
  /** Configurations come into force one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #stopped: (() => void) | undefined;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#startedAt = options.clock();
    this.#locals = new LocalAddresses({
      sourceTowards: options.sourceTowards,
      hasAddress: (address) => options.transport.hasAddress(address),
    });
    this.#loop = new EventLoop({
      engine: options.engine,
      kernel: options.kernel,
      clock: options.clock,
      send: (octets, path) => options.transport.send(octets, path),
      compute: options.compute,
      log: (record) => this.#record(record),
      stopped: () => this.#stopped?.(),
      fault: (event, error) => this.#fault(event, error),
    });
    this.#intake = this.#makeIntake(options);
  }

  #makeIntake({ engine, clock, log }: DaemonOptions): Intake {
    return new Intake({
      urgency: (octets, path) => {
        try {
          return engine.urgency(octets, path, clock());
        } catch (error) {
          this.#fault("datagram", error);
          return "anybody";
        }
      },
      handle: (octets, path) => this.#loop.dispatch({ kind: "datagram", octets, path }),
      later: setImmediate,
      clock,
      overflowed: (count) =>
        log.say(
          "warn",
          "transport",
          `${count} first messages found no room: a flood, or more callers than can be served`,
        ),
    });
  }

  /** Takes the ports, sets the policies, and only then reads: rejects with TransportError before the kernel was touched. */
  async start(configuration: Configuration): Promise<void> {
    const { transport, log } = this.#options;
    const desired = await this.#fill(configuration);
    this.#addresses = localAddresses(desired);
    await transport.open(
      {
        datagram: (octets, path) => this.#intake.take(octets, path),
        sendFailed: (path, errno) => this.#loop.dispatch({ kind: "send-failed", path, errno }),
        addressesChanged: () => {
          this.#tellAddresses();
          this.#fillAgain();
        },
        notice: (level, sentence) => log.say(level, "transport", sentence),
      },
      this.#addresses,
    );
    this.#warn([...configuration.warnings, ...this.#options.kernelWarnings, ...this.#holdPackets(desired)]);
    this.#desired = desired;
    this.#tellAddresses();
    this.#loop.dispatch({ kind: "configure", desired });
    await this.#loop.kernelIdle();
    await transport.start();
    this.#state = "running";
    this.#tellSilence();
    // Looking for hazards asks other programs and may take seconds: nobody has to wait for it.
    void this.#warnings();
  }

  /** Another desired state from now on; for an equal one the engine asks nothing of anybody. */
  async configure(configuration: Configuration): Promise<void> {
    this.#turn = this.#turn.then(() => this.#configure(configuration));
    await this.#turn;
  }

  /** Deletes the SAs politely, waiting at most `patience` milliseconds, and closes; policies stay. */
  async stop(patience: number): Promise<"stopped" | "gave up"> {
    const outcome = await new Promise<"stopped" | "gave up">((resolve) => {
      const timer = setTimeout(() => resolve("gave up"), patience);
      this.#stopped = () => {
        clearTimeout(timer);
        resolve("stopped");
      };
      this.#loop.dispatch({ kind: "stop" });
    });
    clearTimeout(this.#retry);
    this.#loop.close();
    await this.#options.transport.close();
    return outcome;
  }

  ask(kind: "up" | "down", peer: string): void {
    this.#loop.dispatch({ kind, peer });
  }

  rekey(peer: string, what: RekeyWhat): void {
    this.#loop.dispatch({ kind: "rekey", peer, what });
  }

  redirect(peer: string, to: Gateway | undefined): void {
    this.#loop.dispatch({ kind: "redirect", peer, to });
  }

  status(): Status {
    return this.#options.engine.status();
  }

  /** The peers of the configuration that runs. */
  get peers(): DesiredState["peers"] {
    return this.#desired.peers;
  }

  /** What `status` answers; the hazards are looked for anew. */
  async report(): Promise<StatusReport> {
    const warnings = await this.#warnings();
    const { clock, wall, version, file, transport } = this.#options;
    return statusReport(this.status(), {
      daemon: { version, pid: process.pid, configuration: file },
      warnings,
      listening: transport.endpoints,
      refusals: this.#refusals.latest,
      clock: clock(),
      wall: wall(),
      startedAt: this.#startedAt,
    });
  }

  /** Hears the engine's records; returns what ends it. */
  onRecord(listener: (record: LogRecord) => void): () => void {
    this.#recordListeners.add(listener);
    return () => this.#recordListeners.delete(listener);
  }

  /** Hears every line of the log; returns what ends it. */
  onLine(listener: (line: LogLine) => void): () => void {
    return this.#options.log.subscribe(listener);
  }

  async #configure(configuration: Configuration): Promise<void> {
    const { transport } = this.#options;
    const desired = await this.#fill(configuration);
    const after = localAddresses(desired);
    // New addresses can send before the engine wants to; old ones until it has said its farewells.
    await transport.listenOn(union(this.#addresses, after));
    this.#warn([...configuration.warnings, ...this.#holdPackets(desired)]);
    this.#desired = desired;
    this.#tellAddresses();
    this.#loop.dispatch({ kind: "configure", desired });
    await this.#loop.kernelIdle();
    this.#addresses = after;
    await transport.listenOn(after);
  }

  #holdPackets({ local }: DesiredState): Warning[] {
    const fault = local.holdPackets === true ? this.#options.holdPackets?.() : undefined;
    if (fault === undefined) return [];
    const sentence = `hold-packets is not in force, packets that wait for an SA are dropped: ${fault}`;
    return [{ kind: "kernel", code: "hold-packets", sentence }];
  }

  async #fill(configuration: Configuration): Promise<DesiredState> {
    const { desired, missing } = await this.#locals.fill(configuration.desired);
    this.#configuration = configuration;
    const known = new Set(this.#missing);
    for (const peer of missing) {
      if (!known.has(peer)) this.#options.log.say("warn", "transport", `${peer}: no route to it yet`, { peer });
    }
    this.#missing = missing;
    clearTimeout(this.#retry);
    if (missing.length > 0) this.#retry = setTimeout(() => this.#fillAgain(), routeRetryMilliseconds);
    return desired;
  }

  /** Has the engine know which of the addresses that peers may be spoken to from are missing; it takes the rest to be there. */
  #tellAddresses(): void {
    const { transport } = this.#options;
    const named = new Set<Address>();
    for (const { local, otherLocals = [] } of this.#desired.peers)
      for (const address of [local, ...otherLocals]) if (address !== undefined) named.add(address);
    const missing = [...named].filter((address) => !transport.hasAddress(address));
    if (missing.join(" ") === this.#absent.join(" ")) return;
    this.#absent = missing;
    this.#loop.dispatch({ kind: "addresses", missing });
  }

  /** The host's addresses or routes may be others by now. */
  #fillAgain(): void {
    const configuration = this.#configuration;
    if (configuration?.desired.peers.every((peer) => peer.local !== undefined) !== false) return;
    this.#turn = this.#turn.then(() => this.#configure(this.#configuration ?? configuration));
  }

  #record(record: LogRecord): void {
    this.#options.log.record(record);
    this.#refusals.hear(record, this.#options.clock());
    for (const listener of this.#recordListeners) listener(record);
  }

  #fault(event: EngineEvent["kind"], error: unknown): void {
    // No packet has been read yet, so none can have brought this about; a daemon without its policies must not run.
    if (this.#state === "starting") throw error;
    const { log } = this.#options;
    const message = error instanceof Error ? error.message : String(error);
    log.say(
      "error",
      "internal-error",
      `a fault of underlock's own, please report it: an event of kind "${event}" was dropped (${message})`,
    );
    if (error instanceof Error && error.stack !== undefined) log.say("debug", "internal-error", error.stack);
  }

  async #warnings(): Promise<readonly Warning[]> {
    const configuration = this.#configuration;
    if (configuration === undefined) return [];
    const hazards = await this.#hazards(configuration.desired);
    this.#warn(hazards);
    return [...hazards, ...this.#options.kernelWarnings, ...configuration.warnings];
  }

  /** A host that cannot be looked at must not end the daemon. */
  async #hazards(desired: DesiredState): Promise<readonly Warning[]> {
    try {
      return await this.#options.findHazards(desired);
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      const sentence = `nobody has looked for what would defeat the locks: ${fault}`;
      return [{ kind: "hazard", code: "not-looked", sentence }];
    }
  }

  #warn(warnings: readonly Warning[]): void {
    for (const { kind, code, sentence } of warnings) {
      if (this.#told.has(sentence)) continue;
      this.#told.add(sentence);
      this.#options.log.say("warn", kind, sentence, { code });
    }
  }

  #tellSilence(): void {
    const { transport, log } = this.#options;
    if (this.#addresses === "all") return;
    const bound = new Set(transport.endpoints.map((endpoint) => endpoint.address));
    for (const address of this.#addresses) {
      if (!bound.has(address))
        log.say("warn", "transport", `${address} is no address of this host yet: peers that use it wait until it is`);
    }
  }
}

/** Where IKE must be spoken: on the peers' own local addresses where each has one, else everywhere. */
function localAddresses(desired: DesiredState): ListenOn {
  const addresses = new Set<Address>();
  for (const { local, otherLocals = [] } of desired.peers) {
    if (local === undefined) return "all";
    addresses.add(local);
    for (const other of otherLocals) addresses.add(other);
  }
  return [...addresses];
}

function union(a: ListenOn, b: ListenOn): ListenOn {
  return a === "all" || b === "all" ? "all" : [...new Set([...a, ...b])];
}

/** How long until a route to a peer is looked for again where there was none. */
const routeRetryMilliseconds = 5000;
