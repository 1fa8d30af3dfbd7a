import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadFolder } from "./folder.ts";

const seed = ["everything/gw-a.yaml", "road/hub.yaml"].map((name) =>
  readFileSync(new URL(`../../../examples/${name}`, import.meta.url), "utf8").replaceAll(
    "../underlock.psk",
    "site-b.psk",
  ),
);
const pieces = [
  ..."{}[]:,-?&*!|>'\"%@`#\n\t \\~<=",
  "- ",
  ": ",
  "\n  ",
  "*a",
  "&a ",
  "<<: ",
  "any",
  "null",
  "0x1",
  "1e9",
  "-1",
  ".inf",
  "peers",
  "192.0.2.1",
  "::",
  "\u0000",
  "\ud800",
  "é",
];

/** Loads the text and checks what must hold whatever it is. */
async function holds(text: string): Promise<void> {
  const { problems, desired, fatal, broken } = await loadFolder(text, async () => []);
  const lines = text.split("\n").length;
  for (const problem of problems) {
    expect(problem.line).toBeGreaterThanOrEqual(1);
    expect(problem.line).toBeLessThanOrEqual(lines);
    expect(problem.column).toBeGreaterThanOrEqual(1);
    expect(problem.sentence).not.toBe("");
    expect(problem.sentence).not.toMatch(/\n|undefined|\[object|Invalid input/);
  }
  // `include: "*"` finds further files beside this one.
  for (const file of new Set(problems.map((problem) => problem.file))) {
    const places = problems.filter((one) => one.file === file).map(({ line, column }) => line * 1e6 + column);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  }
  const errors = problems.some(({ severity }) => severity === "error");
  if (fatal || broken.length > 0) expect(errors).toBe(true);
  if (fatal) expect(desired).toEqual({ local: { locks: [] }, peers: [] });
  for (const peer of desired.peers) expect(peer.children.length).toBeGreaterThan(0);
}

describe("no text does more than give problems", () => {
  it("random text", { timeout: 60_000 }, async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 300 }),
      fc.array(fc.constantFrom(...pieces), { maxLength: 100 }).map((parts) => parts.join("")),
    );
    await fc.assert(fc.asyncProperty(text, holds), { numRuns: 200 });
  });

  it("random values under every key", { timeout: 60_000 }, async () => {
    const value = fc.json({ maxDepth: 4 });
    const keys = [
      "remote",
      "id",
      "local",
      "auth",
      "ike",
      "esp",
      "ah",
      "lifetime",
      "retry",
      "retransmission",
      "protect",
      "weak",
      "initiate",
    ];
    const peer = fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 6 });
    const text = fc.tuple(peer, fc.constantFrom("local", "defaults", "include", "daemon", "colour"), value).map(
      ([keysOfPeer, key, other]) =>
        `${key}: ${other}\npeers:\n  b: { remote: 192.0.2.2, protect: gre }\n  c:${Object.entries(keysOfPeer)
          .map(([name, json]) => `\n    ${name}: ${json}`)
          .join("")}\n`,
    );
    await fc.assert(fc.asyncProperty(text, holds), { numRuns: 200 });
  });

  it("examples with pieces cut out, doubled and put in", { timeout: 60_000 }, async () => {
    const edit = fc.record({ at: fc.nat(2000), cut: fc.nat(12), put: fc.constantFrom("", ...pieces) });
    const text = fc
      .tuple(fc.constantFrom(...seed), fc.array(edit, { minLength: 1, maxLength: 4 }))
      .map(([example, edits]) =>
        edits.reduce((now, { at, cut, put }) => {
          const place = at % (now.length + 1);
          return now.slice(0, place) + put + now.slice(place + cut);
        }, example),
      );
    await fc.assert(fc.asyncProperty(text, holds), { numRuns: 300 });
  });
});

it("two thousand peers", { timeout: 60_000 }, async () => {
  const peer = (i: number): string =>
    `  p${i}: { remote: 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}, id: p${i}.example, auth: { psk: file:site-b.psk }, protect: [gre, vxlan] }\n`;
  const text = `local: { id: a, address: 192.0.2.1 }\npeers:\n${Array.from({ length: 2_000 }, (_, i) => peer(i)).join("")}`;
  const { desired, lines } = await loadFolder(text);
  expect(lines).toEqual([]);
  expect(desired.peers).toHaveLength(2_000);
});
