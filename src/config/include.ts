/** `include`: from names, folders and patterns to the files they mean, in a fixed order. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { configurationLimits } from "./limits.ts";
import { errorAt, type Finding, quote, warningAt } from "./problem.ts";
import { fileError } from "./read-file.ts";

export interface IncludedFiles {
  /** As people name them: joined to the main file's own name. */
  readonly files: readonly string[];
  /** What could not be looked into. */
  readonly missing: readonly string[];
  readonly findings: readonly Finding[];
}

/** `main` is never among the files, though a pattern may match it. */
export async function findIncluded(patterns: readonly string[], main: string): Promise<IncludedFiles> {
  const files = new Map<string, string>();
  const findings: Finding[] = [];
  const missing: string[] = [];
  for (const [i, pattern] of patterns.entries()) {
    const path = ["include", i];
    const found = await filesOf(isAbsolute(pattern) ? pattern : join(dirname(main), pattern));
    if ("wrong" in found) {
      findings.push(errorAt(path, found.wrong));
      missing.push(pattern);
      continue;
    }
    if (found.files.length === 0) findings.push(warningAt(path, `${quote(pattern)} gives no file`));
    for (const file of found.files) if (resolve(file) !== resolve(main)) files.set(resolve(file), file);
  }
  if (files.size <= configurationLimits.files) return { files: [...files.values()], missing, findings };
  const sentence = `brings ${files.size} files, and at most ${configurationLimits.files} are read`;
  return { files: [], missing: patterns, findings: [...findings, errorAt(["include"], sentence)] };
}

async function filesOf(path: string): Promise<{ readonly files: readonly string[] } | { readonly wrong: string }> {
  const name = basename(path);
  try {
    if (/[*?]/.test(name)) return { files: await filesIn(dirname(path), (entry) => matches(entry, name)) };
    if ((await stat(path)).isDirectory()) return { files: await filesIn(path, (entry) => /\.ya?ml$/.test(entry)) };
    return { files: [path] };
  } catch (error) {
    return { wrong: fileError(/[*?]/.test(name) ? dirname(path) : path, error) };
  }
}

async function filesIn(folder: string, wanted: (name: string) => boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => !entry.isDirectory() && !entry.name.startsWith(".") && wanted(entry.name))
    .map(({ name }) => name);
  // By code unit, whatever the locale: the order of files is the order of peers.
  return names.sort((a, b) => (a < b ? -1 : 1)).map((name) => join(folder, name));
}

/** `*` and `?` as in a shell, in time that grows with the product of the lengths alone. */
function matches(name: string, pattern: string): boolean {
  let reachable = new Set([0]);
  for (const mark of pattern) {
    const next = new Set<number>();
    if (mark === "*") {
      for (let i = Math.min(...reachable); i <= name.length; i += 1) next.add(i);
    } else {
      for (const i of reachable) if (i < name.length && (mark === "?" || name[i] === mark)) next.add(i + 1);
    }
    if (next.size === 0) return false;
    reachable = next;
  }
  return reachable.has(name.length);
}
