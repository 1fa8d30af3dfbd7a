import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ownVectorFiles, readJson } from "../../../src/cli/vectors/files.ts";
import { markdownTable } from "../../../src/cli/vectors/markdown.ts";
import { totalsOf } from "../../../src/cli/vectors/text.ts";
import { transforms } from "../../../src/crypto/transforms.ts";
import { readVectors } from "../../../src/vectors/layouts/layout.ts";
import { wycheproofCases } from "../../../src/vectors/layouts/wycheproof.ts";
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

  it("leave nothing out for being unknown that the table has", () => {
    const known = transforms.map(({ name, keyword }) => `${name} ${keyword}`).join();
    // As Wycheproof's files of them are answered, and vectors/CRYPTO.md lists them.
    expect(known).not.toMatch(/ml-?_?kem|camellia_(?:ccm|ctr)|gost|magma|kuznyechik/i);
    const [mlKem] = wycheproofCases({ algorithm: "ML-KEM", testGroups: [{ type: "MLKEMTest", tests: [{ tcId: 1 }] }] });
    expect(mlKem).toMatchObject({ check: "none", why: "ML-KEM is not in the table" });
  });

  it("are counted in the README by the command itself", () => {
    const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
    expect(readme, "paste the output of: underlock vectors --markdown").toContain(markdownTable(report).join("\n"));
  });
});
