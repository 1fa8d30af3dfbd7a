import { describe, expect, it } from "vitest";
import { loadFolder, soundPeer } from "./folder.ts";

const main = (include: string): string => `local: { id: gw-a.example }\ninclude: ${include}\n`;

describe("include", () => {
  const files = {
    "peers.d/20.yaml": `peers:\n${soundPeer("d", "192.0.2.4")}`.replace("file:", "file:../"),
    "peers.d/10.yml": `peers:\n${soundPeer("c", "192.0.2.3")}`.replace("file:", "file:../"),
    "peers.d/.hidden.yaml": "nonsense",
    "peers.d/README": "nonsense",
    "peers.d/sub/30.yaml": "nonsense",
    "other.yaml": `peers:\n${soundPeer("o", "192.0.2.5")}`,
  };

  it.each([
    ["peers.d", ["c", "d"], ["gw.yaml", "peers.d/10.yml", "peers.d/20.yaml"]],
    ['"peers.d/*.yaml"', ["d"], ["gw.yaml", "peers.d/20.yaml"]],
    ['"peers.d/?0.y*l"', ["c", "d"], ["gw.yaml", "peers.d/10.yml", "peers.d/20.yaml"]],
    ["[other.yaml, peers.d]", ["o", "c", "d"], ["gw.yaml", "other.yaml", "peers.d/10.yml", "peers.d/20.yaml"]],
    ["[peers.d/20.yaml, peers.d]", ["d", "c"], ["gw.yaml", "peers.d/20.yaml", "peers.d/10.yml"]],
    ['"*.yaml"', ["o"], ["gw.yaml", "other.yaml"]],
  ])("%s", async (include, peers, read) => {
    const loaded = await loadFolder({ "gw.yaml": main(include), ...files });
    expect(loaded.lines).toEqual([]);
    expect(loaded.desired.peers.map(({ name }) => name)).toEqual(peers);
    expect(loaded.files.map((file) => file.replace(/^.*underlock-config-[^/]*\//, ""))).toEqual(read);
  });

  it("peers of the main file come first", async () => {
    const { desired } = await loadFolder({ "gw.yaml": `${main("peers.d")}peers:\n${soundPeer("z")}`, ...files });
    expect(desired.peers.map(({ name }) => name)).toEqual(["z", "c", "d"]);
  });

  it("an included file has peers alone", async () => {
    const { lines, desired, fatal } = await loadFolder({
      "gw.yaml": main("more.yaml"),
      "more.yaml": `local: { id: x }\npeers:\n${soundPeer("b")}`,
    });
    expect(lines).toEqual(['more.yaml:1:1: local: unknown key "local". Possible here: peers']);
    expect(desired.peers.map(({ name }) => name)).toEqual(["b"]);
    expect(fatal).toBe(false);
  });

  it("each file's errors name that file, the main file's first", async () => {
    const { lines } = await loadFolder({
      "gw.yaml": `${main("[a.yaml, b.yaml]")}peers:\n  m: { remote: 1.2.3 }\n`,
      "a.yaml": "peers:\n  a: { colour: red }\n",
      "b.yaml": "peers: []\n",
    });
    expect([...new Set(lines.map((line) => line.split(":")[0]))]).toEqual(["gw.yaml", "a.yaml", "b.yaml"]);
    expect(lines.at(-1)).toBe("b.yaml:1:8: peers: needs a section with a key for each peer, its name");
  });

  it("a name that stands in two files is the first one's", async () => {
    const { lines, desired } = await loadFolder({
      "gw.yaml": `${main("more.yaml")}peers:\n${soundPeer("b")}`,
      "more.yaml": `peers:\n${soundPeer("b", "192.0.2.9")}`,
    });
    expect(lines).toEqual(["more.yaml:2:3: peers.b: this name stands in gw.yaml:4 already: give another"]);
    expect(desired.peers.map(({ remote }) => remote)).toEqual([["192.0.2.2"]]);
  });

  it.each([
    ["nowhere", "gw.yaml:2:10: include: nowhere does not exist", ["nowhere"]],
    ['"nowhere/*.yaml"', "gw.yaml:2:10: include: nowhere does not exist", ["nowhere/*.yaml"]],
    ["broken.yaml", "broken.yaml:2:1: a tab in the indentation: YAML allows only spaces there", ["broken.yaml"]],
    ["list.yaml", "list.yaml:1:1: an included file holds the key peers and nothing else", ["list.yaml"]],
  ])("%s cannot be read, and what is elsewhere runs", async (include, line, unread) => {
    const loaded = await loadFolder({
      "gw.yaml": `${main(include)}peers:\n${soundPeer("b")}`,
      "broken.yaml": "peers:\n\tb: {}\n",
      "list.yaml": "- b\n",
    });
    expect(loaded.lines).toEqual([line]);
    expect(loaded.unread.map((file) => file.replace(/^.*underlock-config-[^/]*\//, ""))).toEqual(unread);
    expect(loaded.desired.peers.map(({ name }) => name)).toEqual(["b"]);
    expect(loaded.fatal).toBe(false);
  });

  it("a pattern that matches nothing is a warning", async () => {
    const { lines } = await loadFolder(main('"*.yml"'));
    expect(lines).toEqual(['gw.yaml:2:10: warning: include: "*.yml" gives no file']);
  });

  it("a pattern costs no more than its length", async () => {
    const { lines } = await loadFolder({ "gw.yaml": main(`"${"*a".repeat(100)}b"`), ["a".repeat(200)]: "" });
    expect(lines[0]).toContain("gives no file");
  });

  it("a main file that does not exist", async () => {
    const { lines, fatal } = await loadFolder({ "other.yaml": "" });
    expect(lines).toEqual(["gw.yaml:1:1: gw.yaml does not exist"]);
    expect(fatal).toBe(true);
  });

  it("a folder for a main file", async () => {
    const { lines } = await loadFolder({ "gw.yaml/x": "" });
    expect(lines).toEqual(["gw.yaml:1:1: gw.yaml is not a regular file"]);
  });
});
