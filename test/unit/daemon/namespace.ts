import { type ChildProcess, spawn } from "node:child_process";

/** Whether tests may make network namespaces. */
export const mayMakeNamespaces = process.getuid?.() === 0;

/** A network namespace with the loopback device up, so that the standard ports are free; `enter` goes before a command. */
export async function openNamespace(): Promise<{ readonly enter: readonly string[]; close(): void }> {
  const holder = spawn("unshare", ["-n", "sh", "-c", "ip link set lo up && echo ready && exec sleep 600"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once("data", () => resolve());
    holder.once("exit", (code) => reject(new Error(`unshare ended with ${code}`)));
  });
  return { enter: ["nsenter", "-t", String(holder.pid), "-n"], close: () => holder.kill() };
}

/** A process whose standard output is lines of JSON. */
export class JsonProcess {
  readonly lines: Record<string, unknown>[] = [];
  stdout = "";
  stderr = "";
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #rest = "";

  constructor(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const [program = "", ...rest] = words;
    const env = { ...process.env, ...environment };
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env });
    this.#child = child;
    child.stdout.on("data", (chunk) => this.#take(String(chunk)));
    child.stderr.on("data", (chunk) => {
      this.stderr += chunk;
    });
    this.ended = new Promise((resolve) => child.once("close", resolve));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The next line that fits, beginning with line number `from`. */
  async line(fits: (line: Record<string, unknown>) => boolean, from = 0): Promise<Record<string, unknown>> {
    for (let i = 0; i < 1000; i += 1) {
      const found = this.lines.slice(from).find(fits);
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`no such line; stdout:\n${this.stdout}\nstderr:\n${this.stderr}`);
  }

  #take(chunk: string): void {
    this.stdout += chunk;
    const parts = (this.#rest + chunk).split("\n");
    this.#rest = parts.pop() ?? "";
    for (const part of parts) this.lines.push(JSON.parse(part));
  }
}
