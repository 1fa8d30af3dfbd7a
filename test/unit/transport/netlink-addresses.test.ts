import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";

const root = process.getuid?.() === 0;
if (!root) console.warn("SKIPPED: following the host's addresses: needs root for a network namespace (unshare -n)");

describe.runIf(root)("the host's addresses", () => {
  it("are followed as they come and go, link-local ones left out", () => {
    const script = new URL("fixtures/netlink-addresses.ts", import.meta.url).pathname;
    const run = spawnSync("unshare", ["-n", process.execPath, "--import", "tsx", script], { encoding: "utf8" });
    expect(run.stderr).toBe("");
    expect(JSON.parse(run.stdout)).toEqual([
      [],
      ["127.0.0.1", "::1"],
      ["127.0.0.1", "192.0.2.1", "::1"],
      ["127.0.0.1", "192.0.2.1", "2001:db8::1", "::1"],
      ["127.0.0.1", "192.0.2.1", "2001:db8::1", "::1"],
      ["127.0.0.1", "2001:db8::1", "::1"],
    ]);
  }, 20_000);
});
