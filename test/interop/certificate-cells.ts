// What a peer and we prove ourselves with, and how that ends: the data of the scenarios with certificates.
import { X509Certificate } from "node:crypto";
import { hash } from "../../src/crypto/hash.ts";
import type { KeyKind } from "../../src/crypto/signature/generate.ts";
import { Openssl } from "../unit/credentials/openssl.ts";
import { secret } from "./ends.ts";
import { Issuer, type LabCertificate } from "./lab/issuer.ts";
import { publicPem, sshLine, sshPrivateKey } from "./lab/raw-keys.ts";
import type { Lab } from "./lab/scenario.ts";
import type { Underlock } from "./lab/underlock.ts";

/** One peer at an address of its own: what each end has, and how it ends. */
export interface Cell {
  readonly name: string;
  readonly key: KeyKind;
  /** What signs both ends' certificates; the roots are trusted. */
  readonly issuer?: { readonly ours: string; readonly theirs: string };
  /** Further keys of `auth` at our end. */
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly allow?: "sha1";
  /** RFC 7427 is not used: Auth Methods 1 and 9 to 11. */
  readonly classic?: true;
  /** Neither end has a certificate: each has the other's key. */
  readonly raw?: "pem" | "ssh";
  /** One end has a secret, and nothing else. */
  readonly secret?: "ours" | "theirs";
  /** How the authority says which certificates are revoked, and what is made of that. */
  readonly publishes?: Pick<LabCertificate, "crl" | "ocsp">;
  readonly revocation?: "strict";
  /** The peer names its certificate by hash and URL (RFC 7296 3.6). */
  readonly byUrl?: true;
  /** Each end sends the responder's answer about its own certificate along (RFC 4806); both insist on one. */
  readonly inBand?: true;
  /** What is wrong with the peer's certificate. */
  readonly theirs?: Partial<LabCertificate>;
  /** The reason at our end, where it must not come up. */
  readonly refused?: object;
}

const chain = { ours: "sub-a", theirs: "sub-b" };

