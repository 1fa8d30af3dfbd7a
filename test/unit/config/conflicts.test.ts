import { describe, expect, it } from "vitest";
import { loadFolder, soundPeer } from "./folder.ts";

const auth = "auth: { psk: file:site-b.psk }";

function peers(...bodies: string[]): string {
  const lines = bodies.map((body, i) => `  p${i}: { ${auth}, ${body} }\n`);
  return `local: { id: gw-a.example, address: 192.0.2.1 }\npeers:\n${lines.join("")}`;
}

describe("peers that cannot be told apart", () => {
  const sentence =
    "cannot be told from peers.p0 (gw.yaml:3): both have the same remote and the same id. Give each the id that it sends";
  const tunnel = (n: number): string => `protect: { tunnel: 10.1.0.0/16 <-> 10.${n}.0.0/16 }`;

  it.each([
    ["the same address and id", `remote: 192.0.2.2, id: b, ${tunnel(2)}`, `remote: 192.0.2.2, id: B, ${tunnel(3)}`],
    [
      "an address in common",
      `remote: [192.0.2.2, 192.0.2.3], id: b, ${tunnel(2)}`,
      `remote: [192.0.2.4, 192.0.2.3], id: b, ${tunnel(3)}`,
    ],
    ["no id", `remote: 192.0.2.2, ${tunnel(2)}`, `remote: 192.0.2.2, ${tunnel(3)}`],
    ["whoever calls", `remote: any, id: b, ${tunnel(2)}`, `remote: any, id: b, ${tunnel(3)}`],
  ])("%s", async (_, first, second) => {
    const { lines, desired, broken } = await loadFolder(peers(first, second));
    expect(lines).toEqual([`gw.yaml:4:3: peers.p1: ${sentence}`]);
    expect(desired.peers.map(({ name }) => name)).toEqual(["p0"]);
    expect(broken).toMatchObject([{ name: "p1", children: [{ name: "tunnel 10.1.0.0/16 <-> 10.3.0.0/16" }] }]);
  });

  it.each([
    ["another id", `remote: 192.0.2.2, id: b, ${tunnel(2)}`, `remote: 192.0.2.2, id: c, ${tunnel(3)}`],
    ["an id beside none", `remote: 192.0.2.2, id: b, ${tunnel(2)}`, `remote: 192.0.2.2, ${tunnel(3)}`],
    [
      "an id of another kind",
      `remote: 192.0.2.2, id: fqdn:b, ${tunnel(2)}`,
      `remote: 192.0.2.2, id: keyid:0b, ${tunnel(3)}`,
    ],
    ["another address", `remote: 192.0.2.2, id: b, ${tunnel(2)}`, `remote: 192.0.2.3, id: b, ${tunnel(3)}`],
    ["an address beside whoever calls", `remote: 192.0.2.2, id: b, ${tunnel(2)}`, `remote: any, id: b, ${tunnel(3)}`],
    [
      "another name of ours",
      `remote: 192.0.2.2, id: b, local-id: x, ${tunnel(2)}`,
      `remote: 192.0.2.2, id: b, local-id: y, ${tunnel(3)}`,
    ],
    ["whoever calls, with one overlay", "remote: any, id: b, protect: gre", "remote: any, id: c, protect: gre"],
  ])("can be: %s", async (_, first, second) => {
    const { lines, desired } = await loadFolder(peers(first, second));
    expect(lines).toEqual([]);
    expect(desired.peers).toHaveLength(2);
  });
});

