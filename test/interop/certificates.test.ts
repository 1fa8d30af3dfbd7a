// Certificates with real peers, both roles: every kind of signature that both have, chains, secrets beside certificates, and why not.
import { describe, expect } from "vitest";
import type { KeyKind } from "../../src/crypto/signature/generate.ts";
import { ControlError } from "../../src/daemon/control-protocol.ts";
import type { StatusReport } from "../../src/daemon/status-report.ts";
import { Openssl } from "../unit/credentials/openssl.ts";
import { peerOf } from "./daemon-words.ts";
import { secret, strongswanChildren } from "./ends.ts";
import { Issuer, type LabCertificate } from "./lab/issuer.ts";
import type { LibreswanConnection } from "./lab/libreswan.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Connection, type Strongswan, strongswanVersions } from "./lab/strongswan.ts";
import type { Underlock } from "./lab/underlock.ts";
import type { ViciMessage } from "./lab/vici.ts";

/** One peer at an address of its own: what each end has, and how it ends. */
interface Cell {
  readonly name: string;
  readonly key: KeyKind;
  /** What signs both ends' certificates; the roots are trusted. */
  readonly issuer?: { readonly ours: string; readonly theirs: string };
  /** Further keys of `auth` at our end. */
  readonly auth?: Readonly<Record<string, unknown>>;
  /** One end has a secret, and nothing else. */
  readonly secret?: "ours" | "theirs";
  /** How the authority says which certificates are revoked, and what is made of that. */
  readonly publishes?: Pick<LabCertificate, "crl" | "ocsp">;
  readonly revocation?: "strict";
  /** What is wrong with the peer's certificate. */
  readonly theirs?: Partial<LabCertificate>;
  /** The reason at our end, where it must not come up. */
  readonly refused?: object;
}

const chain = { ours: "sub-a", theirs: "sub-b" };

const cells: readonly Cell[] = [
  { name: "rsa", key: "rsa-2048" },
  { name: "rsa-pkcs1", key: "rsa-2048", auth: { signature: "rsa-sha512" } },
  { name: "p256", key: "ecdsa-p256" },
  { name: "p384", key: "ecdsa-p384" },
  { name: "p521", key: "ecdsa-p521" },
  { name: "ed25519", key: "ed25519" },
  { name: "ed448", key: "ed448" },
  { name: "chain", key: "rsa-2048", issuer: chain },
  { name: "our-secret", key: "ecdsa-p256", secret: "ours" },
  { name: "their-secret", key: "ecdsa-p256", secret: "theirs" },
  {
    name: "expired",
    key: "ecdsa-p256",
    theirs: { days: -1 },
    refused: { code: "certificate-refused", finding: { check: "expired", depth: 0 } },
  },
  {
    name: "elsewhere",
    key: "ecdsa-p256",
    theirs: { host: "else.example" },
    refused: { code: "identity-not-in-certificate", names: ["DNS:else.example", "DN:CN=elsewhere.b.example"] },
  },
  {
    name: "unknown",
    key: "ecdsa-p256",
    issuer: { ours: "root", theirs: "stranger" },
    refused: { code: "certificate-refused", finding: { check: "unknown-authority", seen: "issued by CN=stranger" } },
  },
];

/** Cells whose authority publishes a list, or answers: what is known to be revoked there must not come up. */
const revocable: readonly Cell[] = [
  ["crl", { crl: "http://192.0.2.90:8081/ca.crl" }] as const,
  ["ocsp", { ocsp: "http://192.0.2.90:8080" }] as const,
].flatMap(([by, publishes]): Cell[] => [
  { name: `${by}-good`, key: "ecdsa-p256", publishes, revocation: "strict" },
  {
    name: `${by}-revoked`,
    key: "ecdsa-p256",
    publishes,
    refused: {
      code: "certificate-refused",
      finding: { check: "revoked", depth: 0, certificate: `CN=${by}-revoked.b.example` },
    },
  },
]);

