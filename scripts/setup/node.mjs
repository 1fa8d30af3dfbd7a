import { existsSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { root } from "../paths.mjs";
import { show } from "../run.mjs";

/** Installs the npm packages when they are missing or older than package-lock.json. */
export function nodeModules() {
  const lock = join(root, "package-lock.json");
  const installed = join(root, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  // Not `npm ci`: it refuses a lock file that lacks the optional packages of platforms its registry did not have.
  show("npm", ["install", "--no-save", "--no-audit", "--no-fund"], { cwd: root });
  // npm leaves the old date when nothing had changed, and the next run would install again.
  const now = new Date();
  utimesSync(installed, now, now);
}
