/** `auth` with keys, certificates and what is trusted. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authority, Openssl, rsa2048 } from "../credentials/openssl.ts";
import { type Files, loadFolder } from "./folder.ts";

const openssl = new Openssl();
afterAll(() => openssl.remove());

/** Every file that openssl has made, as the configuration's folder has it. */
let files: Record<string, { text: Uint8Array; mode: number }> = {};

beforeAll(() => {
  openssl.issue({ name: "ca", subject: "/O=Example/CN=Root", extensions: authority });
  openssl.issue({ name: "sub", issuer: "ca", subject: "/O=Example/CN=Sub", extensions: authority });
  openssl.issue({
    ...{ name: "gw-a", issuer: "sub", subject: "/O=Example/CN=gw-a.example" },
    extensions: ["subjectAltName=DNS:gw-a.example"],
  });
  openssl.issue({ name: "other", issuer: "ca", subject: "/O=Example/CN=other.example" });
  openssl.run("pkey", "-in", "gw-a.key", "-pubout", "-out", "gw-a.pub");
  openssl.run(
    "pkcs8",
    "-topk8",
    "-in",
    "gw-a.key",
    "-out",
    "locked.key",
    "-passout",
    "pass:open sesame",
    "-v2",
    "aes256",
  );
  const names = [
    "ca.pem",
    "sub.pem",
    "gw-a.pem",
    "gw-a.der",
    "gw-a.key",
    "gw-a.pub",
    "locked.key",
    "other.pem",
    "other.key",
  ];
  files = Object.fromEntries(names.map((name) => [name, { text: openssl.read(name), mode: 0o600 }]));
});

function load(auth: string, { rest = "id: gw-b.example", id = "id: gw-a.example, ", more = {} as Files } = {}) {
  const text = `local: { ${id}address: 192.0.2.1 }\npeers:\n  b:\n    remote: 192.0.2.2\n    protect: gre\n    ${rest}\n    auth: ${auth}\n`;
  return loadFolder({ ...files, "gw.yaml": text, ...more });
}

async function credentials(auth: string, options?: Parameters<typeof load>[1]) {
  const { desired, lines } = await load(auth, options);
  const { local = [], remote = [] } = desired.peers[0]?.auth ?? {};
  return { lines, peer: desired.peers[0], own: local[0]?.credential, theirs: remote[0]?.credential };
}

const certified = "certificate: [gw-a.pem, sub.pem], key: gw-a.key, trust: ca.pem";

describe("places of certificates", () => {
  it("are none unless they are given", async () => {
    const { theirs } = await credentials(`{ ${certified} }`);
    expect(theirs).toMatchObject({ kind: "trust", trust: { places: [] } });
  });

  it("are what URLs begin with", async () => {
    const { lines, theirs } = await credentials(`{ ${certified}, certificate-urls: HTTP://c.example:80/x }`);
    expect(lines).toEqual([]);
    expect(theirs).toMatchObject({ trust: { places: ["http://c.example/x"] } });
  });

  it.each(["c.example", "ftp://c.example/", "http://me@c.example/", "http://c.example/?x"])("not %s", async (url) => {
    const { lines } = await load(`{ ${certified}, certificate-urls: "${url}" }`);
    expect(lines).toEqual([expect.stringContaining(`certificate-urls: "${url}"`)]);
  });
});

