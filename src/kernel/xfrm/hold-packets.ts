import { readFileSync, writeFileSync } from "node:fs";

/** In this thread's network namespace. */
const setting = "/proc/sys/net/core/xfrm_larval_drop";

/**
 * Has the kernel hold packets that find no SA, up to a hundred for each policy, and send them once it stands. What kept
 * it from that in words, or undefined where it holds them now.
 */
export function holdPackets(file = setting): string | undefined {
  try {
    if (readFileSync(file, "utf8").trim() !== "0") writeFileSync(file, "0\n");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
