import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { formatProblem, type Loaded, loadConfiguration, type Resolver } from "../../../src/config/load.ts";

/** Files of one configuration by name; the one that is loaded is `gw.yaml`. */
export type Files = Readonly<Record<string, string | { readonly text: string | Uint8Array; readonly mode: number }>>;

/** 24 octets: long enough for no warning. */
export const goodKey = "correct horse battery st";

export interface LoadedFolder extends Loaded {
  /** Every problem as a line, the folder's name left out. */
  readonly lines: readonly string[];
}

/** Writes the files into a folder of their own (0600, and a good key in `site-b.psk`) and loads `gw.yaml`. */
export async function loadFolder(files: Files | string, resolve: Resolver = noResolver): Promise<LoadedFolder> {
  const folder = mkdtempSync(join(tmpdir(), "underlock-config-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const all: Files = { "site-b.psk": `${goodKey}\n`, ...(typeof files === "string" ? { "gw.yaml": files } : files) };
  for (const [name, file] of Object.entries(all)) {
    const { text, mode } = typeof file === "string" ? { text: file, mode: 0o600 } : file;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    // The umask takes rights away from a new file: chmod is what counts.
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
  }
  const loaded = await loadConfiguration(join(folder, "gw.yaml"), { resolve });
  return { ...loaded, lines: loaded.problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, "")) };
}

/** A peer that is right, to be written under `peers:`. */
export function soundPeer(name: string, remote = "192.0.2.2"): string {
  return `  ${name}:\n    remote: ${remote}\n    id: ${name}.example\n    auth: { psk: file:site-b.psk }\n    protect: gre\n`;
}

const noResolver: Resolver = async (name) => {
  throw new Error(`nobody is to ask for ${name}`);
};
