/** The NAT rules of this host, as the tools that are installed print them. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Readable } from "node:stream";

export interface NatToolOutput {
  /** Undefined where the tool is not there or failed. */
  readonly text: string | undefined;
  /** The command, and why it gave nothing where it did not. */
  readonly looked: string;
}

export type NatToolOutputs = Readonly<Record<keyof typeof commands, NatToolOutput>>;

export type ReadNatTools = () => Promise<NatToolOutputs>;

const commands = {
  nft: "nft -j list ruleset",
  iptables: "iptables-save -t nat",
  ip6tables: "ip6tables-save -t nat",
  iptablesLegacy: "iptables-legacy-save -t nat",
  ip6tablesLegacy: "ip6tables-legacy-save -t nat",
} as const;

const names = Object.keys(commands) as (keyof typeof commands)[];

/**
 * Runs the tools that are on the path, all from one shell: to start a process stops this one for as long as that takes, and its
 * datagrams wait. Never rejects.
 */
export async function readNatTools(): Promise<NatToolOutputs> {
  const installed = names.filter((name) => isInstalled(commands[name].slice(0, commands[name].indexOf(" "))));
  const texts = installed.length === 0 ? [] : await outputs(installed.map((name) => commands[name]));
  const output = (name: keyof typeof commands): NatToolOutput => {
    const place = installed.indexOf(name);
    const text = place < 0 ? undefined : texts[place];
    const why = place < 0 ? " (not installed)" : text === undefined ? " (failed)" : "";
    return { text, looked: `${commands[name]}${why}` };
  };
  return {
    nft: output("nft"),
    iptables: output("iptables"),
    ip6tables: output("ip6tables"),
    iptablesLegacy: output("iptablesLegacy"),
    ip6tablesLegacy: output("ip6tablesLegacy"),
  };
}

/** The same, read again only when what was read last is older than `hold` milliseconds. */
export function heldNatTools(hold: number, clock: () => number, read: ReadNatTools = readNatTools): ReadNatTools {
  let last: { readonly at: number; readonly outputs: Promise<NatToolOutputs> } | undefined;
  return () => {
    if (last === undefined || clock() - last.at >= hold) last = { at: clock(), outputs: read() };
    return last.outputs;
  };
}

function isInstalled(command: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, command)));
}

/** What each command printed, from the first; undefined where it failed or gave too much. */
function outputs(lines: readonly string[]): Promise<(string | undefined)[]> {
  const firstPipe = 3;
  // Its own output says which commands went well; theirs go to one pipe each.
  const script = lines.map((line, index) => `${line} >&${index + firstPipe} && echo ${index}`).join("\n");
  const pipes = lines.map(() => "pipe" as const);
  // A process group of its own, so that a tool that hangs ends with the shell.
  const child = spawn("/bin/sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore", ...pipes], detached: true });
  const patience = setTimeout(() => endGroup(child.pid), timeoutMs);
  const collected = child.stdio.slice(firstPipe).map((stream) => collect(stream as Readable));
  const wentWell = collect(child.stdout as Readable);
  return new Promise((resolve) => {
    child.on("error", () => {
      clearTimeout(patience);
      resolve(lines.map(() => undefined));
    });
    child.on("close", () => {
      clearTimeout(patience);
      const well = new Set(wentWell()?.split("\n"));
      resolve(collected.map((text, index) => (well.has(String(index)) ? text() : undefined)));
    });
  });
}

function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGKILL");
  } catch {
    // It has just ended.
  }
}

/** Gathers what a pipe gives; undefined once that is too much. */
function collect(stream: Readable): () => string | undefined {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on("error", () => {});
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= maxOutput) chunks.push(chunk);
  });
  return () => (length > maxOutput ? undefined : Buffer.concat(chunks).toString());
}

const timeoutMs = 5000;
const maxOutput = 64 * 1024 * 1024;
