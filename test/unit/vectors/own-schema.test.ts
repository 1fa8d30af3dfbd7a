import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { convert, convertedFiles, sourceFiles } from "../../../scripts/convert-vectors.ts";
import type { VectorCase } from "../../../src/vectors/case.ts";
import { checkVector } from "../../../src/vectors/checks/table.ts";
import { readVectors } from "../../../src/vectors/layouts/layout.ts";
import { ownSchema } from "../../../src/vectors/layouts/own.ts";

const textOf = (name: string) => readFileSync(new URL(`../../../vectors/${name}`, import.meta.url), "utf8");
const sources = sourceFiles();

describe("the files in our own schema", () => {
  it("are those of vectors/sources, no more and no fewer", () => {
    expect(sources.length).toBeGreaterThan(80);
    expect(convertedFiles()).toEqual(sources);
  });

  it.each(sources)("%s is what the script makes of its source", (name) => {
    // When this fails: npx tsx scripts/convert-vectors.ts
    expect(textOf(name) === convert(name), "stale").toBe(true);
  });

  it.each(sources)("%s names its source and licence, and holds the cases of the layout it came in", (name) => {
    const file = JSON.parse(textOf(name));
    expect(file.schema).toBe(ownSchema);
    expect(file.source).toMatchObject({ licence: expect.stringMatching(/\w/), convertedFrom: `sources/${name}` });
    expect(JSON.stringify(file.source)).toMatch(/"(?:repository|document|what)":/);
    const foreign = readVectors(JSON.parse(textOf(`sources/${name}`)), name).cases;
    const own = readVectors(file, name).cases;
    expect(own.length).toBeGreaterThan(0);
    expect(JSON.stringify(own) === JSON.stringify(foreign), "the same cases").toBe(true);
  });
});

const cases = sources.flatMap((name) => readVectors(JSON.parse(textOf(name)), name).cases);

/** What has to come out of a case of each kind: changed, the case has to fail. */
const outcomes: Readonly<Record<Exclude<VectorCase["check"], "none">, readonly string[]>> = {
  mac: ["mac"],
  prf: ["out"],
  "prf+": ["out"],
  cipher: ["ciphertext"],
  aead: ["ciphertext", "tag"],
  "key-exchange": ["shared", "public"],
  "modp-group": ["prime"],
  "ikev1-keys": ["skeyid", "skeyidD", "skeyidA", "skeyidE", "keymat"],
  "ikev2-keys": ["skeyseed", "keys", "child", "childWithSecret", "rekeySkeyseed"],
  signature: ["message", "signature"],
  esp: ["packet", "padded", "payload"],
  ah: ["packet"],
  message: ["plaintext"],
  "algorithm-identifier": ["der"],
};

describe.each(Object.entries(outcomes))("a case of %s", (check, changed) => {
  it.each(changed)("fails when another %s is to come out", (member) => {
    const fitting = cases.find(
      (one): one is VectorCase =>
        one.check === check &&
        (one.result ?? "valid") === "valid" &&
        typeof memberOf(one, member) === "string" &&
        String(memberOf(one, member)).length > 0 &&
        checkVector(one).status === "passed",
    );
    if (fitting === undefined) throw new Error(`no ${check} with ${member}`);
    const digits = String(memberOf(fitting, member));
    const last = (Number.parseInt(digits.slice(-1), 16) ^ 1).toString(16);
    const wrong = { ...fitting, [member]: digits.slice(0, -1) + last } as VectorCase;
    const outcome = checkVector(wrong);
    expect(outcome.status).toBe("failed");
    expect(outcome.why).toMatch(/\w/);
  });
});

it.each(["prf", "prf+", "mac", "aead", "signature", "key-exchange"] as const)(
  "a case of %s that is right fails where it should have been refused",
  (check) => {
    const fitting = cases.find(
      (one) => one.check === check && (one.result ?? "valid") === "valid" && checkVector(one).status === "passed",
    );
    expect(checkVector({ ...fitting, result: "invalid" } as VectorCase)).toMatchObject({ status: "failed" });
  },
);

