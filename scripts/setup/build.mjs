import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "../paths.mjs";
import { show } from "../run.mjs";

const stamp = join(root, "dist", ".built");

const options = [
  "src/cli/main.ts",
  // Not dist: how far package.json is away is the same for src/cli and for what is built from it.
  "--outdir=dist/cli",
  "--bundle",
  "--splitting",
  "--platform=node",
  "--format=esm",
  "--target=node20.19",
  "--external:koffi",
  // For the libraries that are CommonJS still.
  '--banner:js=import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
  "--sourcemap",
  "--log-level=warning",
];

/**
 * Writes dist when a source is newer than the last build: the program and the libraries it uses in few files,
 * because reading some 900 small ones was half of the time until the daemon answers. What is loaded late in
 * src stays a file of its own; koffi stays outside, it loads a compiled library from its own folder.
 */
export function build() {
  const sources = readdirSync(join(root, "src"), { recursive: true }).map((name) => join(root, "src", name));
  const newest = Math.max(
    ...[...sources, join(root, "package-lock.json"), fileURLToPath(import.meta.url)].map(modified),
  );
  if (modified(stamp) > newest) return;
  // What a removed source left behind must not be loaded any more.
  rmSync(join(root, "dist"), { recursive: true, force: true });
  show(join(root, "node_modules", ".bin", "esbuild"), options, { cwd: root });
  writeFileSync(stamp, "");
}

/** Milliseconds since 1970, 0 for a file that does not exist. A folder's time changes when a file in it is removed. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
