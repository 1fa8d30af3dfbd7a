import { readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../paths.mjs";
import { show } from "../run.mjs";

const stamp = join(root, "dist", ".built");

/** Compiles src into dist when a source is newer than the last build. */
export function build() {
  const sources = readdirSync(join(root, "src"), { recursive: true }).map((name) => join(root, "src", name));
  const newest = Math.max(
    ...[...sources, join(root, "tsconfig.json"), join(root, "tsconfig.build.json")].map(modified),
  );
  if (modified(stamp) > newest) return;
  // What a removed source left behind must not be loaded any more.
  rmSync(join(root, "dist"), { recursive: true, force: true });
  show(join(root, "node_modules", ".bin", "tsc"), ["-p", "tsconfig.build.json"], { cwd: root });
  writeFileSync(stamp, "");
}

/** Milliseconds since 1970, 0 for a file that does not exist. A folder's time changes when a file in it is removed. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
