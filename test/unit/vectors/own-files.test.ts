import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ownVectorFiles, readJson } from "../../../src/cli/vectors/files.ts";
import { markdownTable } from "../../../src/cli/vectors/markdown.ts";
import { totalsOf } from "../../../src/cli/vectors/text.ts";
import { readVectors } from "../../../src/vectors/layouts/layout.ts";
import { Report } from "../../../src/vectors/report.ts";

const report = new Report();
for (const file of ownVectorFiles()) {
  const name = file.split("/").slice(-2).join("/");
  report.run(name, readVectors(readJson(file), name));
}

describe("the vectors that come with underlock", () => {
  it("all pass", () => {
    expect(report.failures).toEqual([]);
    expect(totalsOf(report).passed).toBeGreaterThan(5000);
  });

  it("reach every row of the table of algorithms, or the row says why not", () => {
    expect(report.rowsWithout.filter(({ why }) => why === undefined)).toEqual([]);
  });

  it("are counted in the README by the command itself", () => {
    const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
    expect(readme, "paste the output of: underlock vectors --markdown").toContain(markdownTable(report).join("\n"));
  });
});