describe("one selector twice", () => {
  it("gre to one host from two peers", async () => {
    const { lines, desired, broken } = await loadFolder(
      peers("remote: 192.0.2.2, id: b, protect: gre", "remote: 192.0.2.2, id: c, protect: [vxlan, gre]"),
    );
    expect(lines).toEqual([
      "gw.yaml:4:84: peers.p1.protect[1]: protects 192.0.2.1/32 -> 192.0.2.2/32 gre, which gw.yaml:3 (peers.p0) protects already: the kernel has one policy for one selector. Take one of the two out, or make one narrower",
    ]);
    expect(desired.peers.map(({ name }) => name)).toEqual(["p0"]);
    // What the first peer protects is not the second one's to lock.
    expect(broken).toMatchObject([{ name: "p1", children: [{ name: "vxlan-4789/to" }, { name: "vxlan-4789/from" }] }]);
  });

  it("one tunnel to two hosts", async () => {
    const tunnel = "protect: { tunnel: 10.1.0.0/16 <-> 10.2.0.0/16 }";
    const { problems } = await loadFolder(peers(`remote: 192.0.2.2, ${tunnel}`, `remote: 192.0.2.3, ${tunnel}`));
    expect(problems.map(({ path, sentence }) => [path, sentence.split(", which")[0]])).toEqual([
      ["peers.p1.protect", "protects 10.1.0.0/16 -> 10.2.0.0/16"],
    ]);
  });

  it("two names of one thing within a peer", async () => {
    const { problems, desired } = await loadFolder(peers("remote: 192.0.2.2, protect: [sit, ip6]"));
    expect(problems.map(({ path }) => path)).toEqual(["peers.p0.protect[1]"]);
    expect(desired.peers).toEqual([]);
  });

  it("narrow beside wide is none", async () => {
    const { lines } = await loadFolder(
      peers(
        "remote: 192.0.2.2, protect: { tunnel: 10.1.0.0/16 <-> 10.0.0.0/8 }",
        "remote: 192.0.2.3, protect: { tunnel: 10.1.0.0/16 <-> 10.2.0.0/16 }",
      ),
    );
    expect(lines).toEqual([]);
  });

  it("names the place in another file", async () => {
    const { lines } = await loadFolder({
      "gw.yaml": `local: { id: a, address: 192.0.2.1 }\ninclude: more.yaml\npeers:\n${soundPeer("b")}`,
      "more.yaml": `peers:\n${soundPeer("c")}`,
    });
    expect(lines).toEqual([
      "more.yaml:6:14: peers.c.protect: protects 192.0.2.1/32 -> 192.0.2.2/32 gre, which gw.yaml:8 (peers.b) protects already: the kernel has one policy for one selector. Take one of the two out, or make one narrower",
    ]);
  });
});

describe("secrets that IKEv1 finds by the address", () => {
  const other = { "other.psk": "another secret that is long enough\n" };
  const bodies = (other: string, ...remotes: readonly string[]): string =>
    `local: { id: gw-a.example, address: 192.0.2.1 }\npeers:\n${remotes
      .map((remote, i) => {
        const secret = i === 0 ? "site-b.psk" : other;
        const line = `protect: { tunnel: 10.1.0.0/16 <-> 10.${i + 2}.0.0/16 }`;
        return `  p${i}: { auth: { psk: file:${secret} }, ikev1: main, id: b${i}, remote: ${remote}, ${line} }\n`;
      })
      .join("")}`;
  const sentence =
    "has a secret of its own, and peers.p0 has another at the same address: IKEv1's main mode finds the secret by the address. Give both the same secret, or take ikev1 out of one";

  it.each([
    ["at one address", "192.0.2.2", "192.0.2.2"],
    ["from anywhere", "any", "any"],
  ])("%s", async (_, first, second) => {
    const { lines } = await loadFolder({ "gw.yaml": bodies("other.psk", first, second), ...other });
    expect(lines).toEqual([expect.stringContaining(`peers.p1.ikev1: ${sentence}`)]);
  });

  it.each([
    ["the same secret", "site-b.psk", "192.0.2.2", "192.0.2.2"],
    ["another address", "other.psk", "192.0.2.2", "192.0.2.3"],
    ["an address beside anywhere", "other.psk", "192.0.2.2", "any"],
  ])("%s: can be told", async (_, secret, first, second) => {
    const { lines } = await loadFolder({ "gw.yaml": bodies(secret, first, second), ...other });
    expect(lines).toEqual([]);
  });
});