describe("a recorded message", () => {
  const message = cases.find(
    (one) => one.check === "message" && one.firstType === undefined && checkVector(one).status === "passed",
  );
  const { result: _, ...unsaid } = message as VectorCase;
  const cut = { ...unsaid, octets: `${memberOf(unsaid as VectorCase, "octets")}00` };

  it.each([
    ["that is to be taken fails when it is refused", { ...cut, result: "valid" }, "failed"],
    ["that is to be refused passes when it is", { ...cut, result: "invalid" }, "passed"],
    ["that is to be refused fails when it is taken", { ...unsaid, result: "invalid" }, "failed"],
    ["of which nobody says either is not applicable when it is refused", cut, "not applicable"],
  ])("%s", (_name, one, status) => {
    expect(checkVector(one as VectorCase).status).toBe(status);
  });

  it("is never refused for a reason that nobody has looked at", () => {
    expect(cases.filter((one) => /^refused as malformed/.test(checkVector(one).why ?? ""))).toEqual([]);
  });
});

const right = { check: "prf", name: "one", prf: "HMAC-SHA256", key: "0b", data: "00", out: "00" };

describe("a file that is not as the schema has it is refused with the place", () => {
  it.each<[unknown, string]>([
    [{ schema: ownSchema, source: { name: "me" }, cases: {} }, "cases is not a list"],
    [file([]), "its list of cases is empty"],
    [{ schema: ownSchema, cases: [right] }, "its source has no name"],
    [file([right, 1]), "case 2 is not an object"],
    [file([{ ...right, check: "prg" }]), 'case 1 has the check "prg", possible are mac, prf, prf+, cipher,'],
    [file([{ ...right, check: "toString" }]), 'has the check "toString"'],
    [file([{ ...right, name: undefined }]), "case 1 has no name"],
    [file([{ ...right, key: undefined }]), 'case 1 ("one") has no key, which is to be hex digits in lower case'],
    [file([{ ...right, out: "0" }]), "has no out, which is to be hex digits"],
    [file([{ ...right, out: "AB" }]), "has no out, which is to be hex digits"],
    [file([{ ...right, prf: 5 }]), "has no prf, which is to be a text"],
    [file([{ ...right, result: "maybe" }]), 'has the result "maybe"'],
    [file([{ ...right, seed: "00" }]), "has a seed, which prf knows nothing of"],
    [
      file([{ check: "key-exchange", name: "k", group: "31", private: "", peer: "", shared: "" }]),
      "has no group, which is to be a whole number",
    ],
    [
      file([{ check: "key-exchange", name: "k", group: 31, private: "", peer: "", shared: "", public: "x" }]),
      "has a public that is not hex digits",
    ],
    [
      file([
        { check: "signature", name: "s", scheme: "dsa", algorithm: "", publicKey: "", message: "", signature: "" },
      ]),
      'has the scheme "dsa"',
    ],
    [file([{ check: "message", name: "m", octets: "00", place: "inside" }]), 'has the place "inside"'],
    [file([{ check: "message", name: "m", octets: "00", open: { encr: "aes128" } }]), "has an open that is not {encr,"],
  ])("%#: %j", (wrong, sentence) => {
    expect(() => readVectors(JSON.parse(JSON.stringify(wrong)), "x")).toThrow(sentence);
  });

  it("and one that is right is run", () => {
    expect(readVectors(file([right]), "x")).toEqual({ source: "me", cases: [right] });
    expect(checkVector(right as VectorCase).status).toBe("failed");
  });
});

function file(entries: readonly unknown[]): unknown {
  return { schema: ownSchema, source: { name: "me" }, cases: entries };
}

function memberOf(vector: VectorCase, member: string): unknown {
  return Object.entries(vector).find(([name]) => name === member)?.[1];
}
