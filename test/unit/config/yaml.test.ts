import { describe, expect, it } from "vitest";
import { configurationLimits } from "../../../src/config/limits.ts";
import { loadFolder, soundPeer } from "./folder.ts";

const head = "local: { id: gw-a.example }\npeers:\n";
const auth = "auth: { psk: file:site-b.psk }";

describe("YAML's pitfalls within a peer break that peer alone", () => {
  it.each([
    [
      "a key twice",
      `  b:\n    remote: 192.0.2.2\n    ${auth}\n    protect: gre\n    remote: 192.0.2.3\n`,
      "gw.yaml:7:5: peers.b.remote: this key stands twice in the same section, first in line 4: keep one of them",
    ],
    [
      "a leading zero",
      `  b:\n    remote: 192.0.2.2\n    ${auth}\n    protect: gre\n    port: 0500\n`,
      "gw.yaml:7:11: peers.b.port: a number with a leading zero is octal to some readers and decimal to others: drop the zero, or put it in quotes where it is text",
    ],
    [
      "an alias without an anchor",
      `  b:\n    remote: 192.0.2.2\n    ${auth}\n    protect: *lines\n`,
      "gw.yaml:6:14: peers.b.protect: * starts an alias in YAML, and no anchor of that name stands before it: put a value that starts with * in quotes",
    ],
    [
      "a tag on a value",
      `  b:\n    remote: !!str 192.0.2.2\n    ${auth}\n    protect: gre\n`,
      "gw.yaml:4:19: peers.b.remote: tags (!name) are not used here: leave the tag away, or put a value that starts with ! in quotes",
    ],
    [
      "a merge key",
      `  b:\n    <<: {port: 4500}\n    remote: 192.0.2.2\n    ${auth}\n    protect: gre\n`,
      'gw.yaml:4:5: peers.b."<<": merge keys ("<<") are not used here: what all peers share goes into "defaults"',
    ],
    [
      "a prototype for a key",
      `  b:\n    __proto__: {port: 4500}\n    remote: 192.0.2.2\n    ${auth}\n    protect: gre\n`,
      "gw.yaml:4:5: peers.b.__proto__: a key must be a plain word",
    ],
    [
      "a list for a key",
      `  b:\n    ? [a]\n    : 1\n    remote: 192.0.2.2\n    ${auth}\n    protect: gre\n`,
      'gw.yaml:4:7: peers.b."?": a key must be a plain word',
    ],
  ])("%s", async (_, peer, line) => {
    const { lines, desired, fatal } = await loadFolder(`${head}${peer}${soundPeer("c", "192.0.2.9")}`);
    expect(lines).toEqual([line]);
    expect(desired.peers.map(({ name }) => name)).toEqual(["c"]);
    expect(fatal).toBe(false);
  });

  it("takes the first of two sections of one name, and says so", async () => {
    const { lines, desired } = await loadFolder(`${head}${soundPeer("b")}${soundPeer("b", "192.0.2.9")}`);
    expect(lines).toEqual([
      "gw.yaml:8:3: peers.b: this key stands twice in the same section, first in line 3: keep one of them",
    ]);
    expect(desired.peers.map(({ remote }) => remote)).toEqual([["192.0.2.2"]]);
  });

  it("yes, no, on and off are yes and no only where those belong", async () => {
    const { lines, desired } = await loadFolder(
      `local: { id: no }\npeers:\n  on: { remote: 192.0.2.2, id: "yes", initiate: off, ${auth}, protect: gre }\n`,
    );
    expect(lines).toEqual([]);
    expect(
      desired.peers.map(({ name, localId, remoteId, initiate }) => [name, localId.text, remoteId?.text, initiate]),
    ).toEqual([["on", "no", "yes", false]]);
  });

  it("a peer may be called 007", async () => {
    const { desired, lines } = await loadFolder(`${head}${soundPeer("007")}`);
    expect(lines).toEqual([]);
    expect(desired.peers.map(({ name }) => name)).toEqual(["007"]);
  });

  it.each(["-b", "b c", "a/b", "", "x".repeat(65)])("a peer may not be called %j", async (name) => {
    const { problems, desired } = await loadFolder(
      `${head}  ${JSON.stringify(name)}: { remote: 192.0.2.2, ${auth}, protect: gre }\n`,
    );
    expect(problems[0]?.sentence).toMatch(/ is no peer's name: it has letters, digits, /);
    expect(desired.peers).toEqual([]);
  });

  it("anchors and aliases share a value", async () => {
    const { lines, desired } = await loadFolder(
      `${head}  b: { remote: 192.0.2.2, id: b, ${auth}, protect: &lines [gre, vxlan] }\n  c: { remote: 192.0.2.3, id: c, ${auth}, protect: *lines }\n`,
    );
    expect(lines).toEqual([]);
    expect(desired.peers.map(({ children }) => children.length)).toEqual([3, 3]);
  });
});

describe("text that is no YAML is fatal", () => {
  it.each([
    ["local:\n\tid: a\n", "gw.yaml:2:1: a tab in the indentation: YAML allows only spaces there"],
    [
      "local: { id: a\npeers: {}\n",
      "gw.yaml:2:1: wrong indentation: every key of one section must start in the same column, and [ or { must be closed",
    ],
    [
      "local: {}\n---\npeers: {}\n",
      'gw.yaml:2:1: a second YAML document starts here ("---"): one file holds one configuration',
    ],
    ["remote: fe80::\n", 'gw.yaml:1:9: two ": " on one line, or a value that ends with ":": put the value in quotes'],
    [
      'a: "b" c\n',
      "gw.yaml:1:8: this does not belong here: is a quote, comma, bracket or line break missing before it?",
    ],
    ['a: "\\q"\n', 'gw.yaml:1:5: no such escape inside "…": write \\\\ for one backslash, or use single quotes'],
  ])("%j", async (text, line) => {
    const { lines, fatal } = await loadFolder(text);
    expect(lines[0]).toBe(line);
    expect(fatal).toBe(true);
  });

  it("UTF-8 alone is text", async () => {
    const { lines } = await loadFolder({ "gw.yaml": { text: Uint8Array.of(0x61, 0xff), mode: 0o600 } });
    expect(lines).toEqual(["gw.yaml:1:1: the file is not UTF-8 text"]);
  });

  it("a byte order mark does no harm", async () => {
    expect((await loadFolder(`\u{feff}${head}${soundPeer("b")}`)).lines).toEqual([]);
  });

  it("never shows what stands there, which may be a key", async () => {
    const secret = "hunter2hunter2";
    for (const text of [
      `auth: {psk: "${secret}" "${secret}"}`,
      `psk: *${secret}`,
      `psk: !${secret} x`,
      `psk: "\\${secret}`,
      `%${secret}\n---\npsk: a`,
      `psk: [${secret}\n`,
      `psk: @${secret}\n`,
      `- ${secret}: ${secret}: x`,
    ]) {
      const { lines } = await loadFolder(text);
      expect(lines.length, text).toBeGreaterThan(0);
      expect(lines.join("\n"), text).not.toContain(secret);
    }
  });
});

describe("work is bounded", () => {
  it.each([
    ["brackets", "[".repeat(1 << 20)],
    ["dashes", "- ".repeat(1 << 20)],
    ["braces", "{a: ".repeat(1 << 19)],
    ["question marks", "? ".repeat(1 << 20)],
    ["growing indentation", Array.from({ length: 2000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
  ])("%s deep", async (_, text) => {
    const { lines } = await loadFolder(text);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/: more than 64 lists and mappings inside each other: no key here needs that$/);
  });

  it("a thousand laughs", async () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `  l${i}: &l${i} [${Array(10)
          .fill(i === 0 ? "ha" : `*l${i - 1}`)
          .join(", ")}]`,
    );
    const { problems } = await loadFolder(`local:\n${levels.join("\n")}\n`);
    expect(problems.some(({ sentence }) => sentence.startsWith("aliases (*name) repeat more than 10000 values"))).toBe(
      true,
    );
  });

  it("an alias inside its own anchor", async () => {
    const { problems } = await loadFolder("local: &a { id: b, lock: [*a, *a] }\n");
    expect(problems.some(({ sentence }) => sentence.includes("or contain themselves"))).toBe(true);
  });

  it("a file of more than 4 MiB", async () => {
    const { lines } = await loadFolder("#".repeat(configurationLimits.fileOctets + 1));
    expect(lines).toEqual(["gw.yaml:1:1: gw.yaml has 4194305 octets, and at most 4194304 are read"]);
  });

  it("tells 200 problems of one file", async () => {
    const { lines } = await loadFolder(Array.from({ length: 1000 }, (_, i) => `k${i}: 1`).join("\n"));
    expect(lines).toHaveLength(201);
    expect(lines.at(-1)).toBe("gw.yaml:200:1: and 800 more problems, not shown");
  });

  it("stops at too many syntax errors", async () => {
    const { lines } = await loadFolder("]".repeat(1 << 20));
    expect(lines.length).toBeLessThanOrEqual(201);
  });
});