describe("a certificate", () => {
  it("is put together with its key and those above it, whatever their order", async () => {
    const { lines, own, theirs } = await credentials(
      "{ certificate: [sub.pem, gw-a.der], key: file:gw-a.key, trust: ca.pem }",
    );
    expect(lines).toEqual([]);
    if (own?.kind !== "key" || theirs?.kind !== "trust") throw new Error("no key");
    expect(own.keys.map(({ chain }) => chain.map(({ label }) => label))).toEqual([
      ["O=Example, CN=gw-a.example", "O=Example, CN=Sub"],
    ]);
    expect(own.keys[0]?.authorities.size).toBe(2);
    expect(theirs.trust).toMatchObject({ name: "ca.pem", bound: true, sha1: false, commonName: false });
    expect(theirs.trust.store.anchors.map(({ label }) => label)).toEqual(["O=Example, CN=Root"]);
  });

  it("has those above it also from what the other end is believed on", async () => {
    const auth = "{ local: { certificate: [sub.pem, gw-a.der], key: gw-a.key }, remote: { trust: ca.pem } }";
    const { lines, own } = await credentials(auth);
    expect(lines).toEqual([]);
    if (own?.kind !== "key") throw new Error("no key");
    expect(own.keys[0]?.issuer?.label).toBe("O=Example, CN=Sub");
    expect(own.keys[0]?.authorities.size).toBe(2);
  });

  it("says who we are where nobody else does", async () => {
    const { lines, peer } = await credentials(`{ ${certified} }`, { id: "" });
    expect(lines).toEqual([]);
    expect(peer?.localId).toMatchObject({ idType: 2, text: "gw-a.example" });
  });

  it("that is not for who we are is refused", async () => {
    const { lines } = await load(`{ ${certified} }`, { rest: "local-id: gw-c.example" });
    expect(lines).toEqual([
      "gw.yaml:6:15: peers.b.local-id: our certificate O=Example, CN=gw-a.example is not for gw-c.example, so no peer would believe it; it is for DNS:gw-a.example, DN:O=Example, CN=gw-a.example",
    ]);
  });

  it("gives a distinguished name its own octets", async () => {
    const { lines, peer } = await credentials(`{ ${certified} }`, { rest: "local-id: o=example, cn=GW-A.example" });
    expect(lines).toEqual([]);
    expect(Buffer.from(peer?.localId.octets ?? []).toString("hex")).toContain(
      Buffer.from("gw-a.example").toString("hex"),
    );
  });

  it("and its key each have their place, with a passphrase and beside a secret", async () => {
    const locked = "certificate: [gw-a.pem, sub.pem], key: locked.key, passphrase: open sesame";
    const { lines, own, theirs } = await credentials(`{ local: { ${locked} }, remote: { psk: file:site-b.psk } }`);
    expect(lines).toEqual([]);
    expect([own?.kind, theirs?.kind]).toEqual(["key", "psk"]);
  });

  it("takes the signatures that are named, in their order", async () => {
    const { own } = await credentials(`{ ${certified}, signature: [ecdsa-sha512, ECDSA-SHA256] }`);
    if (own?.kind !== "key") throw new Error("no key");
    expect(own.schemes).toMatchObject([{ hash: "sha512" }, { hash: "sha256" }]);
  });
});

describe("what is trusted", () => {
  it.each([
    ["an authority", "ca.pem", { anchors: 1, listed: 0, pinned: 0 }],
    ["an old authority and a new one", "[ca.pem, sub.pem]", { anchors: 2, listed: 0, pinned: 0 }],
    ["the peer's own certificate", "other.pem", { anchors: 0, listed: 1, pinned: 0 }],
    ["a public key", "gw-a.pub", { anchors: 0, listed: 0, pinned: 1 }],
    ["a pin", `sha256:${"ab".repeat(32)}`, { anchors: 0, listed: 0, pinned: 1 }],
    ["a pin in base64", `sha256:${Buffer.alloc(32, 7).toString("base64")}`, { anchors: 0, listed: 0, pinned: 1 }],
  ])("%s", async (_, trust, { anchors, listed, pinned }) => {
    const { lines, theirs } = await credentials(`{ local: { key: gw-a.key }, remote: { trust: ${trust} } }`);
    expect(lines).toEqual([]);
    if (theirs?.kind !== "trust") throw new Error("no trust");
    const { store } = theirs.trust;
    expect([store.anchors.length, store.listed.size, store.pinned.size]).toEqual([anchors, listed, pinned]);
  });

  it("a weak allowance is taken, and told", async () => {
    const { lines, theirs } = await credentials(`{ ${certified}, allow: [sha1, common-name] }`);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("warning");
    if (theirs?.kind !== "trust") throw new Error("no trust");
    expect(theirs.trust).toMatchObject({ sha1: true, commonName: true, anyPurpose: false });
  });
});

