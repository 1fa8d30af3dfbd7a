/** The processes of the bench: started, asked, and ended without a trace. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One of our own processes, written in TypeScript: asked over a channel, one request at a time. */
export class Helper<Request, Answer> {
  readonly pid: number;
  readonly #child: ChildProcess;

  /** `name`: the file beside this one, without its extension. */
  constructor(name: string, words: readonly string[] = []) {
    this.#child = fork(fileOf(name), [...words], { stdio: ["ignore", 2, 2, "ipc"], serialization: "advanced" });
    this.pid = pidOf(this.#child, name);
  }

  /** Resolves with the answer; rejects where the process ends before it has answered. */
  async ask(request: Request): Promise<Answer> {
    const child = this.#child;
    return await new Promise((resolve, reject) => {
      const take = (answer: Answer): void => {
        child.removeListener("exit", gone);
        resolve(answer);
      };
      const gone = (status: number | null): void => {
        child.removeListener("message", take);
        reject(new Error(`a helper of the bench ended with status ${status}`));
      };
      child.once("message", take).once("exit", gone);
      child.send(request as object);
    });
  }

  close(): void {
    this.#child.removeAllListeners();
    this.#child.kill("SIGKILL");
  }
}

/** A daemon under measurement; what it prints goes into a file. */
export class DaemonProcess {
  readonly pid: number;
  /** When it was started, on the system's monotonic clock in nanoseconds. */
  readonly startedAt: bigint;
  readonly #child: ChildProcess;
  #ended: string | undefined;

  constructor(command: readonly string[], options: { readonly log: string; readonly env?: Record<string, string> }) {
    const [program = "", ...words] = command;
    const output = openSync(options.log, "a");
    this.startedAt = process.hrtime.bigint();
    // A session of its own: charon ends its whole process group in some shutdowns.
    this.#child = spawn(program, words, {
      stdio: ["ignore", output, output],
      env: { ...process.env, ...options.env },
      detached: true,
    });
    this.#child.on("error", (error) => {
      this.#ended = error.message;
    });
    this.#child.on("exit", (status, signal) => {
      this.#ended = `it ended with ${signal ?? `status ${status}`}, see ${options.log}`;
    });
    this.pid = pidOf(this.#child, program);
  }

  /** Waits until `ready` says so, for at most 30 s; rejects where the process ends before. */
  async until(what: string, ready: () => boolean): Promise<void> {
    for (let left = 6_000; left > 0; left -= 1) {
      if (ready()) return;
      if (this.#ended !== undefined) throw new Error(`no ${what}: ${this.#ended}`);
      await sleep(5);
    }
    throw new Error(`no ${what} within 30 s`);
  }

  /** Asks it to end, and resolves when it has ended. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends it at once, and resolves when it has ended. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#child.kill(signal);
    while (this.#ended === undefined) await sleep(5);
  }
}

/** Runs one of our own daemons: the file beside this one, on the Node that runs us. */
export function ownCommand(name: string, ...words: readonly string[]): string[] {
  return [process.execPath, ...process.execArgv, fileOf(name), ...words];
}

export async function sleep(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Beside this file, and of its kind: compiled where this one is. */
function fileOf(name: string): string {
  const self = fileURLToPath(import.meta.url);
  return join(self, "..", name + self.slice(self.lastIndexOf(".")));
}

function pidOf(child: ChildProcess, name: string): number {
  if (child.pid === undefined) throw new Error(`${name} cannot be started`);
  return child.pid;
}
