/** Underlock's own version. */
import { readFileSync } from "node:fs";
import { installation } from "./installation.ts";

/** As package.json has it. */
export function ownVersion(): string {
  const text = readFileSync(new URL("package.json", installation), "utf8");
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed === "object" && parsed !== null && "version" in parsed) return String(parsed.version);
  throw new Error("package.json has no version");
}
