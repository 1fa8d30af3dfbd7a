import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** What a command that has ended left behind; `status` is 128 and the signal's number when a signal ended it. */
export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run: `input` goes to its standard input, `timeout` is in milliseconds. */
export interface RunOptions {
  readonly input?: string;
  readonly timeout?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Makes the namespace ready and then runs one script after another that it is given the number of, each in the
 * background. Starting a process from this small shell costs half of what it costs from Node, and needs no nsenter. It
 * ends with its input, which ends with the process that started it, however that ends.
 */
const holderScript = `
jobs=$1
mount -t tmpfs tmpfs /run && ip link set lo up || exit 1
exec 3>&1
echo ready
while read -r n; do
  (trap 'echo "$n $?" >&3' EXIT; set -e; . "$jobs/$n.sh") <"$jobs/$n.in" >"$jobs/$n.out" 2>"$jobs/$n.err" &
done`;

/** One network namespace with a mount namespace and an empty /run of its own: a gateway, a LAN's host, the wire between. */
export class Machine {
  readonly name: string;
  /** Where the logs of this machine's processes go. */
  readonly folder: string;
  readonly #holder: ChildProcess;
  readonly #pid: number;
  readonly #processes: LoggedProcess[] = [];
  readonly #jobs: string;
  readonly #waiting = new Map<number, (status: number) => void>();
  #lastJob = 0;

  private constructor(name: string, folder: string, jobs: string, holder: ChildProcess, pid: number) {
    this.name = name;
    this.folder = folder;
    this.#jobs = jobs;
    this.#holder = holder;
    this.#pid = pid;
  }

