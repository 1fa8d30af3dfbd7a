import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { readSignatureAlgorithm, signatureAlgorithm } from "../../../src/credentials/algorithm-identifier.ts";

const file = new URL("../../../vectors/sources/rfc/rfc7427-8420-algorithm-identifiers.json", import.meta.url);
const { cases } = z
  .object({ cases: z.array(z.object({ name: z.string(), section: z.string(), der: z.string() })) })
  .parse(JSON.parse(readFileSync(file, "utf8")));

describe("the identifiers printed in RFC 7427 and RFC 8420", () => {
  test("there are some", () => expect(cases.length).toBeGreaterThan(12));

  test.each(cases.filter(({ name }) => !name.startsWith("dsa-")))("$section $name", ({ der }) => {
    const { scheme } = readSignatureAlgorithm(Buffer.from(der, "hex"));
    if (scheme === undefined) expect.unreachable();
    const written = signatureAlgorithm(scheme);
    // The RFC writes the defaults of RSA-PSS out, which DER leaves out (X.690 11.5).
    if (scheme.kind === "rsa-pss") expect(readSignatureAlgorithm(written).scheme).toEqual(scheme);
    else expect(Buffer.from(written).toString("hex")).toBe(der);
  });

  test.each(cases.filter(({ name }) => name.startsWith("dsa-")))("$name is not verified", ({ der }) => {
    expect(readSignatureAlgorithm(Buffer.from(der, "hex")).scheme).toBeUndefined();
  });
});
