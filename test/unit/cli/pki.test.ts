import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readCertificates } from "../../../src/credentials/files/certificates.ts";
import { validatePath } from "../../../src/credentials/path/validate.ts";
import { TrustStore } from "../../../src/credentials/trust-store.ts";
import { keyKinds } from "../../../src/crypto/signature/generate.ts";
import { underlock } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "underlock-pki-"));
afterAll(() => rmSync(folder, { recursive: true }));

const pki = (...words: string[]) => underlock(["pki", ...words]);
const openssl = (...words: string[]): string =>
  execFileSync("openssl", words, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] }).toString();
const read = (name: string) => readCertificates(readFileSync(join(folder, name)));

describe("a newcomer has two gateways in three commands", () => {
  beforeAll(async () => {
    expect(await pki("authority", "-d", folder)).toMatchObject({ status: 0, stderr: "" });
    expect(
      (await pki("host", "gw-a.example", "192.0.2.1", "2001:db8::1", "ops@example.org", "-d", folder)).stdout,
    ).toBe(`${folder}/gw-a.example.key\n${folder}/gw-a.example.pem\n`);
    expect(await pki("host", "gw-b.example", "-d", folder)).toMatchObject({ status: 0 });
  });

  test("whose certificates openssl and we hold for good", () => {
    expect(openssl("verify", "-x509_strict", "-CAfile", "ca.pem", "gw-a.example.pem", "gw-b.example.pem")).toBe(
      "gw-a.example.pem: OK\ngw-b.example.pem: OK\n",
    );
    const trust = new TrustStore({ anchors: read("ca.pem") });
    for (const name of ["gw-a.example.pem", "gw-b.example.pem"]) {
      const [leaf, ...intermediates] = read(name);
      expect(validatePath({ leaf, intermediates, trust, at: Date.now() }).kind).toBe("valid");
    }
    const text = openssl("x509", "-in", "gw-a.example.pem", "-noout", "-text");
    expect(text).toContain(
      "DNS:gw-a.example, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, email:ops@example.org",
    );
    expect(text).toContain("Version: 3");
    expect(openssl("x509", "-in", "ca.pem", "-noout", "-text")).toMatch(/CA:TRUE[\s\S]*Certificate Sign, CRL Sign/);
  });

  test("whose keys their owner alone may read, and that are written once", async () => {
    expect(statSync(join(folder, "gw-a.example.key")).mode & 0o777).toBe(0o600);
    const before = readFileSync(join(folder, "gw-a.example.key"));
    const again = await pki("host", "gw-a.example", "-d", folder);
    expect(again.status).toBe(2);
    expect(again.stderr).toContain("gw-a.example.key is there already, and nothing is written over it");
    expect(readFileSync(join(folder, "gw-a.example.key"))).toEqual(before);
  });

  test("show says who a peer may claim to be", async () => {
    const { stdout } = await pki("show", join(folder, "gw-a.example.pem"));
    const claims = stdout
      .slice(stdout.indexOf("  may claim"))
      .split("\n")
      .map((line) => line.slice(15));
    expect(claims).toEqual(["gw-a.example", "192.0.2.1", "2001:db8::1", "ops@example.org", "CN=gw-a.example", ""]);
    expect((await pki("show", join(folder, "ca.pem"))).stdout).not.toContain("may claim");
    const fingerprint =
      openssl("x509", "-in", "gw-a.example.pem", "-outform", "DER", "-out", "a.der") ||
      openssl("dgst", "-sha256", "-r", "a.der");
    expect(stdout).toContain(`sha256:${fingerprint.slice(0, 64)}`);
  });
});

describe("authorities below authorities", () => {
  test("bring their certificates along, and outlive nobody", async () => {
    await pki("authority", "sub", "--by", "ca", "--path-length", "0", "--days", "9999", "-d", folder);
    await pki("host", "gw-c.example", "--ca", "sub", "-d", folder);
    expect(
      openssl("verify", "-x509_strict", "-CAfile", "ca.pem", "-untrusted", "gw-c.example.pem", "gw-c.example.pem"),
    ).toContain("OK");
    const [leaf, sub] = read("gw-c.example.pem");
    expect(sub?.label).toBe("CN=sub");
    expect(sub?.notAfter).toBe(read("ca.pem")[0].notAfter);
    expect(leaf.extensions.authorityKeyId).toEqual(sub?.extensions.subjectKeyId);
  });
});