/** The authority's book, its list and its responder, on gateway b. */
async function publish(lab: Lab, openssl: Openssl): Promise<void> {
  const entries = revocable.map(({ name, refused }) => {
    const serial = openssl.run("x509", "-in", `${name}.b.pem`, "-noout", "-serial").trim().replace("serial=", "");
    const [state, since] = refused === undefined ? ["V", ""] : ["R", "260101000000Z"];
    return [state, "491231235959Z", since, serial, "unknown", `/CN=${name}.b.example`].join("\t");
  });
  openssl.write("index.txt", `${entries.join("\n")}\n`);
  openssl.write("crlnumber", "01\n");
  const settings = ["database=index.txt", "crlnumber=crlnumber", "default_md=sha256", "default_crl_days=7"];
  openssl.write("ca.cnf", ["[ca]", "default_ca=d", "[d]", ...settings, ""].join("\n"));
  const signer = ["-keyfile", "root.key", "-cert", "root.pem"];
  openssl.run("ca", "-gencrl", "-config", "ca.cnf", ...signer, "-out", "ca.crl.pem");
  openssl.run("crl", "-in", "ca.crl.pem", "-outform", "DER", "-out", "ca.crl");
  const { machine } = lab.gateway("b");
  await machine.ip(["address add 192.0.2.90/24 dev u0"]);
  const list = JSON.stringify(openssl.path("ca.crl"));
  const serve = `require("http").createServer((_, answer) => answer.end(require("fs").readFileSync(${list})))`;
  const lists = machine.spawn("lists", [process.execPath, "-e", `${serve}.listen(8081, () => console.log("listens"))`]);
  const book = ["-index", openssl.path("index.txt"), "-CA", openssl.path("root.pem")];
  const key = ["-rsigner", openssl.path("root.pem"), "-rkey", openssl.path("root.key")];
  const responder = machine.spawn("responder", ["openssl", "ocsp", ...book, ...key, "-port", "8080", "-ndays", "1"]);
  await lists.until("the list", () => lists.log().includes("listens"));
  await responder.until("the responder", () => /waiting/i.test(responder.log()));
}

/** All certificates of all cells: `NAME.a` is ours, `NAME.b` the peer's. */
function issueAll(openssl: Openssl, of: readonly Cell[]): void {
  const issuer = new Issuer();
  const write = (name: string, file = name): void => issuer.write(name, openssl.folder, file);
  for (const name of ["root", "stranger"]) issuer.issue({ name });
  for (const name of ["sub-a", "sub-b"]) issuer.issue({ name, issuer: "root" });
  for (const name of ["root", "stranger", "sub-a", "sub-b"]) write(name);
  for (const { name, key: kind, issuer: by, publishes, theirs } of of) {
    for (const end of ["a", "b"] as const) {
      const host = `${name}.${end}.example`;
      const above = (end === "a" ? by?.ours : by?.theirs) ?? "root";
      issuer.issue({ name: host, kind, issuer: above, host, ...publishes, ...(end === "b" ? theirs : {}) });
      write(host, `${name}.${end}`);
    }
  }
}

function addressOf(cell: Cell): string {
  return `192.0.2.${100 + [...cells, ...revocable].indexOf(cell)}`;
}

function ourEnd(lab: Lab, openssl: Openssl, of: readonly Cell[] = cells): Underlock {
  const pem = (name: string) => openssl.read(name).toString();
  const files = of.flatMap(({ name, issuer }) => [
    [`${name}.pem`, pem(`${name}.a.pem`) + (issuer?.ours === "sub-a" ? pem("sub-a.pem") : "")],
    [`${name}.key`, pem(`${name}.a.key`)],
  ]);
  return lab.underlock("a", {
    config: {
      local: { address: lab.gateway("a").address.v4 },
      peers: Object.fromEntries(of.map((cell) => [cell.name, section(cell)])),
    },
    files: { "peer.psk": `${secret}\n`, "root.pem": pem("root.pem"), ...Object.fromEntries(files) },
  });
}

