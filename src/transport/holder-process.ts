/** Where no service manager keeps them: a process that has the sockets open and does nothing, so that they outlive us. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { descriptorOf } from "../netlink-xfrm/index.ts";
import type { KeptSocket, SocketKeeper } from "./kept-sockets.ts";

/** The first three are standard input, output and error. */
const firstDescriptor = 3;

/**
 * Keeps the sockets in a process that sleeps for ever. The file at `path` says which it is, by its id and the time at
 * which it was started, so that a later run finds it; whoever may write that file owns the daemon anyway.
 */
export class HolderProcess implements SocketKeeper {
  readonly #path: string;
  readonly #warn: (sentence: string) => void;

  constructor(path: string, warn: (sentence: string) => void) {
    this.#path = path;
    this.#warn = warn;
  }

  recover(): readonly number[] {
    const pid = this.#standing();
    if (pid === undefined) return [];
    try {
      return socketsOf(pid).map((descriptor) => descriptorOf(pid, descriptor));
    } catch (error) {
      // Whoever holds the ports must go, or we cannot have them.
      this.#end(pid);
      this.#warn(
        `the sockets of the former run could not be taken over: ${error instanceof Error ? error.message : ""}`,
      );
      return [];
    }
  }

  keep(sockets: readonly KeptSocket[]): void {
    const former = this.#standing();
    if (sockets.length > 0) this.#start(sockets);
    else rmSync(this.#path, { force: true });
    if (former !== undefined) this.#end(former);
  }

  #start(sockets: readonly KeptSocket[]): void {
    const descriptors = sockets.map(({ descriptor }) => descriptor);
    // A session of its own: what ends our process group must not end it.
    const holder = spawn("sleep", ["infinity"], {
      detached: true,
      cwd: "/",
      env: { PATH: process.env.PATH },
      stdio: ["ignore", "ignore", "ignore", ...descriptors],
    });
    holder.on("error", (error) => this.#warn(`nobody keeps the sockets over a crash: ${error.message}`));
    holder.unref();
    const { pid } = holder;
    const started = pid === undefined ? undefined : startTime(pid);
    if (pid === undefined || started === undefined) return;
    try {
      writeFileSync(`${this.#path}.new`, `${pid} ${started}\n`, { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch (error) {
      this.#end(pid);
      this.#warn(`nobody keeps the sockets over a crash: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** The holder that the file names, if it is the very same process still. */
  #standing(): number | undefined {
    try {
      // A file that somebody else could have written is not believed.
      const { uid, mode } = statSync(this.#path);
      if (uid !== process.geteuid?.() || (mode & 0o022) !== 0) return undefined;
      const [pid, started] = readFileSync(this.#path, "utf8").trim().split(" ");
      return started !== undefined && startTime(Number(pid)) === started ? Number(pid) : undefined;
    } catch {
      return undefined;
    }
  }

  #end(pid: number): void {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has gone by itself.
    }
  }
}

/** The file beside the control socket. */
export function holderPath(controlSocket: string): string {
  return `${controlSocket}.holder`;
}

/** When a process was started, in the kernel's ticks since boot (proc(5), field 22): with the id, it names one process for ever. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, in parentheses, may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function socketsOf(pid: number): number[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder)
    .map(Number)
    .filter((fd) => fd >= firstDescriptor && readlinkSync(`${folder}/${fd}`).startsWith("socket:"));
}
