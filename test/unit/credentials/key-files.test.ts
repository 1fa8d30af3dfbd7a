import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { CredentialFiles } from "../../../src/config/credential-files.ts";
import type { PrivateKey } from "../../../src/crypto/signature/private-key.ts";
import { Openssl, p256, rsa2048 } from "./openssl.ts";

const openssl = new Openssl();
afterAll(() => openssl.remove());

const ec = (curve: string): readonly string[] => ["-algorithm", "EC", "-pkeyopt", `ec_paramgen_curve:${curve}`];
const kinds: Readonly<Record<string, readonly string[]>> = {
  "RSA of 2048 bits": rsa2048,
  "RSA-PSS of 2048 bits": ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
  "ECDSA on P-256": p256,
  "ECDSA on P-384": ec("P-384"),
  "ECDSA on P-521": ec("P-521"),
  "ECDSA on brainpoolP256r1": ec("brainpoolP256r1"),
  "ECDSA on brainpoolP384r1": ec("brainpoolP384r1"),
  "ECDSA on brainpoolP512r1": ec("brainpoolP512r1"),
  Ed25519: ["-algorithm", "ED25519"],
  Ed448: ["-algorithm", "ED448"],
};

/** Reads with a fresh reader, so that nothing is remembered. */
async function key(name: string, passphrase?: string): Promise<PrivateKey> {
  chmodSync(openssl.path(name), 0o600);
  const read = await new CredentialFiles(openssl.folder).privateKey(name, passphrase);
  if ("wrong" in read) throw new Error(read.wrong);
  return read.value.key;
}

async function refusal(name: string, passphrase?: string): Promise<string> {
  const read = await new CredentialFiles(openssl.folder).privateKey(name, passphrase);
  return "wrong" in read ? read.wrong.replaceAll(openssl.folder, "") : "read";
}

/** What openssl says that the public key is. */
function fingerprint(name: string): string {
  openssl.run("pkey", "-in", name, "-pubout", "-outform", "DER", "-out", "public.der");
  return openssl.run("dgst", "-sha256", "-r", "public.der").slice(0, 64);
}

describe.each(Object.entries(kinds))("a key for %s", (kind, options) => {
  const name = `${kind.replaceAll(" ", "-")}.pem`;

  test("is read from PKCS #8, traditional and encrypted files, PEM and DER", async () => {
    openssl.run("genpkey", ...options, "-out", name);
    const wanted = fingerprint(name);
    const traditional = kind.startsWith("RSA of") || kind.startsWith("ECDSA") ? [["-traditional"]] : [];
    for (const form of [
      [],
      ["-outform", "DER"],
      ...traditional,
      ...traditional.map((each) => [...each, "-outform", "DER"]),
    ]) {
      openssl.run("pkey", "-in", name, ...form, "-out", "form");
      expect((await key("form")).publicKey.fingerprint).toBe(wanted);
    }
    for (const form of ["PEM", "DER"]) {
      const encrypt = ["-topk8", "-in", name, "-outform", form, "-passout", "pass:öpen sesame", "-out", "form"];
      openssl.run("pkcs8", ...encrypt);
      expect((await key("form", "öpen sesame")).publicKey.fingerprint).toBe(wanted);
      expect(await refusal("form", "wrong")).toContain("the passphrase does not open it");
      expect(await refusal("form")).toContain("it is encrypted, and no passphrase is given");
    }
    expect(`${(await key(name)).publicKey}`).toContain(kind);
  });

  test("is read from PKCS #12, with its certificates", async () => {
    const host = openssl.issue({ name: "p12", subject: "/CN=host", key: options });
    for (const extra of [[], ["-legacy"]]) {
      openssl.run(
        "pkcs12",
        "-export",
        "-in",
        "p12.pem",
        "-inkey",
        "p12.key",
        "-passout",
        "pass:sécret",
        ...extra,
        "-out",
        "p12.p12",
      );
      chmodSync(openssl.path("p12.p12"), 0o600);
      const read = await new CredentialFiles(openssl.folder).privateKey("p12.p12", "sécret");
      if ("wrong" in read) throw new Error(read.wrong);
      expect(read.value.key.publicKey.fingerprint).toBe(fingerprint("p12.key"));
      expect(read.value.certificates.map((each) => each.fingerprint)).toEqual([host.fingerprint]);
    }
    expect(await refusal("p12.p12", "wrong")).toContain("the passphrase does not open it");
    expect(await refusal("p12.p12")).toContain("no passphrase is given");
  });
});

