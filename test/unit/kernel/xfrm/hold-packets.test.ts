import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { holdPackets } from "../../../../src/kernel/xfrm/hold-packets.ts";

describe("holding packets", () => {
  it("sets the host's switch to 0, and says what kept it from that", () => {
    const file = join(mkdtempSync(join(tmpdir(), "hold-")), "xfrm_larval_drop");
    writeFileSync(file, "1\n");
    expect(holdPackets(file)).toBeUndefined();
    expect(readFileSync(file, "utf8").trim()).toBe("0");
    expect(holdPackets(file)).toBeUndefined();
    expect(holdPackets(join(file, "nothing"))).toMatch(/ENOTDIR|ENOENT/);
  });
});
