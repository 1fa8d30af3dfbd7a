import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
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