function section(cell: Cell) {
  const { name, auth, revocation } = cell;
  const own =
    cell.secret === "ours" ? { psk: "file:peer.psk" } : { certificate: `${name}.pem`, key: `${name}.key`, ...auth };
  const trust = { trust: "root.pem", ...(revocation === undefined ? {} : { revocation }) };
  const theirs = cell.secret === "theirs" ? { psk: "file:peer.psk" } : trust;
  return {
    remote: addressOf(cell),
    id: `${name}.b.example`,
    "local-id": `${name}.a.example`,
    auth: { local: own, remote: theirs },
    protect: ["gre"],
    initiate: false,
    retry: { first: "60s" },
  };
}

function strongswanConnection(lab: Lab, openssl: Openssl, cell: Cell): Connection {
  const { name } = cell;
  const pem = (of: string) => openssl.read(of).toString();
  const [localId, remoteId] = [`${name}.b.example`, `${name}.a.example`];
  const local: ViciMessage =
    cell.secret === "theirs"
      ? { auth: "psk", id: localId }
      : { auth: "pubkey", id: localId, certs: [pem(`${name}.b.pem`)] };
  const remote: ViciMessage = { auth: cell.secret === "ours" ? "psk" : "pubkey", id: remoteId };
  return {
    name,
    localAddress: addressOf(cell),
    remoteAddress: lab.gateway("a").address.v4,
    localId,
    remoteId,
    secret,
    more: { local, remote },
    children: strongswanChildren.gre().map((child) => ({ ...child, name })),
  };
}

async function startStrongswan(
  lab: Lab,
  openssl: Openssl,
  version: Strongswan["version"],
  of: readonly Cell[],
  options: Readonly<Record<string, string>> = {},
): Promise<Strongswan> {
  const charon = await lab.strongswan("b", version, [], options);
  const pem = (name: string) => openssl.read(name).toString();
  for (const name of ["root", "stranger"]) await charon.loadCertificate(pem(`${name}.pem`), "CA");
  await charon.loadCertificate(pem("sub-b.pem"), "CA");
  for (const { name } of of) await charon.loadKey(pem(`${name}.b.key`));
  for (const cell of of) await charon.load(strongswanConnection(lab, openssl, cell));
  return charon;
}

/** What the other end can be asked for. */
interface Other {
  /** Asks for a cell; what it said where that does not come up. */
  refusal(cell: string): Promise<string | undefined>;
  /** Ends what a cell has. */
  end(cell: string): Promise<void>;
}

/** Without the time that a process of ours takes to start. */
async function report(ours: Underlock): Promise<StatusReport> {
  return (await ours.ask("status")) as StatusReport;
}

/** It calls, then we do: every cell comes up with both, or our end says why not. */
async function bothRoles(ours: Underlock, other: Other, of: readonly Cell[]): Promise<void> {
  for (const { name, refused } of of) {
    const refusal = await other.refusal(name);
    const { state, reason } = peerOf(await report(ours), name);
    const seen = { name, refusal, state, reason };
    if (refused !== undefined) expect(seen).toMatchObject({ name, state: "waiting", reason: refused });
    else expect(seen).toMatchObject({ name, refusal: undefined, state: "up" });
    if (refused === undefined) await other.end(name);
  }
  const called = async ({ name }: Cell) => {
    try {
      await ours.ask("up", { peer: name });
      return undefined;
    } catch (error) {
      return error instanceof ControlError ? error.data : error;
    }
  };
  const answers = await Promise.all(of.map(called));
  for (const [index, { name, refused }] of of.entries()) {
    const { state } = peerOf(await report(ours), name);
    const seen = { name, state, answer: answers[index] };
    if (refused === undefined) expect(seen).toMatchObject({ state: "up", answer: undefined });
    else expect(seen).toMatchObject({ name, answer: refused });
  }
  for (const { name, refused } of of) if (refused === undefined) await other.end(name);
}

function strongswanOther(charon: Strongswan): Other {
  return { refusal: (cell) => charon.refusal(cell, 10), end: (cell) => charon.terminate(cell) };
}

/** Of what Libreswan 5.2 signs with: RSA-PSS and ECDSA. */
const libreswanCells = cells.filter(({ name }) => ["rsa", "p256", "p384"].includes(name));

