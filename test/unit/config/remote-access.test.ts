/** `xauth` and `inner-address` of a peer. */
import { describe, expect, it } from "vitest";
import { loadFolder } from "./folder.ts";

const files = {
  "group.psk": { text: "a secret of the group, long enough", mode: 0o600 },
  "alice.password": { text: "open sesame\n", mode: 0o600 },
  "open.password": { text: "open sesame\n", mode: 0o644 },
};

function load(rest: string, line = "10.1.0.0/16 <-> 10.9.0.0/24") {
  const text = `local: { id: gw.example, address: 192.0.2.1 }\npeers:\n  road:\n    remote: 192.0.2.2\n    auth: { psk: file:group.psk }\n    protect: [{ tunnel: ${line} }]\n${rest
    .split("\n")
    .map((one) => `    ${one}\n`)
    .join("")}`;
  return loadFolder({ "gw.yaml": text, ...files });
}

describe("who logs in", () => {
  it("we, with a password from a file without its line break", async () => {
    const { desired, lines } = await load("ikev1: main\nxauth: { user: alice, password: file:alice.password }");
    expect(lines).toEqual([]);
    const xauth = desired.peers[0]?.xauth;
    expect(xauth).toMatchObject({ kind: "client", user: "alice", password: { name: "file:alice.password" } });
    expect(xauth?.kind === "client" && Buffer.from(xauth.password.octets).toString()).toBe("open sesame");
  });

  it("the peer, as one of several", async () => {
    const { desired, lines } = await load(
      "ikev1: main\nxauth:\n  users: { alice: file:alice.password, bob: hex:6162 }",
    );
    expect(lines).toEqual([]);
    expect(desired.peers[0]?.xauth).toMatchObject({ kind: "server", users: [{ name: "alice" }, { name: "bob" }] });
  });

  it.each([
    ["xauth: { user: alice, password: file:alice.password }", "belongs to IKEv1 alone"],
    ["ikev1: accept\nxauth: { user: alice, password: file:alice.password }", "belongs to IKEv1 alone"],
    ["ikev1: main\nxauth: { user: alice }", "xauth.password: is missing"],
    ["ikev1: main\nxauth: { password: file:alice.password }", "xauth.user: is missing"],
    ["ikev1: main\nxauth: { user: alice, users: { bob: file:alice.password } }", "one of the two"],
    ["ikev1: main\nxauth: {}", "one of the two"],
    ["ikev1: main\nxauth: { users: {} }", "names nobody"],
    ["ikev1: main\nxauth: { user: alice, password: file:none }", "the key's file cannot be used"],
    ["ikev1: main\nxauth: { user: alice, password: file:open.password }", "must be readable by its owner alone"],
    ["ikev1: main\nxauth: { users: { alice: file:open.password } }", "must be readable by its owner alone"],
    ["ikev1: main\nxauth: { user: alice, pasword: file:alice.password }", "did you mean password?"],
  ])("%s: %s", async (rest, sentence) => {
    const { desired, lines } = await load(rest);
    expect(desired.peers).toEqual([]);
    expect(lines.join("\n")).toContain(sentence);
  });

  it("says nothing of what may be a password in the wrong place", async () => {
    const { lines } = await load("ikev1: main\nxauth: { user: alice, swordfish: x, password: { swordfish: 1 } }");
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join("\n")).not.toContain("swordfish");
  });
});

describe("who has an address of the other", () => {
  it("the peer, of a pool that every line has", async () => {
    const { desired, lines } = await load("ikev1: main\ninner-address: { pool: 10.9.0.0/25 }");
    expect(lines).toEqual([]);
    const pool = { address: "10.9.0.0", length: 25 };
    expect(desired.peers[0]?.innerAddress).toEqual({ kind: "server", by: "pull", pool });
  });

  it("we, who wait for it", async () => {
    const { desired, lines } = await load(
      "ikev1: aggressive\ninner-address: { ask: yes, delivery: push }",
      "0.0.0.0/0 <-> 10.1.0.0/16",
    );
    expect(lines.filter((line) => !line.includes("warning"))).toEqual([]);
    expect(desired.peers[0]?.innerAddress).toEqual({ kind: "client", by: "push" });
  });

  it.each([
    ["inner-address: { ask: yes }", "belongs to IKEv1 alone"],
    ["ikev1: main\ninner-address: {}", "one of the two"],
    ["ikev1: main\ninner-address: { ask: yes, pool: 10.9.0.0/24 }", "one of the two"],
    ["ikev1: main\ninner-address: { pool: 10.8.0.0/24 }", "does not have inner-address.pool, 10.8.0.0/24"],
    ["ikev1: main\ninner-address: { pool: 10.9.0.1/24 }", "write 10.9.0.0/24"],
    ["ikev1: main\ninner-address: { pool: 0.0.0.0/0 }", "is a subnet of at least /8"],
    ["ikev1: main\ninner-address: { pool: 10.9.0.0/24, delivery: pushed }", "is one of pull, push"],
  ])("%s: %s", async (rest, sentence) => {
    const { desired, lines } = await load(rest);
    expect(desired.peers).toEqual([]);
    expect(lines.join("\n")).toContain(sentence);
  });

  it("not where a line is no tunnel", async () => {
    const text =
      "local: { id: gw.example, address: 192.0.2.1 }\npeers: { road: { remote: 192.0.2.2, auth: { psk: file:group.psk }, protect: gre, ikev1: main, inner-address: { ask: yes } } }\n";
    const { lines } = await loadFolder({ "gw.yaml": text, ...files });
    expect(lines.join("\n")).toContain("is no tunnel");
  });
});

describe("how keys are proved", () => {
  it.each([
    ["prove-by: encryption", "is for IKEv1 alone"],
    ["ikev1: accept\nprove-by: revised-encryption", "is for IKEv1 alone"],
    ["ikev1: main\nprove-by: encryption", "needs RSA keys of 2048 bits at both ends"],
    ["ikev1: main\nprove-by: decryption", "is one of signature, encryption, revised-encryption"],
  ])("%s: %s", async (rest, sentence) => {
    const { desired, lines } = await load(rest);
    expect(desired.peers).toEqual([]);
    expect(lines.join("\n")).toContain(sentence);
  });
});
