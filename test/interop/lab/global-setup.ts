import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Refuses to run the scenarios where they cannot work, in one sentence instead of in a hundred failures. */
export default function setup(): void {
  const script = fileURLToPath(new URL("../../../scripts/lab.mjs", import.meta.url));
  const answer = execFileSync(process.execPath, [script, "where"], { encoding: "utf8" }).trim();
  if (answer.startsWith("host")) return;
  throw new Error(`${answer.replace(/^guest: /, "")}; run \`npm test -- --interop\`, which boots a kernel that has it`);
}