/** What both ends of every peer can do, and every way not to hold. */
export const cells: readonly Cell[] = [
  { name: "rsa", key: "rsa-2048" },
  { name: "rsa-pkcs1", key: "rsa-2048", auth: { signature: "rsa-sha512" } },
  { name: "rsa-sha1", key: "rsa-2048", allow: "sha1", classic: true },
  { name: "p256", key: "ecdsa-p256" },
  { name: "p384", key: "ecdsa-p384" },
  { name: "p521", key: "ecdsa-p521" },
  { name: "p256-old", key: "ecdsa-p256", classic: true },
  { name: "p384-old", key: "ecdsa-p384", classic: true },
  { name: "p521-old", key: "ecdsa-p521", classic: true },
  { name: "ed25519", key: "ed25519" },
  { name: "ed448", key: "ed448" },
  { name: "raw-rsa", key: "rsa-2048", raw: "pem" },
  { name: "raw-p256", key: "ecdsa-p256", raw: "pem" },
  { name: "raw-ssh", key: "ed25519", raw: "ssh" },
  { name: "chain", key: "rsa-2048", issuer: chain },
  // Libreswan, where it calls and we have a secret, signs with RSA and SHA-1 whatever its section says.
  { name: "our-secret", key: "rsa-2048", secret: "ours", allow: "sha1" },
  { name: "their-secret", key: "rsa-2048", secret: "theirs" },
  {
    name: "expired",
    key: "ecdsa-p256",
    theirs: { days: -1 },
    refused: { code: "certificate-refused", finding: { check: "expired", depth: 0 } },
  },
  {
    name: "expired-above",
    key: "ecdsa-p256",
    issuer: { ours: "root", theirs: "sub-old" },
    refused: { code: "certificate-refused", finding: { check: "expired", depth: 1, certificate: "CN=sub-old" } },
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
export const revocable: readonly Cell[] = [
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

/** charon alone names certificates by URL. */
export const byUrl: readonly Cell[] = [{ name: "by-url", key: "ecdsa-p256", byUrl: true }];

/** charon 6 alone sends answers along. Nobody but the peer reaches the responder for the peer's certificate. */
export const inBand: readonly Cell[] = [
  {
    name: "in-band",
    key: "ecdsa-p256",
    publishes: { ocsp: "http://192.0.2.90:8080" },
    theirs: { ocsp: "http://127.0.0.1:8080" },
    revocation: "strict",
    inBand: true,
  },
];

/** Where the list is, and certificates under their hashes. */
export const pages = "http://192.0.2.90:8081/";

/** The authority's book, its list, certificates by their hashes and the responder, on gateway b; which pages were asked for. */
export async function publish(lab: Lab, openssl: Openssl, of: readonly Cell[]): Promise<() => string> {
  const certificate = (host: string) => new X509Certificate(openssl.read(`${host}.pem`));
  const book = of.flatMap(({ name, publishes, refused }) => {
    if (publishes === undefined) return [];
    const line = (host: string, state: "V" | "R") => {
      const since = state === "V" ? "" : "260101000000Z";
      const { serialNumber } = certificate(host);
      return [state, "491231235959Z", since, serialNumber, "unknown", `/CN=${host}.example`].join("\t");
    };
    return [line(`${name}.a`, "V"), line(`${name}.b`, refused === undefined ? "V" : "R")];
  });
  for (const { name } of of.filter((cell) => cell.byUrl)) {
    const { raw } = certificate(`${name}.b`);
    openssl.write(hash("sha1", raw).toString("hex"), raw);
  }
  openssl.write("index.txt", `${book.join("\n")}\n`);
  openssl.write("crlnumber", "01\n");
  const settings = ["database=index.txt", "crlnumber=crlnumber", "default_md=sha256", "default_crl_days=7"];
  openssl.write("ca.cnf", ["[ca]", "default_ca=d", "[d]", ...settings, ""].join("\n"));
  const signer = ["-keyfile", "root.key", "-cert", "root.pem"];
  openssl.run("ca", "-gencrl", "-config", "ca.cnf", ...signer, "-out", "ca.crl.pem");
  openssl.run("crl", "-in", "ca.crl.pem", "-outform", "DER", "-out", "ca.crl");
  const { machine } = lab.gateway("b");
  await machine.ip(["address add 192.0.2.90/24 dev u0"]);
  const file = `${JSON.stringify(openssl.folder)} + url`;
  const answer = `({ url }, answer) => { console.log(url); answer.end(require("fs").readFileSync(${file})); }`;
  const serve = `require("http").createServer(${answer}).listen(8081, () => console.log("listens"))`;
  const lists = machine.spawn("lists", [process.execPath, "-e", serve]);
  const index = ["-index", openssl.path("index.txt"), "-CA", openssl.path("root.pem")];
  const key = ["-rsigner", openssl.path("root.pem"), "-rkey", openssl.path("root.key")];
  const responder = machine.spawn("responder", ["openssl", "ocsp", ...index, ...key, "-port", "8080", "-ndays", "1"]);
  await lists.until("the list", () => lists.log().includes("listens"));
  await responder.until("the responder", () => /waiting/i.test(responder.log()));
  return () => lists.log();
}

/** All certificates and keys of the cells: `NAME.a` is ours, `NAME.b` the peer's. */
export function issueAll(of: readonly Cell[]): Openssl {
  const openssl = new Openssl();
  const issuer = new Issuer();
  const write = (name: string, file = name): void => issuer.write(name, openssl.folder, file);
  for (const name of ["root", "stranger"]) issuer.issue({ name });
  for (const name of ["sub-a", "sub-b"]) issuer.issue({ name, issuer: "root" });
  issuer.issue({ name: "sub-old", issuer: "root", days: -1 });
  for (const name of ["root", "stranger", "sub-a", "sub-b", "sub-old"]) write(name);
  const keys = new Map<string, string>();
  for (const { name, key: kind, issuer: by, publishes, theirs } of of) {
    for (const end of ["a", "b"] as const) {
      const host = `${name}.${end}.example`;
      const above = (end === "a" ? by?.ours : by?.theirs) ?? "root";
      // Keys cost more than certificates: each end has one of each kind.
      const keyOf = keys.get(`${kind} ${end}`);
      if (keyOf === undefined) keys.set(`${kind} ${end}`, host);
      issuer.issue({ name: host, kind, keyOf, issuer: above, host, ...publishes, ...(end === "b" ? theirs : {}) });
      write(host, `${name}.${end}`);
    }
  }
  return openssl;
}

/** Each cell is a peer at an address of its own. */
export function addressOf({ name }: Cell): string {
  return `192.0.2.${100 + [...cells, ...revocable, ...byUrl, ...inBand].findIndex((cell) => cell.name === name)}`;
}

/** Our daemon, with a section for each cell. */
export function ourEnd(lab: Lab, openssl: Openssl, of: readonly Cell[]): Underlock {
  const pem = (name: string) => openssl.read(name).toString();
  const files = of.flatMap(({ name, issuer, raw }) => [
    [`${name}.pem`, pem(`${name}.a.pem`) + (issuer?.ours === "sub-a" ? pem("sub-a.pem") : "")],
    [`${name}.key`, raw === "ssh" ? sshPrivateKey(pem(`${name}.a.key`)) : pem(`${name}.a.key`)],
    [`${name}.pub`, (raw === "ssh" ? sshLine : publicPem)(pem(`${name}.b.key`))],
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
  const { name, auth, allow, raw, revocation } = cell;
  const certificate = raw === undefined ? { certificate: `${name}.pem` } : {};
  const own = cell.secret === "ours" ? { psk: "file:peer.psk" } : { ...certificate, key: `${name}.key`, ...auth };
  const trust = {
    trust: raw === undefined ? "root.pem" : `${name}.pub`,
    ...(revocation === undefined ? {} : { revocation }),
    ...(cell.byUrl ? { "certificate-urls": pages } : {}),
  };
  const weak = allow === undefined ? {} : { allow };
  const theirs = cell.secret === "theirs" ? { psk: "file:peer.psk" } : trust;
  return {
    remote: addressOf(cell),
    id: `${name}.b.example`,
    "local-id": `${name}.a.example`,
    auth: { local: { ...own, ...weak }, remote: { ...theirs, ...weak } },
    protect: ["gre"],
    initiate: false,
    retry: { first: "60s" },
  };
}
