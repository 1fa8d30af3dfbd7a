import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where things live that are slow to make and shared by all checkouts: peers' folders, a second Node, running guests. */
export const cache = process.env.UNDERLOCK_CACHE ?? join(process.env.HOME ?? homedir(), ".cache", "underlock");
