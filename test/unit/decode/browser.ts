import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** Whether Debian's `chromium` is there. */
export const hasChromium = spawnSync("chromium", ["--version"], { encoding: "utf8" }).status === 0;

/** A headless Chromium, spoken to over its debugging pipe. */
export class Browser {
  readonly #process: ChildProcess;
  readonly #profile: string;
  readonly #waiting = new Map<number, (answer: Record<string, unknown>) => void>();
  #id = 0;
  #rest = "";

  constructor() {
    this.#profile = mkdtempSync(join(tmpdir(), "underlock-browser-"));
    const words = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--remote-debugging-pipe",
      `--user-data-dir=${this.#profile}`,
    ];
    this.#process = spawn("chromium", words, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    (this.#process.stdio[4] as Readable).setEncoding("utf8").on("data", (chunk: string) => this.#receive(chunk));
  }

  /** Opens a page and gives what an expression comes to in it. */
  async evaluate<T>(url: string, expression: string): Promise<T> {
    const { targetId } = await this.#call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.#call("Target.attachToTarget", { targetId, flatten: true });
    await this.#call("Page.navigate", { url }, sessionId);
    for (let attempt = 0; attempt < 200; attempt += 1) {
      const ready = await this.#value(sessionId, `location.href === ${JSON.stringify(url)} && document.readyState`);
      if (ready === "complete") return (await this.#value(sessionId, expression)) as T;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${url} was not loaded in 10 seconds`);
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGKILL");
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }

  async #value(sessionId: unknown, expression: string): Promise<unknown> {
    const answer = await this.#call("Runtime.evaluate", { expression, returnByValue: true }, sessionId);
    return (answer.result as { value?: unknown } | undefined)?.value;
  }

  #call(method: string, params: unknown, sessionId?: unknown): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    const message = JSON.stringify({ id, method, params, ...(sessionId === undefined ? {} : { sessionId }) });
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      (this.#process.stdio[3] as Writable).write(`${message}\0`);
    });
  }

  #receive(chunk: string): void {
    const messages = (this.#rest + chunk).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const text of messages) {
      const message = JSON.parse(text) as { id?: number; result?: Record<string, unknown> };
      if (message.id === undefined) continue;
      this.#waiting.get(message.id)?.(message.result ?? {});
      this.#waiting.delete(message.id);
    }
  }
}
