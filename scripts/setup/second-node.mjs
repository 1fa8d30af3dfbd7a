import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { cache } from "../paths.mjs";
import { show } from "../run.mjs";

/** Brings another release of Node through the npm package `node`, outside the project, and returns its binary. */
export function secondNode(version) {
  const prefix = join(cache, `node-${version}`);
  const binary = join(prefix, "node_modules/node/bin/node");
  if (!existsSync(binary)) {
    mkdirSync(prefix, { recursive: true });
    show("npm", ["install", "--no-audit", "--no-fund", "--no-save", "--prefix", prefix, `node@${version}`], {
      cwd: prefix,
    });
  }
  return binary;
}