describe("what is wrong", () => {
  it.each([
    [
      "{ certificate: gw-a.pem, trust: ca.pem }",
      "auth.key: is missing: give the file of the certificate's private key",
    ],
    [
      "{ key: gw-a.key, certificate: gw-a.pem }",
      "auth.trust: is missing: say which authorities or keys the peer is believed on, trust: FILE",
    ],
    ["{ trust: ca.pem }", "auth.key: is missing: give our private key, key: FILE"],
    [
      "{ key: other.key, certificate: gw-a.pem, trust: ca.pem }",
      "auth.key: the key other.key belongs to none of the certificates given: O=Example, CN=gw-a.example",
    ],
    [`{ ${certified}, psk: file:site-b.psk }`, "auth.psk: stands beside key or trust: give one of them"],
    [`{ ${certified}, unauthenticated: yes }`, "auth.unauthenticated: stands beside key or trust: give one of them"],
    [
      "{ local: { key: gw-a.key, trust: ca.pem }, remote: { trust: ca.pem } }",
      "auth.local.trust: is about the peer: put it under remote",
    ],
    [
      "{ local: { key: gw-a.key }, remote: { trust: ca.pem, key: gw-a.key } }",
      "auth.remote.key: is about us: put it under local",
    ],
    ["{ key: nowhere.key, trust: ca.pem }", "auth.key: nowhere.key does not exist"],
    [
      "{ key: gw-a.key, trust: [ca.pem, gw-a.key] }",
      "auth.trust[1]: gw-a.key cannot be used: it holds no certificate, but PRIVATE KEY",
    ],
    ["{ key: gw-a.key, trust: sha256:abc }", "auth.trust: needs 64 hexadecimal digits or 43 of base64 after sha256:"],
    [
      "{ key: gw-a.key, trust: ca.pem, signature: rsa-sha255 }",
      'auth.signature: no such signature: "rsa-sha255", did you mean rsa-sha25',
    ],
    [
      "{ key: locked.key, trust: ca.pem }",
      "auth.key: locked.key cannot be used: it is encrypted, and no passphrase is given",
    ],
  ])("%s", async (auth, sentence) => {
    const { lines, desired } = await load(auth);
    expect(lines.join("\n")).toContain(`peers.b.${sentence}`);
    expect(desired.peers).toEqual([]);
  });

  it("a key that others may read, and an authority that others may write", async () => {
    const key = { text: openssl.read("gw-a.key"), mode: 0o640 };
    const trust = { text: openssl.read("ca.pem"), mode: 0o664 };
    const { lines } = await load(`{ ${certified} }`, { more: { "gw-a.key": key, "ca.pem": trust } });
    expect(lines.join("\n")).toContain("must be readable by its owner alone (0600 or 0400, not 0640)");
    expect(lines.join("\n")).toContain("must be writable by its owner alone (0644, not 0664)");
  });

  it("a key without a name, where the section names nobody", async () => {
    const { lines } = await load("{ key: gw-a.key, trust: gw-a.pub }", { rest: "initiate: no" });
    expect(lines.join()).toContain("auth.trust: is a key without a name, so the section must say whose it is: give id");
  });
});

describe("proving a key by what it can decrypt (IKEv1)", () => {
  const rest = "id: gw-b.example\n    ikev1: main\n    prove-by: revised-encryption\n    ike: aes256-sha256-modp2048";

  it("with RSA keys, of which the peer's own is known", async () => {
    openssl.issue({
      name: "rsa-a",
      issuer: "ca",
      subject: "/CN=gw-a.example",
      key: rsa2048,
      extensions: names("gw-a"),
    });
    openssl.issue({
      name: "rsa-b",
      issuer: "ca",
      subject: "/CN=gw-b.example",
      key: rsa2048,
      extensions: names("gw-b"),
    });
    const more = Object.fromEntries(
      ["rsa-a.pem", "rsa-a.key", "rsa-b.pem"].map((name) => [name, { text: openssl.read(name), mode: 0o600 }]),
    );
    const known = await load("{ key: rsa-a.key, certificate: rsa-a.pem, trust: rsa-b.pem }", { rest, more });
    expect(known.desired.peers[0]?.proveBy).toBe("revised-encryption");
    const issued = await load("{ key: rsa-a.key, certificate: rsa-a.pem, trust: ca.pem }", { rest, more });
    expect(issued.lines.join()).toContain("needs RSA keys of 2048 bits at both ends");
    const curve = await load("{ key: gw-a.key, certificate: gw-a.pem, trust: rsa-b.pem }", { rest, more });
    expect(curve.lines.join()).toContain("needs RSA keys of 2048 bits at both ends");
  });
});

function names(host: string): string[] {
  return [`subjectAltName=DNS:${host}.example`];
}
