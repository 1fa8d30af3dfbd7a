/** Public keys in a file or a line: SubjectPublicKeyInfo and PKCS #1 as PEM or DER, a certificate's, OpenSSH's. */
import { KeyError } from "../../crypto/signature/key-error.ts";
import { importPublicKey, type PublicKey } from "../../crypto/signature/public-key.ts";
import { Certificate, readCertificate } from "../certificate.ts";
import { readCertificates } from "./certificates.ts";
import { CredentialFileError } from "./file-error.ts";
import { isPem, readPem } from "./pem.ts";
import { pkcs1Spki } from "./spki.ts";
import { isSshLine, readSshLine } from "./ssh.ts";

/** Every key that a file holds, one at least: an authorized_keys file may have many. Throws CredentialFileError. */
export function readPublicKeys(octets: Uint8Array): readonly PublicKey[] {
  try {
    const keys = isPem(octets) ? fromPem(octets) : fromLinesOrDer(octets);
    if (keys.length === 0) throw new CredentialFileError("it holds no public key");
    return keys;
  } catch (error) {
    if (error instanceof KeyError) throw new CredentialFileError(`its key is not used: ${error.message}`);
    throw error;
  }
}

/** `sha256:` and 64 hexadecimal digits, or 43 of base64 with or without `=`: the pin as lower-case digits; undefined for no pin. */
export function parsePin(text: string): string | undefined {
  const digest = /^sha256[:/](.+)$/i.exec(text)?.[1] ?? "";
  const digits = digest.replaceAll(":", "");
  if (/^[0-9a-fA-F]{64}$/.test(digits)) return digits.toLowerCase();
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(digest) ? Buffer.from(digest, "base64").toString("hex") : undefined;
}

function fromPem(octets: Uint8Array): readonly PublicKey[] {
  const blocks = readPem(octets);
  if (blocks.some(({ label }) => label.endsWith("PRIVATE KEY")))
    throw new CredentialFileError(
      "it holds a private key, which belongs to nobody but its owner; a public one is wanted",
    );
  const keys = blocks.flatMap(({ label, octets: der }) => {
    if (label === "PUBLIC KEY") return [importPublicKey(der)];
    return label === "RSA PUBLIC KEY" ? [importPublicKey(pkcs1Spki(der))] : [];
  });
  return keys.length > 0 ? keys : readCertificates(octets).map(keyOf);
}

function fromLinesOrDer(octets: Uint8Array): readonly PublicKey[] {
  const lines = Buffer.from(octets)
    .toString("latin1")
    .split(/\r?\n/)
    .filter((line) => isSshLine(line) && !line.startsWith("#"));
  if (lines.length > 0) return lines.map(readSshLine);
  const certificate = readCertificate(octets);
  if (certificate instanceof Certificate) return [keyOf(certificate)];
  return [importPublicKey(octets)];
}

function keyOf({ publicKey }: Certificate): PublicKey {
  if (publicKey instanceof KeyError) throw publicKey;
  return publicKey;
}
