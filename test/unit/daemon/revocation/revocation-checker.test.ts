/** Revocation over a real network: openssl's responder, and a server of lists. */
import { type ChildProcess, spawn } from "node:child_process";
import crypto from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Certificate } from "../../../../src/credentials/certificate.ts";
import type { RevocationPolicy } from "../../../../src/credentials/peer-trust.ts";
import { ocspRequest } from "../../../../src/credentials/revocation/ocsp.ts";
import { RevocationList } from "../../../../src/credentials/revocation/revocation-list.ts";
import { type Fetcher, fetchOverHttp } from "../../../../src/daemon/revocation/fetch.ts";
import { listFiles } from "../../../../src/daemon/revocation/list-files.ts";
import { RevocationChecker } from "../../../../src/daemon/revocation/revocation-checker.ts";
import { authority, Openssl } from "../../credentials/openssl.ts";

const openssl = new Openssl();
const folder = mkdtempSync(join(tmpdir(), "underlock-lists-"));
const day = 86_400_000;

let root: Certificate;
let server: Server;
let responder: ChildProcess | undefined;
let base = "";
let responderUrl = "";
let port = 0;
/** What the server of lists gives for a path, and how often it was asked. */
const pages = new Map<string, Buffer | number>();
const asked: string[] = [];
const failures: string[] = [];
let skew = 0;

const ca = `[ca]
default_ca=d
[d]
database=index.txt
crlnumber=crlnumber
certificate=root.pem
private_key=root.key
default_md=sha256
default_crl_days=2
[list]
authorityKeyIdentifier=keyid
`;

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const page = pages.get(request.url ?? "");
    if (page === undefined) return;
    response.statusCode = typeof page === "number" ? page : 200;
    if (page === 302) response.setHeader("location", `${base}/a.crl`);
    response.end(typeof page === "number" ? "" : page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  port = await freePort();
  responderUrl = `http://127.0.0.1:${port}/`;
  root = openssl.issue({ name: "root", subject: "/CN=Root", extensions: authority });
  openssl.write("index.txt", "");
  openssl.write("crlnumber", "1000\n");
  openssl.write("ca.cnf", ca);
});

afterAll(() => {
  responder?.kill();
  server.closeAllConnections();
  server.close();
  openssl.remove();
  rmSync(folder, { recursive: true });
});

beforeEach(() => {
  asked.length = 0;
  failures.length = 0;
  pages.clear();
  skew = 0;
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
});

function host(name: string, extensions: readonly string[]): Certificate {
  return openssl.issue({ name, issuer: "root", subject: `/CN=${name}`, extensions });
}

function publish(path: string): void {
  openssl.run("ca", "-config", "ca.cnf", "-gencrl", "-crlexts", "list", "-out", "list.pem");
  openssl.run("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der");
  pages.set(path, openssl.read("list.der"));
}

function checker(fetch: Fetcher = fetchOverHttp): RevocationChecker {
  return new RevocationChecker({
    fetch,
    files: listFiles(folder),
    now: () => Date.now() + skew,
    failed: (sentence) => failures.push(sentence),
  });
}

async function check(one: RevocationChecker, leaf: Certificate, policy: RevocationPolicy = "strict"): Promise<string> {
  const finding = await one.check([leaf, root], policy, []);
  return finding === undefined ? "holds" : `${finding.check}: ${finding.seen}`;
}

