/** The files of `underlock pki`: NAME.key, NAME.pem, NAME.csr, NAME.p12 in one folder. */
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { CredentialFiles } from "../../config/credential-files.ts";
import type { Certificate } from "../../credentials/certificate.ts";
import { writePem } from "../../credentials/files/pem.ts";
import { wipe } from "../../crypto/secret.ts";
import type { PrivateKey } from "../../crypto/signature/private-key.ts";
import { Failure } from "../../daemon/failure.ts";

/** One file to be written. */
export interface NewFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Its owner alone may read it. */
  readonly secret: boolean;
}

/** An authority: its certificate, and what it signs with. */
export interface Authority {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
  /** Certificates between it and the one that signed itself, as its file holds them. */
  readonly above: readonly Certificate[];
}

/** Writes all or none, and nothing over a file that stands. Throws Failure. */
export async function writeNew(folder: string, files: readonly NewFile[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const written: string[] = [];
  for (const { name, content, secret } of files) {
    const path = join(folder, name);
    try {
      const file = await open(path, "wx", secret ? 0o600 : 0o644);
      written.push(path);
      try {
        await file.writeFile(content);
      } finally {
        await file.close();
      }
    } catch (error) {
      for (const each of written) await rm(each, { force: true });
      const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
      if (!exists) throw new Failure(1, `${path} cannot be written: ${error instanceof Error ? error.message : error}`);
      throw new Failure(2, `${path} is there already, and nothing is written over it: take it away, or give --dir`);
    }
  }
}

/** A private key as a file. */
export function keyFile(name: string, key: PrivateKey): NewFile {
  const pkcs8 = key.exportPkcs8();
  const content = writePem("PRIVATE KEY", pkcs8);
  wipe(pkcs8);
  return { name: `${name}.key`, content, secret: true };
}

/** Certificates as a file, one after the other. */
export function certificateFile(name: string, certificates: readonly Uint8Array[]): NewFile {
  const content = certificates.map((der) => writePem("CERTIFICATE", der)).join("");
  return { name: `${name}.pem`, content, secret: false };
}

/** The authority NAME of a folder. Throws Failure. */
export async function readAuthority(folder: string, name: string): Promise<Authority> {
  const files = new CredentialFiles(folder);
  const [key, certificates] = await Promise.all([files.privateKey(`${name}.key`), files.certificates(`${name}.pem`)]);
  if ("wrong" in certificates)
    throw new Failure(2, `${certificates.wrong}. ${"`underlock pki authority`"} makes an authority`);
  if ("wrong" in key) throw new Failure(2, key.wrong);
  const [certificate, ...above] = certificates.value;
  if (!samePublicKey(certificate, key.value.key))
    throw new Failure(2, `${join(folder, name)}.key is not the key of ${certificate.label} in ${name}.pem`);
  if (certificate.extensions.basicConstraints?.ca !== true)
    throw new Failure(2, `${certificate.label} in ${join(folder, name)}.pem is no authority: it signs for nobody`);
  return { certificate, key: key.value.key, above };
}

/** Whether the certificate is for the key. */
export function samePublicKey({ publicKey }: Certificate, key: PrivateKey): boolean {
  return "fingerprint" in publicKey && publicKey.fingerprint === key.publicKey.fingerprint;
}
