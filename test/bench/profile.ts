/** Where a handshake's time goes in our responder: V8's sampling profile of it under load, summed up. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { CaseName } from "./cases.ts";
import type { Bed } from "./measure.ts";
import { Load, underlockDaemon } from "./subjects.ts";

/** What V8 writes; times in microseconds. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** A part of the whole, 0 to 1, beside what took it. */
export interface Share {
  readonly what: string;
  readonly share: number;
}

/** Of the time that the process was not idle. */
export interface Profile {
  readonly byFolder: readonly Share[];
  readonly byFunction: readonly Share[];
}

/** Loads a responder that has warmed up, and says where its time went. */
export async function profile(bed: Bed, name: CaseName, handshakes: number): Promise<Profile> {
  const folder = join(bed.folder, "profile");
  const load = new Load();
  try {
    const daemon = await underlockDaemon(load, folder, undefined, ["--cpu-prof", `--cpu-prof-dir=${folder}`]);
    bed.tell(`${handshakes} handshakes under the profiler`);
    await load.establish(daemon.endpoint, name, handshakes);
    await daemon.process.stop();
  } finally {
    load.close();
  }
  const file = readdirSync(folder).find((entry) => entry.endsWith(".cpuprofile"));
  if (file === undefined) throw new Error(`the responder left no profile in ${folder}`);
  return sumUp(JSON.parse(readFileSync(join(folder, file), "utf8")) as CpuProfile);
}

/** Sums the samples by function, and by the folder that a function or, where it is Node's, its caller belongs to. */
export function sumUp(recorded: CpuProfile): Profile {
  const nodes = new Map(recorded.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, ProfileNode>();
  for (const node of recorded.nodes) for (const child of node.children ?? []) parents.set(child, node);
  const byFolder = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let total = 0;
  recorded.samples.forEach((id, index) => {
    const node = nodes.get(id);
    const took = recorded.timeDeltas[index] ?? 0;
    if (node === undefined || node.callFrame.functionName === "(idle)") return;
    total += took;
    add(byFolder, folderOf(node, parents), took);
    add(byFunction, functionOf(node, parents), took);
  });
  return { byFolder: shares(byFolder, total), byFunction: shares(byFunction, total) };
}

/** The tables, in Markdown. */
export function formatProfile({ byFolder, byFunction }: Profile): string {
  const rows = (list: readonly Share[], limit: number): string[] =>
    list.slice(0, limit).map(({ what, share }) => `| ${what} | ${(share * 100).toFixed(1)} % |`);
  return [
    "| on behalf of | time |",
    "| --- | --- |",
    ...rows(byFolder, 20),
    "",
    "| in itself | time |",
    "| --- | --- |",
    ...rows(byFunction, 30),
  ].join("\n");
}

function add(sums: Map<string, number>, what: string, took: number): void {
  sums.set(what, (sums.get(what) ?? 0) + took);
}

function shares(sums: ReadonlyMap<string, number>, total: number): Share[] {
  return [...sums].map(([what, took]) => ({ what, share: took / total })).sort((a, b) => b.share - a.share);
}

/** The nearest caller that is ours, by its folder in `src`. */
function folderOf(node: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): string {
  for (let at: ProfileNode | undefined = node; at !== undefined; at = parents.get(at.id)) {
    const ours = ownFile(at);
    if (ours !== undefined) return ours.includes("/") ? ours.slice(0, ours.lastIndexOf("/")) : ours;
    if (at.callFrame.functionName.startsWith("(garbage")) return "garbage collection";
  }
  return "Node and the system, called by nothing of ours";
}

function functionOf(node: ProfileNode, parents: ReadonlyMap<number, ProfileNode>): string {
  const { functionName, url } = node.callFrame;
  const file = ownFile(node) ?? url;
  const own = `${functionName === "" ? "(nameless)" : functionName} ${file}`.trim();
  // Native functions have no file: who called them says what they are.
  const caller = url === "" && !functionName.startsWith("(") ? parents.get(node.id) : undefined;
  return caller === undefined
    ? own
    : `${own} < ${caller.callFrame.functionName} ${ownFile(caller) ?? caller.callFrame.url}`;
}

/** Below `src`, without its extension. */
function ownFile({ callFrame: { url } }: ProfileNode): string | undefined {
  const at = url.lastIndexOf("/src/");
  return at < 0 || url.includes("node_modules") ? undefined : url.slice(at + 5).replace(/\.[jt]s$/, "");
}
