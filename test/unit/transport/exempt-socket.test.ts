import { spawnSync } from "node:child_process";
import { fstatSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { exemptSockets } from "../../../src/transport/exempt-socket.ts";
import { KeptSockets } from "../../../src/transport/kept-sockets.ts";

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

it("a socket of a former run that cannot be used is let go of, so that the port is free for another", async () => {
  const local = { address: "127.0.0.1", port: 4500 };
  const left = openSync("/dev/null", "r");
  const kept = new KeptSockets({ recover: () => [left], keep() {} }, () => local);
  await expect(exemptSockets(kept)(local, { encapsulation: true })).rejects.toThrow(/cannot be exempted.*ENOTSOCK/);
  expect(() => fstatSync(left)).toThrow("EBADF");
});