describe("a list", () => {
  test("is fetched once for all, kept on disk, and clears or revokes", async () => {
    const where = [`crlDistributionPoints=URI:${base}/a.crl`];
    const [good, bad] = [host("good", where), host("bad", where)];
    openssl.run("ca", "-config", "ca.cnf", "-revoke", "bad.pem", "-crl_reason", "superseded");
    publish("/a.crl");
    const one = checker();
    const verdicts = await Promise.all([check(one, good), check(one, good), check(one, bad)]);
    expect(verdicts.slice(0, 2)).toEqual(["holds", "holds"]);
    expect(verdicts[2]).toMatch(/^revoked: revoked at .*\(superseded\), says its authority's list$/);
    expect(asked).toEqual(["/a.crl"]);
    // After a restart without a network.
    pages.clear();
    expect(await check(checker(), bad)).toMatch(/^revoked/);
    expect(asked).toEqual(["/a.crl"]);
  });

  test("that was kept of another authority does not stand in the way of the one that is there now", async () => {
    openssl.issue({ name: "former", subject: "/CN=Former", extensions: authority });
    openssl.write("former.cnf", ca.replaceAll("root.", "former."));
    openssl.run("ca", "-config", "former.cnf", "-gencrl", "-crlexts", "list", "-out", "list.pem");
    openssl.run("crl", "-in", "list.pem", "-outform", "DER", "-out", "list.der");
    await listFiles(folder).write(`${base}/c.crl`, openssl.read("list.der"));
    const good = host("heir", [`crlDistributionPoints=URI:${base}/c.crl`]);
    publish("/c.crl");
    expect(await check(checker(), good)).toBe("holds");
    expect(asked).toEqual(["/c.crl"]);
  });

  test("is fetched anew when it is an hour old, and nobody waits for that", async () => {
    const good = host("aging", [`crlDistributionPoints=URI:${base}/b.crl`]);
    publish("/b.crl");
    const one = checker();
    expect(await check(one, good)).toBe("holds");
    openssl.run("ca", "-config", "ca.cnf", "-revoke", "aging.pem");
    publish("/b.crl");
    skew = 3_700_000;
    expect(await check(one, good)).toBe("holds");
    await until(async () => (await check(one, good)) !== "holds");
    expect(asked).toEqual(["/b.crl", "/b.crl"]);
  });

  test.each([
    ["is missing", 404, "answers 404"],
    ["is elsewhere", 302, "redirect"],
    ["is none", Buffer.from("<html>"), "is no list of revoked certificates"],
    ["has no end", Buffer.alloc(9 << 20), "sends more than 8388608 octets"],
  ] as const)("that %s helps nobody, and is not asked for again at once", async (_what, page, sentence) => {
    const leaf = host("lost", [`crlDistributionPoints=URI:${base}/lost.crl`]);
    pages.set("/lost.crl", typeof page === "number" ? page : Buffer.from(page));
    const one = checker();
    expect(await check(one, leaf)).toMatch(/^revocation-unknown: .*no list of its authority$/);
    expect(await check(one, leaf, "if-present")).toBe("holds");
    expect(await check(one, leaf, "off")).toBe("holds");
    expect(asked).toEqual(["/lost.crl"]);
    expect(failures).toEqual([expect.stringContaining(sentence)]);
    skew = 61_000;
    publish("/lost.crl");
    expect(await check(one, leaf)).toBe("holds");
  });

  test("is verified on another thread: a long one would hold everybody up for tens of milliseconds", async () => {
    const [good, forged] = ["calm", "uneasy"].map((name) =>
      host(name, [`crlDistributionPoints=URI:${base}/${name}.crl`]),
    );
    publish("/calm.crl");
    const octets = Buffer.from(pages.get("/calm.crl") as Buffer);
    octets[octets.length - 1] = (octets.at(-1) ?? 0) ^ 1;
    pages.set("/uneasy.crl", octets);
    const here = vi.spyOn(RevocationList.prototype, "isSignedBy");
    const elsewhere = vi.spyOn(crypto, "verify");
    syncBuiltinESMExports();
    try {
      if (good === undefined || forged === undefined) throw new Error("no certificates");
      expect(await check(checker(), good)).toBe("holds");
      expect(await check(checker(), forged)).toMatch(/^revocation-unknown/);
      expect(here).toHaveBeenCalled();
      // With a callback, which is what makes it another thread's.
      expect(elsewhere.mock.calls.map((words) => typeof words[4])).toEqual(["function", "function"]);
    } finally {
      here.mockRestore();
      elsewhere.mockRestore();
      syncBuiltinESMExports();
    }
  });

  test("past its time does not hold, on disk or off it", async () => {
    const leaf = host("old", [`crlDistributionPoints=URI:${base}/old.crl`]);
    publish("/old.crl");
    expect(await check(checker(), leaf)).toBe("holds");
    skew = 3 * day;
    const one = checker();
    expect(await check(one, leaf)).toMatch(/^revocation-unknown/);
    expect(failures).toEqual([expect.stringContaining("should have been replaced at")]);
  });
});

describe("openssl's responder", () => {
  let good: Certificate;
  let bad: Certificate;
  let stranger: Certificate;

  beforeAll(async () => {
    const where = [`authorityInfoAccess=OCSP;URI:${responderUrl}`];
    [good, bad, stranger] = [host("ogood", where), host("obad", where), host("ostranger", where)];
    openssl.run("ca", "-config", "ca.cnf", "-valid", "ogood.pem");
    openssl.run("ca", "-config", "ca.cnf", "-revoke", "obad.pem", "-crl_reason", "keyCompromise");
    // It reads its index once.
    const words = ["ocsp", "-index", "index.txt", "-CA", "root.pem", "-rsigner", "root.pem", "-rkey", "root.key"];
    responder = spawn("openssl", [...words, "-port", `${port}`], { cwd: openssl.folder, stdio: "ignore" });
    const body = ocspRequest(good, root, Buffer.alloc(16));
    await until(async () => "octets" in (await fetchOverHttp({ url: responderUrl, body, limit: 9999 })));
  });

  test("clears, revokes, and does not know", async () => {
    const one = checker();
    expect(await check(one, good)).toBe("holds");
    expect(await check(one, bad)).toMatch(/^revoked: .*\(keyCompromise\), says its authority's responder$/);
    expect(await check(one, stranger)).toContain("the responder does not know it");
    expect(failures).toEqual([]);
  });

  test("need not be asked where the peer sent its answer along (RFC 4806)", async () => {
    const body = ocspRequest(good, root, Buffer.alloc(16));
    const fetched = await fetchOverHttp({ url: responderUrl, body, limit: 9999 });
    if ("wrong" in fetched) throw new Error(fetched.wrong);
    const nobody: Fetcher = async ({ url }) => ({ wrong: `${url} was asked` });
    expect(await checker(nobody).check([good, root], "strict", [Buffer.of(1), fetched.octets])).toBeUndefined();
    expect(failures).toEqual([]);
    // An answer about somebody else helps nobody.
    expect(await checker(nobody).check([bad, root], "strict", [fetched.octets])).toMatchObject({
      check: "revocation-unknown",
    });
    expect(failures).toEqual([`${responderUrl} was asked`]);
  });

  test("is asked about our own certificate, and what it says is sent to peers that want it", async () => {
    const one = checker();
    const answer = await one.answerAbout(good, root);
    const nobody: Fetcher = async ({ url }) => ({ wrong: `${url} was asked` });
    expect(await checker(nobody).check([good, root], "strict", answer === undefined ? [] : [answer])).toBeUndefined();
    expect(await one.answerAbout(good, root)).toBe(answer);
    // What says nothing good is not sent.
    expect(await one.answerAbout(bad, root)).toBeUndefined();
    expect(await one.answerAbout(stranger, root)).toBeUndefined();
    expect(await checker(nobody).answerAbout(good, root)).toBeUndefined();
    // After its time another is asked for.
    skew = 10 * day;
    expect(await one.answerAbout(good, root)).toBeUndefined();
  });

  test("is believed on the nonce that it was asked with", async () => {
    let first: Awaited<ReturnType<Fetcher>> | undefined;
    const replaying: Fetcher = async (request) => {
      first ??= await fetchOverHttp(request);
      return first;
    };
    expect(await check(checker(replaying), good)).toBe("holds");
    expect(await check(checker(replaying), good)).toMatch(/^revocation-unknown/);
    expect(failures).toEqual([expect.stringContaining("another nonce")]);
  });
});

test("one source that answers nothing holds up nobody else, and its own peer for three seconds", async () => {
  const slow = host("slow", [`crlDistributionPoints=URI:${base}/never.crl`]);
  const quick = host("quick", [`crlDistributionPoints=URI:${base}/q.crl`]);
  publish("/q.crl");
  const one = checker();
  const begun = Date.now();
  const waiting = check(one, slow, "if-present");
  expect(await check(one, quick)).toBe("holds");
  expect(Date.now() - begun).toBeLessThan(2500);
  expect(await waiting).toBe("holds");
  expect(Date.now() - begun).toBeGreaterThan(2500);
});

test("what is written into the folder by somebody else changes nothing", async () => {
  const leaf = host("kept", [`crlDistributionPoints=URI:${base}/k.crl`]);
  publish("/k.crl");
  expect(await check(checker(), leaf)).toBe("holds");
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), "nonsense");
  expect(await check(checker(), leaf)).toBe("holds");
  expect(asked).toEqual(["/k.crl", "/k.crl"]);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("it never came to that");
}

async function freePort(): Promise<number> {
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
