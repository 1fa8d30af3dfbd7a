import { join } from "node:path";
import { root } from "../paths.mjs";
import { capture } from "../run.mjs";

let answer;

/** Whether scenarios can run on this kernel as it is: {able, why}, found by trying it in a throw-away network namespace. */
export function probeHost() {
  answer ??= probe();
  return answer;
}

function probe() {
  if (process.getuid?.() !== 0) return { able: false, why: "namespaces of this machine need root" };
  const { status, stdout, stderr } = capture("unshare", ["--net", "sh", join(root, "scripts/guest/probe.sh")]);
  if (status === 0) return { able: true, why: "this machine's kernel can do all that the lab needs" };
  return {
    able: false,
    why: `this machine's kernel lacks ${stdout.trim() || `what the lab needs (${stderr.trim()})`}`,
  };
}