async function startLibreswan(lab: Lab, openssl: Openssl): Promise<Other> {
  const connections = libreswanCells.map((cell): LibreswanConnection => {
    const { name, key } = cell;
    const method = key === "rsa-2048" ? "rsasig" : "ecdsa";
    return {
      name,
      localAddress: addressOf(cell),
      remoteAddress: lab.gateway("a").address.v4,
      localId: `${name}.b.example`,
      remoteId: `${name}.a.example`,
      secret,
      mode: "transport",
      selectors: { leftprotoport: "gre", rightprotoport: "gre" },
      more: {
        authby: method === "ecdsa" ? "ecdsa" : "rsa-sha2",
        leftcert: `${name}.b`,
        leftsendcert: "always",
        rightca: "%any",
        pfs: "no",
      },
    };
  });
  const store = libreswanCells.map(({ name, issuer }) => {
    const more = issuer?.theirs === "sub-b" ? ["-certfile", "sub-b.pem"] : [];
    const key = ["-inkey", `${name}.b.key`, "-in", `${name}.b.pem`, ...more];
    openssl.run("pkcs12", "-export", ...key, "-name", `${name}.b`, "-passout", "pass:", "-out", `${name}.p12`);
    return { name: `${name}.p12`, octets: openssl.read(`${name}.p12`) };
  });
  const trusted = [{ name: "root", pem: openssl.read("root.pem").toString() }];
  const pluto = await lab.libreswan("b", connections, { store, trusted });
  return { refusal: (cell) => pluto.refusal(cell), end: (cell) => pluto.down(cell) };
}

for (const version of strongswanVersions) {
  describe(`with strongSwan ${version}`, () => {
    scenario(
      "every kind of signature, and every way not to hold",
      { gateways: ["a", "b"], seconds: 180 },
      async (lab) => {
        const openssl = new Openssl();
        try {
          issueAll(openssl, cells);
          await lab.gateway("b").machine.ip(cells.map((cell) => `address add ${addressOf(cell)}/24 dev u0`));
          const ours = ourEnd(lab, openssl);
          await ours.start();
          const charon = await startStrongswan(lab, openssl, version, cells);
          await bothRoles(ours, strongswanOther(charon), cells);
          await charon.stop();
          // RFC 7427 turned off: the methods of RFC 4754.
          const old = cells.filter(({ name }) => ["p256", "p384", "p521"].includes(name));
          const silent = await startStrongswan(lab, openssl, version, old, { signature_authentication: "no" });
          await bothRoles(ours, strongswanOther(silent), old);
          expect(await ours.stop()).toBe(0);
        } finally {
          openssl.remove();
        }
      },
    );
  });
}

describe("with Libreswan 5.2", () => {
  scenario(
    "the signatures that it has, and every way not to hold",
    { gateways: ["a", "b"], seconds: 180 },
    async (lab) => {
      const openssl = new Openssl();
      try {
        issueAll(openssl, cells);
        await lab.gateway("b").machine.ip(cells.map((cell) => `address add ${addressOf(cell)}/24 dev u0`));
        const ours = ourEnd(lab, openssl);
        await ours.start();
        await bothRoles(ours, await startLibreswan(lab, openssl), libreswanCells);
        expect(await ours.stop()).toBe(0);
      } finally {
        openssl.remove();
      }
    },
  );
});

describe("revocation", () => {
  scenario("by list and by OCSP, with strongSwan 6.0.1", { gateways: ["a", "b"], seconds: 180 }, async (lab) => {
    const openssl = new Openssl();
    try {
      issueAll(openssl, revocable);
      await publish(lab, openssl);
      await lab.gateway("b").machine.ip(revocable.map((cell) => `address add ${addressOf(cell)}/24 dev u0`));
      const ours = ourEnd(lab, openssl, revocable);
      await ours.start();
      await bothRoles(ours, strongswanOther(await startStrongswan(lab, openssl, "6.0.1", revocable)), revocable);
      expect(await ours.stop()).toBe(0);
    } finally {
      openssl.remove();
    }
  });
});