describe("requests", () => {
  test("are made for other authorities, and signed for other makers", async () => {
    await pki("request", "gw-d.example", "192.0.2.4", "--subject", "C=CH, O=Example, CN=gw-d", "-d", folder);
    expect(openssl("req", "-in", "gw-d.example.csr", "-noout", "-text")).toMatch(
      /DNS:gw-d.example, IP Address:192.0.2.4/,
    );
    expect((await pki("show", join(folder, "gw-d.example.csr"))).stdout).toContain("asks for     gw-d.example");
    openssl(
      "req",
      "-new",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      "o.key",
      "-out",
      "other.csr",
      "-subj",
      "/CN=other",
      "-addext",
      "subjectAltName=DNS:other.example",
      "-addext",
      "basicConstraints=critical,CA:TRUE",
    );
    expect((await pki("sign", join(folder, "other.csr"), "-d", folder)).stdout).toBe(`${folder}/other.pem\n`);
    expect(openssl("verify", "-x509_strict", "-CAfile", "ca.pem", "other.pem")).toBe("other.pem: OK\n");
    // Names are granted, and nothing else of what was asked for.
    expect(openssl("x509", "-in", "other.pem", "-noout", "-text")).not.toContain("CA:TRUE");
    expect(read("other.pem")[0].extensions.subjectAltNames).toEqual([{ kind: "dns", text: "other.example" }]);
  });

  test("that somebody else's key did not sign are refused", async () => {
    const der = Buffer.from(
      readFileSync(join(folder, "gw-d.example.csr"), "latin1").split("\n").slice(1, -2).join(""),
      "base64",
    );
    der[der.length - 4] = (der.at(-4) ?? 0) ^ 1;
    writeFileSync(join(folder, "forged.csr"), der);
    const { status, stderr } = await pki("sign", join(folder, "forged.csr"), "-d", folder);
    expect({ status, stderr }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("not signed with its own key"),
    });
  });
});

describe("PKCS #12", () => {
  test("is read by openssl and by us, under its passphrase alone", async () => {
    writeFileSync(join(folder, "passphrase"), "löng pass\n");
    const made = await pki("pkcs12", "gw-c.example", "--passphrase-file", join(folder, "passphrase"), "-d", folder);
    expect(made).toMatchObject({ status: 0, stdout: `${folder}/gw-c.example.p12\n` });
    const pem = openssl("pkcs12", "-in", "gw-c.example.p12", "-passin", "pass:löng pass", "-nodes");
    expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(pem).toContain("BEGIN PRIVATE KEY");
    const shown = await pki("show", join(folder, "gw-c.example.p12"), "--passphrase-file", join(folder, "passphrase"));
    expect(shown.stdout).toMatch(/^private key\n[\s\S]*CN=gw-c.example[\s\S]*CN=sub/);
    const without = await pki("show", join(folder, "gw-c.example.p12"));
    expect(without).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("encrypted, and no passphrase is given"),
    });
  });
});

describe("keys of each kind", () => {
  test.each(keyKinds)("%s signs a certificate that openssl holds for good", async (kind) => {
    const dir = join(folder, kind);
    expect(await pki("authority", "-k", kind, "-d", dir)).toMatchObject({ status: 0, stderr: "" });
    expect(await pki("host", "gw.example", "-k", "ed25519", "-d", dir)).toMatchObject({ status: 0, stderr: "" });
    expect(openssl("verify", "-CAfile", `${kind}/ca.pem`, `${kind}/gw.example.pem`)).toContain("OK");
  });
});

describe("what cannot be done ends with 2 and a sentence", () => {
  test.each([
    [["host", "x", "-d", join(tmpdir(), "no-such-folder")], "`underlock pki authority` makes an authority"],
    [["host", "*.example", "-d", folder], "stands for many: a certificate names one host"],
    [["host", "CN=x", "-d", folder], "a distinguished name is --subject"],
    [["host", "../x", "-d", folder], "cannot name a file"],
    [["host", "x.example", "--subject", "nonsense", "-d", folder], "--subject nonsense"],
    [["host", "x.example", "--ca", "gw-a.example", "-d", folder], "is no authority: it signs for nobody"],
    [["host", "x.example", "-k", "rsa-512", "-d", folder], "Allowed choices are ecdsa-p256"],
    [["host", "x.example", "--days", "soon", "-d", folder], "a whole number of at most five digits"],
    [["show", "/dev/null"], "is not a regular file"],
    [["show", join(folder, "passphrase")], "holds nothing that can be shown"],
  ])("%j", async (words, sentence) => {
    const { status, stderr } = await pki(...words);
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(status).toBe(2);
  });
});
