/** The log: one line for each record, as JSON for programs or as text for a terminal. Never a secret (invariant 8). */
import { pino } from "pino";
import { describeReason } from "../negotiate/reason-text.ts";
import type { LogRecord } from "../sa/log-record.ts";
import { humanLine } from "./human-line.ts";
import { eventSentence } from "./sentence.ts";

export type LogLevel = LogRecord["level"];
export type LogFormat = "human" | "json";

/** In order of weight. */
export const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** What the daemon itself has to say, beside the engine's records. */
export type DaemonEvent =
  | "daemon-started"
  | "daemon-ready"
  | "daemon-stopping"
  | "daemon-stopped"
  | "configuration"
  | "reloaded"
  | "reload-refused"
  | "hazard"
  | "kernel"
  | "transport"
  | "revocation"
  | "control"
  | "impaired"
  | "keys-exported"
  | "internal-error";

/** One line as data: what subscribers of the control socket get, and what JSON lines hold. */
export interface LogLine {
  readonly time: string;
  readonly level: LogLevel;
  readonly event: LogRecord["event"] | DaemonEvent;
  readonly peer?: string;
  readonly child?: string;
  /** Stable code of the reason. */
  readonly code?: string;
  readonly reason?: unknown;
  readonly facts?: Readonly<Record<string, string | number>>;
  /** The whole in one sentence. */
  readonly msg: string;
}

export interface LogOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  /** Takes one line with its newline. */
  readonly write: (line: string) => void;
  /** Wall clock, milliseconds since 1970. */
  readonly now: () => number;
}

export class Log {
  readonly #options: LogOptions;
  readonly #json: (line: LogLine) => void;
  readonly #listeners = new Set<(line: LogLine) => void>();

  constructor(options: LogOptions) {
    this.#options = options;
    const logger = pino(
      // The time is in the line already; the process's id and host name are the journal's business.
      { base: null, timestamp: false, level: "debug", formatters: { level: (label) => ({ level: label }) } },
      { write: options.write },
    );
    this.#json = ({ level, ...line }) => logger[level](line);
  }

  /** A record of the engine. */
  record(record: LogRecord): void {
    const { level, event, peer, child, reason } = record;
    if (!this.#isHeard(level)) return;
    const facts = record.facts === undefined ? undefined : printableFacts(record.facts);
    const sentence = eventSentence({ event, peer, child, facts });
    this.#emit({
      time: this.#time(),
      level,
      event,
      ...(peer !== undefined && { peer }),
      ...(child !== undefined && { child }),
      ...(reason !== undefined && { code: reason.code, reason: printable(reason) }),
      ...(facts !== undefined && { facts }),
      msg: reason === undefined ? sentence : `${sentence}: ${describeReason(reason)}`,
    });
  }

  /** A line of the daemon itself. */
  say(level: LogLevel, event: DaemonEvent, sentence: string, facts?: Readonly<Record<string, string | number>>): void {
    if (!this.#isHeard(level)) return;
    const line = { time: this.#time(), level, event, msg: sentence };
    this.#emit(facts === undefined ? line : { ...line, facts: printableFacts(facts) });
  }

  /** Hears every line from now on, whatever the level; returns what ends it. */
  subscribe(listener: (line: LogLine) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Whether anybody reads lines of that level: those that nobody reads are not made. */
  #isHeard(level: LogLevel): boolean {
    return this.#listeners.size > 0 || this.#isPrinted(level);
  }

  #isPrinted(level: LogLevel): boolean {
    return logLevels.indexOf(level) >= logLevels.indexOf(this.#options.level);
  }

  #emit(line: LogLine): void {
    for (const listener of this.#listeners) listener(line);
    if (!this.#isPrinted(line.level)) return;
    if (this.#options.format === "json") this.#json(line);
    else this.#options.write(`${humanLine(line)}\n`);
  }

  #time(): string {
    return new Date(this.#options.now()).toISOString();
  }
}

/** A copy in which octets are replaced: no reason or fact has any, so what has is a mistake that may be a key. */
function printable(value: unknown, depth = 0): unknown {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return value.toString();
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return "[octets]";
  if (depth > maxDepth) return "[deep]";
  if (Array.isArray(value)) return value.map((item) => printable(item, depth + 1));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, printable(item, depth + 1)]));
  }
  return undefined;
}

function printableFacts(facts: Readonly<Record<string, string | number>>): Record<string, string | number> {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]): [string, string | number] => [
      key,
      typeof value === "string" || typeof value === "number" ? value : "[octets]",
    ]),
  );
}

/** Reasons are two levels deep: a list of differences or of rejected candidates. */
const maxDepth = 6;
