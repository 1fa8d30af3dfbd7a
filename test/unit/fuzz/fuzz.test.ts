import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Certificate, readCertificate } from "../../../src/credentials/certificate.ts";
import { readOcspAnswer } from "../../../src/credentials/revocation/ocsp.ts";
import { RevocationList, readRevocationList } from "../../../src/credentials/revocation/revocation-list.ts";
import { x509Of } from "../../fuzz/corpora.ts";
import { failureOf, fuzz } from "../../fuzz/fuzzer.ts";
import { minimise } from "../../fuzz/minimise.ts";
import { type Target, targets } from "../../fuzz/targets.ts";

const finds = fileURLToPath(new URL("../../fuzz/finds/", import.meta.url));

describe.each(Object.entries(targets))("%s", (name, target) => {
  it("has first inputs, of which none fails", () => {
    const corpus = target.corpus();
    expect(corpus.length).toBeGreaterThan(0);
    for (const input of corpus.slice(0, 200)) expect(failureOf(target, input)).toBeUndefined();
  });

  it("does no harm in a short campaign, nor with what was once found", () => {
    expect(fuzz(target, 7, Date.now() + 20_000, 400 + target.corpus().length).finds).toEqual([]);
    const folder = `${finds}${name}`;
    for (const file of existsSync(folder) ? readdirSync(folder) : []) {
      expect(failureOf(target, readFileSync(`${folder}/${file}`)), file).toBeUndefined();
    }
  });
});

it("the corpus of certificates, lists and answers is one that is read, every one of it", () => {
  for (const der of x509Of("certificates")) expect(readCertificate(der)).toBeInstanceOf(Certificate);
  for (const der of x509Of("lists")) expect(readRevocationList(der)).toBeInstanceOf(RevocationList);
  for (const der of x509Of("answers")) expect(readOcspAnswer(der)).not.toHaveProperty("fault");
  const [root] = x509Of("certificates").map(readCertificate);
  if (!(root instanceof Certificate)) throw new Error("no root");
  for (const der of x509Of("lists")) {
    const list = readRevocationList(der);
    expect(list instanceof RevocationList && list.isSignedBy(root)).toBe(true);
  }
});

it("every parser of what comes from outside has a target, and npm knows the command", () => {
  expect(Object.keys(targets)).toEqual(
    expect.arrayContaining([
      ...["ikev1", "ikev2", "ikev1-inside", "ikev2-inside"],
      ...["certificate", "public-key", "revocation-list", "ocsp-answer", "pem"],
      ...["yaml", "control", "netlink", "capture", "keys", "vectors"],
    ]),
  );
  const { scripts } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  expect(scripts.fuzz).toBe("node scripts/fuzz.mjs");
});

/** A parser with a fault: three octets in a row, found one after the other, bring it down. */
const faulty: Target = {
  about: "a planted fault",
  corpus: () => [Buffer.from("0000000000000000")],
  run: (input) => {
    if (input.includes(0xff)) throw new TypeError("planted");
  },
  refusals: [RangeError],
};

describe("the fuzzer", () => {
  it("finds a planted fault, and gives the least input that has it", () => {
    const [find] = fuzz(faulty, 3, Date.now() + 20_000, 5000).finds;
    expect(find?.why).toContain("TypeError: planted");
    expect(Buffer.from(find?.input ?? []).toString("hex")).toBe("ff");
  });

  it("minimises to what fails, and no further", () => {
    const least = minimise(
      Buffer.from("aaXbbYcc"),
      (input) => Buffer.from(input).includes("X") && Buffer.from(input).includes("Y"),
    );
    expect(Buffer.from(least).toString()).toBe("XY");
  });
});
