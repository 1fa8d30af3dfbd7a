import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Machine } from "./machine.ts";

/**
 * The folder with a peer's Debian, made by `scripts/setup.mjs peers`, ready to be chrooted into from the machine: what the
 * kernel shows, /tmp and the machine's own /run are the same inside.
 */
export async function peerFolder(machine: Machine, name: string): Promise<string> {
  const cache = process.env.UNDERLOCK_CACHE ?? join(process.env.HOME ?? homedir(), ".cache", "underlock");
  const root = join(cache, "peers", name);
  if (!existsSync(root)) throw new Error(`${name} is not in ${root}: do \`node scripts/setup.mjs peers\``);
  const mounts = ["dev", "proc", "sys", "tmp", "run"].map((mounted) => `mount --bind /${mounted} ${root}/${mounted}`);
  await machine.run(`mountpoint -q ${root}/proc || { ${mounts.join(" && ")}; }`);
  return root;
}
