/** Loads the file again: when the operator asks, and by itself while a DNS name in it gives no address. */
import type { Log } from "../observe/log.ts";
import type { Configuration, Daemon } from "./daemon.ts";
import { Failure } from "./failure.ts";

export interface ReloadOptions {
  readonly log: Log;
  readonly file: string;
  load(when: "reload" | "retry"): Promise<Configuration>;
}

export class Reloader {
  readonly #options: ReloadOptions;
  readonly #daemon: Pick<Daemon, "configure">;
  #running: Configuration;
  #retry: NodeJS.Timeout | undefined;
  /** One after the other: two at once could leave the older one in force. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: ReloadOptions, daemon: Pick<Daemon, "configure">, running: Configuration) {
    this.#options = options;
    this.#daemon = daemon;
    this.#running = running;
    this.#retryLater();
  }

  /** Loads and applies the file; a broken one leaves everything as it is, and is returned. */
  async reload(): Promise<Failure | undefined> {
    return await this.#inTurn(() => this.#reload());
  }

  /** Ends what is under way; nothing is loaded any more. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#turn;
  }

  async #reload(): Promise<Failure | undefined> {
    const { log, file, load } = this.#options;
    try {
      const configuration = await load("reload");
      await this.#apply(configuration);
      log.say("info", "reloaded", `${file} loaded anew: ${countPeers(configuration.desired.peers.length)}`);
      return undefined;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      log.say("error", "reload-refused", `${error.message}; the running configuration stays in force`);
      for (const detail of error.details) log.say("error", "reload-refused", detail);
      return error;
    }
  }

  async #retryNow(): Promise<void> {
    try {
      const configuration = await this.#options.load("retry");
      const known = new Set(this.#running.warnings.map(({ sentence }) => sentence));
      // Nobody has asked for another file: what was wrong may be better now, but nothing may be newly wrong.
      const better = configuration.warnings.length < known.size;
      if (better && configuration.warnings.every(({ sentence }) => known.has(sentence))) {
        await this.#apply(configuration);
        return;
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
    }
    this.#retryLater();
  }

  async #apply(configuration: Configuration): Promise<void> {
    await this.#daemon.configure(configuration);
    this.#running = configuration;
    this.#retryLater();
  }

  #retryLater(): void {
    clearTimeout(this.#retry);
    if (this.#running.incomplete !== true || this.#closed) return;
    this.#retry = setTimeout(() => void this.#inTurn(() => this.#retryNow()), retryMilliseconds);
    this.#retry.unref();
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return await mine;
  }
}

/** `1 peer`, `2 peers`. */
export function countPeers(count: number): string {
  return `${count} ${count === 1 ? "peer" : "peers"}`;
}

/** A name server that comes up with the network is there within the first of these. */
const retryMilliseconds = 15_000;