  /** Makes the namespaces; they live until `destroy` or until this process dies. `folder` receives the logs. */
  static async create(name: string, folder: string): Promise<Machine> {
    const jobs = join(folder, "jobs");
    mkdirSync(jobs, { recursive: true });
    const command = ["--net", "--mount", "--propagation", "private", "sh", "-c", holderScript, "sh", jobs];
    const holder = spawn("unshare", command, { stdio: ["pipe", "pipe", "inherit"] });
    const { pid, stdout } = holder;
    if (pid === undefined || stdout === null) throw new Error(`machine ${name}: unshare does not start`);
    const machine = new Machine(name, folder, jobs, holder, pid);
    await new Promise<void>((resolve, reject) => {
      createInterface(stdout).on("line", (line) => (line === "ready" ? resolve() : machine.#finish(line)));
      holder.once("exit", (status) => reject(new Error(`machine ${name}: unshare ended with status ${status}`)));
    });
    return machine;
  }

  /** The process id whose namespaces are this machine's, as `ip link set … netns` takes it. */
  get pid(): number {
    return this.#pid;
  }

  /** Runs a shell script in the machine and returns its standard output; a status other than 0 is an error. */
  async run(script: string, options: RunOptions = {}): Promise<string> {
    const done = await this.attempt(script, options);
    if (done.status === 0) return done.stdout;
    throw new Error(`machine ${this.name}: status ${done.status} from: ${script}\n${done.stderr}${done.stdout}`);
  }

  /** Runs a shell script in the machine and says how it ended, whatever the status. The script must not `exec`. */
  async attempt(script: string, options: RunOptions = {}): Promise<Finished> {
    this.#lastJob += 1;
    const job = this.#lastJob;
    const file = (kind: string) => join(this.#jobs, `${job}.${kind}`);
    const exports = Object.entries(options.env ?? {}).map(([key, value]) => `export ${key}='${value}'\n`);
    writeFileSync(file("sh"), `${exports.join("")}${script}\n`);
    writeFileSync(file("in"), options.input ?? "");
    const status = await new Promise<number>((resolve, reject) => {
      const timeout = options.timeout ?? 60_000;
      const late = () => reject(new Error(`machine ${this.name}: not done after ${timeout} ms: ${script}`));
      const timer = setTimeout(late, timeout);
      this.#waiting.set(job, (ended) => {
        clearTimeout(timer);
        resolve(ended);
      });
      this.#holder.stdin?.write(`${job}\n`);
    });
    const finished = { status, stdout: readFileSync(file("out"), "utf8"), stderr: readFileSync(file("err"), "utf8") };
    for (const kind of ["sh", "in", "out", "err"]) rmSync(file(kind));
    return finished;
  }

  /** Runs `ip -batch` with these lines, one process for all of them. */
  async ip(lines: readonly string[]): Promise<void> {
    await this.run("ip -batch -", { input: `${lines.join("\n")}\n` });
  }

  /** Starts a process that stays; its output goes to `<name>.log` in the machine's folder. Its pid is the command's own. */
  spawn(name: string, command: readonly string[], env: Readonly<Record<string, string>> = {}): LoggedProcess {
    const file = join(this.folder, `${name}.log`);
    const log = openSync(file, "a");
    const child = spawn("nsenter", [...this.#enter(), ...command], {
      // An input that stays open and empty. A session of its own: charon signals its whole process group at shutdown.
      stdio: ["pipe", log, log],
      detached: true,
      env: { ...process.env, ...env },
    });
    closeSync(log);
    const started = new LoggedProcess(`${this.name}: ${name}`, child, file);
    this.#processes.push(started);
    return started;
  }

  /** Ends every process of the machine and with them its namespaces. */
  async destroy(): Promise<void> {
    for (const process_ of this.#processes) process_.kill("SIGKILL");
    for (const pid of this.#inhabitants()) endProcess(pid);
    await Promise.all(this.#processes.map((process_) => process_.exited));
    const gone = new Promise((resolve) => this.#holder.once("close", resolve));
    this.#holder.kill("SIGKILL");
    await gone;
  }

  /** Takes the holder's line "<job> <status>". */
  #finish(line: string): void {
    const [job, status] = line.split(" ").map(Number);
    if (job === undefined || status === undefined) throw new Error(`machine ${this.name}: the shell said "${line}"`);
    this.#waiting.get(job)?.(status);
    this.#waiting.delete(job);
  }

  #enter(): string[] {
    return ["-t", String(this.#pid), "-n", "-m", "--"];
  }

  /** Processes in this network namespace that nobody waits for (a daemon's children). */
  #inhabitants(): number[] {
    const mine = namespaceOf(this.#pid);
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    return pids.map(Number).filter((pid) => pid !== this.#pid && namespaceOf(pid) === mine);
  }
}

/** A process that stays, with its output in a file. */
export class LoggedProcess {
  readonly name: string;
  readonly file: string;
  /** The exit status, or null when a signal ended it. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(name: string, child: ChildProcess, file: string) {
    this.name = name;
    this.file = file;
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once("error", () => resolve(null)).once("exit", (status) => resolve(status));
    });
  }

  /** Whether it still runs. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** All it has printed up to now. */
  log(): string {
    return readFileSync(this.file, "utf8");
  }

  /** Sends a signal; nothing happens when it has ended already. */
  kill(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** Sends the signal and waits for the end; SIGKILL follows after `patience` milliseconds. */
  async stop(signal: NodeJS.Signals = "SIGTERM", patience = 10_000): Promise<number | null> {
    const timer = setTimeout(() => this.kill("SIGKILL"), patience);
    this.kill(signal);
    const status = await this.exited;
    clearTimeout(timer);
    return status;
  }

  /** Waits until the predicate holds; an error when the process ends before, or after `patience` milliseconds. */
  async until(what: string, ready: () => boolean | Promise<boolean>, patience = 20_000): Promise<void> {
    await waitFor(`${this.name}: ${what}`, ready, patience, () => {
      if (!this.running) throw new Error(`${this.name} ended before: ${what}\n${this.log().slice(-4000)}`);
    });
  }
}

/** Polls until the predicate holds; an error that names `what` after `patience` milliseconds. */
export async function waitFor(
  what: string,
  ready: () => boolean | Promise<boolean>,
  patience = 20_000,
  check: () => void = () => {},
): Promise<void> {
  const deadline = performance.now() + patience;
  while (!(await ready())) {
    check();
    if (performance.now() > deadline) throw new Error(`waited ${patience} ms in vain for: ${what}`);
    await sleep(25);
  }
}

/** Resolves after so many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function namespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return undefined;
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended between the listing and the signal.
  }
}
