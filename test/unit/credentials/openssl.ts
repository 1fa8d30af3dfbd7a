/** Certificates made by openssl's command line, in a folder that is gone with the test. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import { readCertificate } from "../../../src/credentials/certificate.ts";
import { isCertificate } from "../../../src/credentials/trust-store.ts";

export interface OpensslRequest {
  readonly name: string;
  readonly subject: string;
  /** Another one's name; its own where it is missing. */
  readonly issuer?: string;
  /** `openssl genpkey` options. */
  readonly key?: readonly string[];
  /** Lines of an extension section. */
  readonly extensions?: readonly string[];
  readonly days?: number;
  /** `openssl x509` options for the signature: `-sha1`, `-sigopt`. */
  readonly signing?: readonly string[];
}

export const p256: readonly string[] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
export const rsa2048: readonly string[] = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];

export const authority: readonly string[] = [
  "basicConstraints=critical,CA:TRUE",
  "keyUsage=critical,keyCertSign,cRLSign",
];

/** A folder in which openssl works. */
export class Openssl {
  readonly folder = mkdtempSync(join(tmpdir(), "underlock-openssl-"));

  run(...words: readonly string[]): string {
    return execFileSync("openssl", [...words], { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] }).toString();
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return name;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  /** NAME.key, NAME.pem and NAME.der. */
  issue({ name, subject, issuer, key = p256, extensions = [], days = 30, signing = [] }: OpensslRequest): Certificate {
    this.run("genpkey", ...key, "-out", `${name}.key`);
    this.run("req", "-new", "-key", `${name}.key`, "-subj", subject, "-out", `${name}.csr`);
    this.write(`${name}.ext`, ["[e]", "subjectKeyIdentifier=hash", ...extensions].join("\n"));
    const signer =
      issuer === undefined
        ? ["-signkey", `${name}.key`]
        : ["-CA", `${issuer}.pem`, "-CAkey", `${issuer}.key`, "-CAcreateserial"];
    const request = ["x509", "-req", "-in", `${name}.csr`, "-days", `${days}`, "-extfile", `${name}.ext`];
    this.run(...request, "-extensions", "e", ...signer, ...signing, "-out", `${name}.pem`);
    this.run("x509", "-in", `${name}.pem`, "-outform", "DER", "-out", `${name}.der`);
    return this.certificate(`${name}.der`);
  }

  certificate(name: string): Certificate {
    const read = readCertificate(this.read(name));
    if (!isCertificate(read)) throw new Error(`${name}: ${read.sentence}`);
    return read;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