describe("a key's file is refused", () => {
  test("with rights that are too wide, and says which are right", async () => {
    openssl.run("genpkey", ...p256, "-out", "wide.pem");
    for (const rights of [0o644, 0o640, 0o604, 0o660]) {
      chmodSync(openssl.path("wide.pem"), rights);
      expect(await refusal("wide.pem")).toBe(
        `/wide.pem holds a private key, so it must be readable by its owner alone (0600 or 0400, not 0${rights.toString(8)}): chmod 600 /wide.pem`,
      );
    }
    chmodSync(openssl.path("wide.pem"), 0o400);
    expect(await refusal("wide.pem")).toBe("read");
  });

  test("for what is no key, each with its own sentence", async () => {
    const host = openssl.issue({ name: "only", subject: "/CN=only" });
    writeFileSync(openssl.path("noise"), Buffer.alloc(500, 0xa5), { mode: 0o600 });
    writeFileSync(openssl.path("empty"), "", { mode: 0o600 });
    writeFileSync(openssl.path("cut"), openssl.read("only.key").subarray(0, 100), { mode: 0o600 });
    writeFileSync(openssl.path("two"), Buffer.concat([openssl.read("only.key"), openssl.read("wide.pem")]), {
      mode: 0o600,
    });
    openssl.run("genrsa", "-traditional", "-aes128", "-passout", "pass:old1", "-out", "old");
    openssl.run("genrsa", "-out", "short", "1024");
    openssl.run("genpkey", "-algorithm", "X25519", "-out", "x25519");
    for (const name of ["only.pem", "old", "short", "x25519"]) chmodSync(openssl.path(name), 0o600);
    expect(host.label).toBe("CN=only");
    expect(await refusal("only.pem")).toContain("it holds no private key, but CERTIFICATE");
    expect(await refusal("noise")).toContain("it is neither PEM, nor PKCS #8, #1 or #12");
    expect(await refusal("empty")).toContain("it is neither PEM");
    expect(await refusal("cut")).toContain("the line -----END PRIVATE KEY----- is missing");
    expect(await refusal("two")).toContain("it holds 2 private keys");
    expect(await refusal("old", "old1")).toContain("from before PKCS #8");
    expect(await refusal("short")).toContain("an RSA key of 1024 bits; between 2048 and 8192 are used");
    expect(await refusal("x25519")).toContain("signs nothing here");
    expect(await refusal("gone")).toBe("/gone does not exist");
  });
});

describe("OpenSSH's files", () => {
  const sshKeygen = (type: string, ...more: string[]): string => {
    const name = `ssh-${type}${more.join("")}`;
    execFileSync("ssh-keygen", ["-q", "-t", type, ...more, "-N", "", "-C", "ops @ here", "-f", openssl.path(name)]);
    return name;
  };
  const available = ((): boolean => {
    try {
      execFileSync("ssh-keygen", ["-?"], { stdio: "ignore" });
      return true;
    } catch (error) {
      return !(error instanceof Error && "code" in error && error.code === "ENOENT");
    }
  })();

  test.skipIf(!available).each([
    ["ed25519", []],
    ["rsa", ["-b", "2048"]],
    ["ecdsa", ["-b", "256"]],
    ["ecdsa", ["-b", "384"]],
    ["ecdsa", ["-b", "521"]],
  ] as const)("%s %j: the private key and the line of authorized_keys are one key", async (type, more) => {
    const name = sshKeygen(type, ...more);
    const own = await key(name);
    const line = openssl.read(`${name}.pub`).toString();
    writeFileSync(openssl.path("authorized_keys"), `# ours\ncommand="echo \\"ssh-rsa x\\"",no-pty ${line}\n${line}`, {
      mode: 0o644,
    });
    const read = await new CredentialFiles(openssl.folder).publicKeys("authorized_keys");
    if ("wrong" in read) throw new Error(read.wrong);
    expect(read.value.map(({ fingerprint: each }) => each)).toEqual([
      own.publicKey.fingerprint,
      own.publicKey.fingerprint,
    ]);
  });
});

describe("public keys and certificates", () => {
  test("come from SubjectPublicKeyInfo, PKCS #1 and certificates; bundles and PKCS #7 give all", async () => {
    const files = new CredentialFiles(openssl.folder);
    const root = openssl.issue({ name: "rsa", subject: "/CN=rsa", key: rsa2048 });
    const other = openssl.issue({ name: "other", subject: "/CN=other" });
    openssl.run("rsa", "-in", "rsa.key", "-RSAPublicKey_out", "-out", "pkcs1.pub");
    openssl.run("pkey", "-in", "rsa.key", "-pubout", "-out", "spki.pub");
    openssl.run("pkey", "-in", "rsa.key", "-pubout", "-outform", "DER", "-out", "spki.der");
    const wanted = fingerprint("rsa.key");
    for (const name of ["pkcs1.pub", "spki.pub", "spki.der", "rsa.pem", "rsa.der"]) {
      const read = await files.publicKeys(name);
      expect("value" in read && read.value.map((each) => each.fingerprint), name).toEqual([wanted]);
    }
    openssl.run(
      "crl2pkcs7",
      "-nocrl",
      "-certfile",
      "rsa.pem",
      "-certfile",
      "other.pem",
      "-outform",
      "DER",
      "-out",
      "bundle.p7b",
    );
    openssl.write(
      "bundle.pem",
      Buffer.concat([openssl.read("rsa.pem"), Buffer.from("text\n"), openssl.read("other.pem")]),
    );
    for (const name of ["bundle.pem", "bundle.p7b"]) {
      const read = await files.certificates(name);
      const found = "value" in read ? read.value.map((each) => each.fingerprint) : [read.wrong];
      expect(found.sort(), name).toEqual([root.fingerprint, other.fingerprint].sort());
    }
  });

  test("are refused where somebody else may write them", async () => {
    chmodSync(openssl.path("bundle.pem"), 0o664);
    const read = await new CredentialFiles(openssl.folder).certificates("bundle.pem");
    expect("wrong" in read && read.wrong).toContain("writable by its owner alone (0644, not 0664): chmod go-w");
  });
});
