import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const root = process.getuid?.() === 0;
if (!root) console.warn("SKIPPED: exempt sockets under a lock: needs root for a network namespace (unshare -n)");

/** Runs `fixtures/exempt-socket.ts` in a network namespace of its own, in which everything is locked. */
function inLockedNamespace(): { clear: string; exempt: string; port: string } {
  const script = new URL("fixtures/exempt-socket.ts", import.meta.url).pathname;
  const commands = [
    // The loopback device goes round IPsec unless told otherwise.
    "echo 0 > /proc/sys/net/ipv4/conf/lo/disable_xfrm",
    "echo 0 > /proc/sys/net/ipv4/conf/lo/disable_policy",
    "ip link set lo up",
    ...["in", "out"].map((dir) => `ip xfrm policy add src 127.0.0.0/8 dst 127.0.0.0/8 dir ${dir} action block`),
    `exec "$0" --import tsx ${script}`,
  ];
  const run = spawnSync("unshare", ["-n", "sh", "-ec", commands.join("\n"), process.execPath], { encoding: "utf8" });
  expect(run.stderr).toBe("");
  return JSON.parse(run.stdout);
}

describe.runIf(root)("sockets under a lock of everything", () => {
  it("pass both ways where they are exempt, on the standard ports, and not at all where they are plain", () => {
    expect(inLockedNamespace()).toEqual({ clear: "EPERM", exempt: "received 07", port: "port-in-use" });
  }, 20_000);
});
