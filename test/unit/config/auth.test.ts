import { describe, expect, it } from "vitest";
import { loadFolder } from "./folder.ts";

const files = { "other.psk": "another horse, another battery\n" };

function withAuth(auth: string, rest = "protect: gre", remote = "192.0.2.2"): string {
  return `local: { id: gw-a.example, address: 192.0.2.1 }\npeers:\n  b:\n    remote: ${remote}\n    ${rest}\n    auth: ${auth}\n`;
}

async function roundsOf(auth: string) {
  const { desired, lines } = await loadFolder({ ...files, "gw.yaml": withAuth(auth) });
  const words = (side: "local" | "remote") =>
    desired.peers[0]?.auth[side].map(({ id, credential }) =>
      [
        credential.kind === "psk" ? credential.secret.name : credential.kind,
        ...(id === undefined ? [] : [id.text]),
      ].join(" as "),
    );
  return { lines, local: words("local"), remote: words("remote"), localId: desired.peers[0]?.localId.text };
}

describe("auth", () => {
  it.each([
    ["{ psk: file:site-b.psk }", ["file:site-b.psk"], ["file:site-b.psk"], "gw-a.example"],
    ["{ unauthenticated: yes }", ["null"], ["null"], "anonymous"],
    ["{ psk: file:site-b.psk, remote: { unauthenticated: yes } }", ["file:site-b.psk"], ["null"], "gw-a.example"],
    ["{ local: { unauthenticated: yes }, remote: { psk: file:other.psk } }", ["null"], ["file:other.psk"], "anonymous"],
    [
      "{ psk: file:site-b.psk, local: [{ psk: file:site-b.psk }, { psk: file:other.psk, id: user@example }] }",
      ["file:site-b.psk", "file:other.psk as user@example"],
      ["file:site-b.psk"],
      "gw-a.example",
    ],
  ])("%s", async (auth, local, remote, localId) => {
    expect(await roundsOf(auth)).toEqual({ lines: [], local, remote, localId });
  });

  it.each([
    ["{}", "gw.yaml:6:11: peers.b.auth.psk: is missing: give file:NAME"],
    ["{ local: { psk: file:site-b.psk } }", "gw.yaml:6:5: peers.b.auth.psk: is missing: give file:NAME"],
    [
      "{ psk: file:site-b.psk, local: { psk: file:other.psk }, remote: { psk: file:other.psk } }",
      "gw.yaml:6:11: peers.b.auth: has both local and remote: what stands beside them is for nobody",
    ],
    [
      "{ psk: file:site-b.psk, unauthenticated: yes }",
      "gw.yaml:6:52: peers.b.auth.unauthenticated: stands beside psk: give one of the two",
    ],
    [
      "{ psk: file:site-b.psk, local: [{ psk: file:site-b.psk }, { unauthenticated: yes }] }",
      "gw.yaml:6:88: peers.b.auth.local[1].unauthenticated: proves nothing, so it cannot be one round of several",
    ],
    [
      "{ psk: file:site-b.psk, local: { psk: file:site-b.psk, id: me } }",
      "gw.yaml:6:70: peers.b.auth.local.id: is the peer's local-id or id in the first round: take it out, or give it there",
    ],
  ])("%s is refused", async (auth, line) => {
    expect((await roundsOf(auth)).lines).toEqual([line]);
  });

  it("no defaults leave a peer unauthenticated", async () => {
    const { lines, desired } = await loadFolder(
      `local: { id: gw-a.example }\ndefaults: { auth: { unauthenticated: yes } }\npeers: { b: { remote: 192.0.2.2, protect: gre } }\n`,
    );
    expect(lines.join()).toContain("belongs in the section of the very peer that it is for");
    expect(desired.peers).toEqual([]);
  });
});

describe("a peer that proves nothing", () => {
  it("has no identity to check", async () => {
    const { lines } = await loadFolder(withAuth("{ unauthenticated: yes }", "protect: gre\n    id: gw-b.example"));
    expect(lines).toEqual(["gw.yaml:6:9: peers.b.id: is proved by nobody in this section: take it out"]);
  });

  it("gets no network where it may call from anywhere", async () => {
    const { lines } = await loadFolder(
      withAuth("{ unauthenticated: yes }", "protect: [gre, tunnel: 10.1.0.0/16 <-> 10.2.0.0/16]", "any"),
    );
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("peers.b.protect[1]: is a network, and whoever calls this peer proves nothing");
  });

  const sound = (name: string, remote: string, protect: string, auth = "{ psk: file:site-b.psk }") =>
    `  ${name}: { remote: ${remote}, auth: ${auth}, protect: ${protect} }\n`;
  const nobody = "{ unauthenticated: yes }";
  const network = (both: string) => `[tunnel: ${both}]`;

  it.each([
    ["a network within another's", sound("b", "192.0.2.2", network("10.1.2.0/24 <-> 10.2.0.0/16"), nobody), ["c"]],
    ["a network around another's", sound("b", "192.0.2.2", network("10.0.0.0/8 <-> 10.2.0.0/15"), nobody), ["c"]],
    ["another network", sound("b", "192.0.2.2", network("10.1.0.0/16 <-> 10.3.0.0/16"), nobody), ["b", "c"]],
    ["what goes between the hosts", sound("b", "192.0.2.2", "gre", nobody), ["b", "c"]],
    ["callers, while another has an address", sound("b", "any", "gre", nobody), ["b", "c"]],
  ])("%s", async (_, section, remaining) => {
    const { desired, lines } = await loadFolder(
      `local: { id: gw-a.example, address: 192.0.2.1 }\npeers:\n${section}${sound("c", "192.0.2.3", "[gre, tunnel: 10.1.0.0/16 <-> 10.2.0.0/16]")}`,
    );
    expect(desired.peers.map(({ name }) => name)).toEqual(remaining);
    if (remaining.length === 1) {
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain("(peers.c) protects for a peer that proves who it is, and this one proves nothing");
    }
  });
});
