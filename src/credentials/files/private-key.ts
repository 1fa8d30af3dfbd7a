/** Private keys in a file: PKCS #8, PKCS #1 and SEC 1, as PEM or DER; encrypted PKCS #8; PKCS #12; OpenSSH's own. */
import { wipe } from "../../crypto/secret.ts";
import { KeyError } from "../../crypto/signature/key-error.ts";
import { importPrivateKey, type PrivateKey } from "../../crypto/signature/private-key.ts";
import type { Certificate } from "../certificate.ts";
import { readCertificates } from "./certificates.ts";
import { CredentialFileError } from "./file-error.ts";
import { decryptPkcs8, isEncryptedPkcs8, readPkcs12 } from "./forge.ts";
import { isPem, type PemBlock, readPem } from "./pem.ts";
import { readSshPrivateKey } from "./ssh.ts";

/** A key, and the certificates that stood beside it. */
export interface KeyFile {
  readonly key: PrivateKey;
  readonly certificates: readonly Certificate[];
}

/** The one private key of a file. `passphrase` is asked for encrypted ones alone. Throws CredentialFileError. */
export async function readKeyFile(octets: Uint8Array, passphrase: string | undefined): Promise<KeyFile> {
  try {
    return isPem(octets) ? await fromPem(readPem(octets), octets, passphrase) : await fromDer(octets, passphrase);
  } catch (error) {
    if (error instanceof KeyError) throw new CredentialFileError(`its key is not used: ${error.message}`);
    throw error;
  }
}

const forms: Readonly<Record<string, "pkcs8" | "pkcs1" | "sec1">> = {
  "PRIVATE KEY": "pkcs8",
  "RSA PRIVATE KEY": "pkcs1",
  "EC PRIVATE KEY": "sec1",
};

async function fromPem(
  blocks: readonly PemBlock[],
  octets: Uint8Array,
  passphrase: string | undefined,
): Promise<KeyFile> {
  const keys = blocks.filter(({ label }) => label.endsWith("PRIVATE KEY"));
  const [block] = keys;
  if (block === undefined) {
    const seen = blocks.map(({ label }) => label).join(", ");
    throw new CredentialFileError(`it holds no private key${seen === "" ? "" : `, but ${seen}`}`);
  }
  if (keys.length > 1) throw new CredentialFileError(`it holds ${keys.length} private keys; give each a file`);
  const certificates = blocks.some(({ label }) => label === "CERTIFICATE") ? readCertificates(octets) : [];
  try {
    return { key: await keyOf(block, passphrase), certificates };
  } finally {
    wipe(block.octets);
  }
}

async function keyOf({ label, headers, octets }: PemBlock, passphrase: string | undefined): Promise<PrivateKey> {
  if (headers.includes("ENCRYPTED")) {
    throw new CredentialFileError(
      "it is encrypted in the way from before PKCS #8, which anybody can try fast: openssl pkcs8 -topk8 -in FILE -out NEW",
    );
  }
  if (label === "OPENSSH PRIVATE KEY") return readSshPrivateKey(octets);
  if (label === "ENCRYPTED PRIVATE KEY") return decrypted(octets, passphrase);
  const form = forms[label];
  if (form === undefined) throw new CredentialFileError(`a key of the kind ${label} signs nothing here`);
  return importPrivateKey(octets, form);
}

async function fromDer(octets: Uint8Array, passphrase: string | undefined): Promise<KeyFile> {
  for (const form of ["pkcs8", "pkcs1", "sec1"] as const) {
    try {
      return { key: importPrivateKey(octets, form), certificates: [] };
    } catch (error) {
      if (!(error instanceof KeyError) || error.reason !== "malformed") throw error;
    }
  }
  if (isEncryptedPkcs8(octets)) return { key: await decrypted(octets, passphrase), certificates: [] };
  return readPkcs12(octets, passphrase);
}

async function decrypted(octets: Uint8Array, passphrase: string | undefined): Promise<PrivateKey> {
  if (passphrase === undefined) throw new CredentialFileError("it is encrypted, and no passphrase is given");
  const pkcs8 = await decryptPkcs8(octets, passphrase);
  try {
    return importPrivateKey(pkcs8, "pkcs8");
  } finally {
    wipe(pkcs8);
  }
}
