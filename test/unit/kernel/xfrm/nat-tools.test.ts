import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { heldNatTools, type NatToolOutputs, readNatTools } from "../../../../src/kernel/xfrm/nat-tools.ts";

afterEach(() => vi.unstubAllEnvs());

/** A path on which only these tools are. */
function only(tools: Readonly<Record<string, string>>): void {
  const folder = mkdtempSync(join(tmpdir(), "underlock-nat-tools-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  vi.stubEnv("PATH", folder);
}

describe("the tools that print NAT rules", () => {
  it("each gives its own output, says why where it gave none, and keeps its complaints to itself", async () => {
    only({
      nft: 'echo "$@"; echo complaint >&2',
      "iptables-save": "echo half; exit 1",
      "ip6tables-legacy-save": 'echo "6 $@"',
    });
    expect(await readNatTools()).toEqual({
      nft: { text: "-j list ruleset\n", looked: "nft -j list ruleset" },
      iptables: { text: undefined, looked: "iptables-save -t nat (failed)" },
      ip6tables: { text: undefined, looked: "ip6tables-save -t nat (not installed)" },
      iptablesLegacy: { text: undefined, looked: "iptables-legacy-save -t nat (not installed)" },
      ip6tablesLegacy: { text: "6 -t nat\n", looked: "ip6tables-legacy-save -t nat" },
    });
  });

  it("are not needed", async () => {
    only({});
    const outputs = await readNatTools();
    expect(Object.values(outputs).map(({ text }) => text)).toEqual(Array(5).fill(undefined));
  });

  it("are asked again only when what they said is too old", async () => {
    const nothing = { text: undefined, looked: "" };
    const outputs: NatToolOutputs = {
      nft: nothing,
      iptables: nothing,
      ip6tables: nothing,
      iptablesLegacy: nothing,
      ip6tablesLegacy: nothing,
    };
    let now = 5;
    const read = vi.fn(async () => outputs);
    const held = heldNatTools(1000, () => now, read);
    await Promise.all([held(), held()]);
    now += 999;
    expect(await held()).toBe(outputs);
    expect(read).toHaveBeenCalledTimes(1);
    now += 1;
    await held();
    expect(read).toHaveBeenCalledTimes(2);
  });
});
