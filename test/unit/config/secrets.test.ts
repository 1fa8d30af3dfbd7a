import { describe, expect, it } from "vitest";
import { goodKey, loadFolder } from "./folder.ts";

function withKey(psk: string): string {
  return `local: { id: gw-a.example }\npeers:\n  b:\n    remote: 192.0.2.2\n    auth:\n      psk: ${psk}\n    protect: gre\n`;
}

async function keyOf(
  files: Parameters<typeof loadFolder>[0],
): Promise<{ name?: string; octets?: string; lines: readonly string[] }> {
  const { desired, lines } = await loadFolder(files);
  const credential = desired.peers[0]?.auth.local[0]?.credential;
  if (credential?.kind !== "psk") return { lines };
  const { secret } = credential;
  return { name: secret.name, octets: Buffer.from(secret.octets).toString("latin1"), lines };
}

describe("pre-shared keys", () => {
  it.each([
    ["text", JSON.stringify(goodKey), "inline (peers.b.auth.psk)", goodKey],
    [
      "text in UTF-8",
      '"Schlüssel für Zürich"',
      "inline (peers.b.auth.psk)",
      Buffer.from("Schlüssel für Zürich").toString("latin1"),
    ],
    [
      "hexadecimal",
      "hex:000102030405060708090a0b0c0d0e0f",
      "inline (peers.b.auth.psk)",
      "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
    ],
    [
      "base64",
      "base64:AAECAwQFBgcICQoLDA0ODw==",
      "inline (peers.b.auth.psk)",
      "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
    ],
    ["a file", "file:site-b.psk", "file:site-b.psk", goodKey],
  ])("%s", async (_, psk, name, octets) => {
    expect(await keyOf(withKey(psk))).toEqual({ name, octets, lines: [] });
  });

  it.each([
    ["one line break", `${goodKey}\n`, goodKey],
    ["a line break of Windows", `${goodKey}\r\n`, goodKey],
    ["only one of two", `${goodKey}\n\n`, `${goodKey}\n`],
    ["no blank", ` ${goodKey} `, ` ${goodKey} `],
    ["none where there is none", goodKey, goodKey],
  ])("a file loses %s", async (_, text, octets) => {
    expect((await keyOf({ "gw.yaml": withKey("file:site-b.psk"), "site-b.psk": text })).octets).toBe(octets);
  });

  it("a file's octets are the key, UTF-8 or not", async () => {
    const text = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
    const { octets } = await keyOf({ "gw.yaml": withKey("file:site-b.psk"), "site-b.psk": { text, mode: 0o400 } });
    expect(octets).toBe(Buffer.from(text).toString("latin1"));
  });

  it.each([0o640, 0o604, 0o620, 0o602, 0o644, 0o601])("a file with rights %o is refused", async (mode) => {
    const { lines, name } = await keyOf({
      "gw.yaml": withKey("file:site-b.psk"),
      "site-b.psk": { text: goodKey, mode },
    });
    expect(name).toBeUndefined();
    const rights = `0${mode.toString(8)}`;
    expect(lines).toEqual([
      `gw.yaml:6:12: peers.b.auth.psk: the key's file site-b.psk must be readable by its owner alone (0600 or 0400, not ${rights}): chmod 600 site-b.psk`,
    ]);
  });

  it("the configuration itself must be private where it holds a key", async () => {
    const { lines } = await keyOf({ "gw.yaml": { text: withKey(JSON.stringify(goodKey)), mode: 0o644 } });
    expect(lines).toEqual([
      "gw.yaml:6:12: peers.b.auth.psk: holds a key, so gw.yaml must be readable by its owner alone (0600, not 0644): chmod 600 gw.yaml, or write file:NAME",
    ]);
  });

  it("the configuration may be public where it holds none", async () => {
    expect((await keyOf({ "gw.yaml": { text: withKey("file:site-b.psk"), mode: 0o644 } })).lines).toEqual([]);
  });

  it.each([
    ["file:other.psk", "the key's file cannot be used: other.psk does not exist"],
    ["file:/dev/null", "the key's file cannot be used: /dev/null is not a regular file"],
    ["file:.", "the key's file cannot be used: . is not a regular file"],
    ["file:site-b.psk/x", "the key's file cannot be used: site-b.psk/x is inside something that is no folder"],
    ["file:empty.psk", "the key's file empty.psk is empty"],
    ["file:large.psk", "the key's file cannot be used: large.psk has 65537 octets, and at most 65536 are read"],
    ["'file:'", "names no file after file:"],
    ['""', "is empty: give file:NAME, hex:…, base64:… or the key as text"],
    ["hex:abc", "needs an even number of hexadecimal digits after hex:"],
    ["hex:0x00", "needs an even number of hexadecimal digits after hex:"],
    ["base64:AAE", "needs base64 with its padding after base64:"],
    [
      "123456",
      "needs file:NAME, hex:…, base64:… or the key as text, not a number (put text that looks like a number in quotes)",
    ],
    ["true", "needs file:NAME, hex:…, base64:… or the key as text, not yes or no (put the text in quotes)"],
    ["[a]", "needs file:NAME, hex:…, base64:… or the key as text, not a list"],
  ])("psk: %s", async (psk, sentence) => {
    const { lines, name } = await keyOf({ "gw.yaml": withKey(psk), "empty.psk": "\n", "large.psk": "x".repeat(65537) });
    expect(lines.map((line) => line.replaceAll(/\/tmp\/underlock-config-[^ /]+/g, "."))).toEqual([
      `gw.yaml:6:12: peers.b.auth.psk: ${sentence}`,
    ]);
    expect(name).toBeUndefined();
  });

  it("a short one is a warning", async () => {
    const { lines, octets } = await keyOf(withKey("fifteen-octets!"));
    expect(octets).toBe("fifteen-octets!");
    expect(lines).toEqual([
      'gw.yaml:6:12: warning: peers.b.auth.psk: the key has 15 octets; whoever records one handshake can try short keys at leisure. Give 16 random octets or more: "openssl rand -base64 32" makes a good one',
    ]);
  });

  it("one that strongSwan would read otherwise is a warning", async () => {
    const { lines } = await keyOf(withKey('"0x000102030405060708090a0b0c0d0e0f"'));
    expect(lines).toEqual([
      "gw.yaml:6:12: warning: peers.b.auth.psk: starts with 0x and is taken as text: for hexadecimal octets write hex: and the digits",
    ]);
  });

  it("a key in the wrong place is never repeated", async () => {
    for (const wrong of [
      "auth: hunter2hunter2",
      "auth: { hunter2hunter2 }",
      "auth: { psk: { hunter2hunter2: 1 } }",
      "auth: [hunter2hunter2]",
      "auth: { hunter2hunter2: x, psk: 5 }",
      "psk: hunter2hunter2",
    ]) {
      const { lines } = await loadFolder(
        `local: { id: a }\npeers:\n  b:\n    remote: 192.0.2.2\n    ${wrong}\n    protect: gre\n`,
      );
      expect(lines.length, wrong).toBeGreaterThan(0);
      expect(lines.join("\n"), wrong).not.toContain("hunter2");
    }
  });
});
