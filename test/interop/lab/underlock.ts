import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { callDaemon } from "../../../src/daemon/control-client.ts";
import type { Finished, LoggedProcess, Machine } from "./machine.ts";

const program = join(dirname(fileURLToPath(import.meta.url)), "../../../bin/underlock");

/** Commands that read the file, and commands that speak to the daemon (or are it). */
const readsFile: ReadonlySet<string> = new Set(["run", "lock", "check"]);
const usesSocket: ReadonlySet<string> = new Set(["run", "unlock", "up", "down", "rekey", "status", "reload"]);

/** Our end: its configuration, written as YAML, and the files beside it (secrets), by name. */
export interface UnderlockOptions {
  readonly config: Readonly<Record<string, unknown>> | string;
  readonly files?: Readonly<Record<string, string>>;
  /** What the daemon does wrong, as `run --impair` takes it. */
  readonly impair?: readonly string[];
}

/** Our own daemon on a gateway, driven through its command line as an operator would. */
export class Underlock {
  readonly machine: Machine;
  readonly #folder: string;
  readonly #file: string;
  readonly #impair: readonly string[];
  #daemon: LoggedProcess | undefined;

  /** `options`: what to write into files of its own; a path: a file that is there already. */
  constructor(machine: Machine, options: UnderlockOptions | string) {
    this.machine = machine;
    this.#folder = join(machine.folder, "underlock");
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#file = typeof options === "string" ? options : join(this.#folder, "underlock.yaml");
    this.#impair = typeof options === "string" ? [] : (options.impair ?? []);
    if (typeof options === "string") return;
    for (const [name, content] of Object.entries(options.files ?? {})) {
      writeFileSync(join(this.#folder, name), content, { mode: 0o600 });
    }
    this.configure(options.config);
  }

  /** Writes another configuration file in the place of the first; a running daemon reads it at SIGHUP. */
  configure(config: UnderlockOptions["config"]): void {
    writeFileSync(this.#file, typeof config === "string" ? config : stringify({ daemon: this.#daemonKeys, ...config }));
  }

  /** Starts `underlock run` and resolves when it says that it is ready. */
  async start(): Promise<void> {
    // A second one goes on in the log of the first.
    const earlier = this.#daemon?.log().length ?? 0;
    const impairments = this.#impair.flatMap((impairment) => ["--impair", impairment]);
    const env = this.#impair.length === 0 ? {} : { UNDERLOCK_TEST_ONLY: "impair" };
    const daemon = this.machine.spawn("underlock", this.#command("run", ...impairments), env);
    this.#daemon = daemon;
    await daemon.until("daemon-ready", () => daemon.log().slice(earlier).includes("daemon-ready"), 60_000);
  }

  /** Runs a command of ours and returns how it ended. */
  async command(command: string, ...args: string[]): Promise<Finished> {
    return await this.machine.attempt(
      this.#command(command, ...args)
        .map((word) => `'${word}'`)
        .join(" "),
    );
  }

  /** Runs a command of ours that must succeed, and returns its standard output. */
  async must(command: string, ...args: string[]): Promise<string> {
    const done = await this.command(command, ...args);
    if (done.status === 0) return done.stdout;
    throw new Error(
      `${this.machine.name}: underlock ${[command, ...args].join(" ")}: status ${done.status}\n${done.stderr}${done.stdout}`,
    );
  }

  /** Calls the daemon as its commands do, without the time that a process takes to start. */
  async ask(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    return await callDaemon(this.#socket, method, params);
  }

  /** The answer of `underlock status --json`. */
  async status(): Promise<unknown> {
    return JSON.parse(await this.must("status", "--json"));
  }

  /** The daemon's log up to now. */
  log(): string {
    return this.#running().log();
  }

  /** Tells the daemon to read its file again. */
  reload(): void {
    this.#running().kill("SIGHUP");
  }

  /** Ends the daemon politely and returns its exit status. */
  async stop(): Promise<number | null> {
    return await this.#running().stop("SIGTERM");
  }

  /** Ends the daemon as a crash would; its socket's file stays behind. */
  async crash(): Promise<void> {
    await this.#running().stop("SIGKILL");
  }

  /** The machines share the host's files: what the daemon keeps goes to a folder of its own. */
  get #daemonKeys(): Readonly<Record<string, string>> {
    return { "crash-secret": join(this.#folder, "crash.secret") };
  }

  get #socket(): string {
    return join(this.#folder, "control");
  }

  #command(command: string, ...args: string[]): string[] {
    const file = readsFile.has(command) ? ["--config", this.#file] : [];
    const socket = usesSocket.has(command) ? ["--socket", this.#socket] : [];
    return [process.execPath, program, command, ...args, ...file, ...socket];
  }

  #running(): LoggedProcess {
    if (this.#daemon === undefined) throw new Error(`${this.machine.name}: underlock was not started`);
    return this.#daemon;
  }
}
