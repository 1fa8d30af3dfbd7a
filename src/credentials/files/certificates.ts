/** Certificates in a file: PEM, one or many; DER; PKCS #7 in either. */
import { Certificate, readCertificate } from "../certificate.ts";
import { readPkcs7 } from "../pkcs7.ts";
import { CredentialFileError } from "./file-error.ts";
import { isPem, type PemBlock, readPem } from "./pem.ts";

const labels: ReadonlySet<string> = new Set(["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE", "PKCS7", "CMS"]);

/** In the order of the file, at least one. Throws CredentialFileError. */
export function readCertificates(octets: Uint8Array): readonly [Certificate, ...Certificate[]] {
  const all = isPem(octets) ? fromPem(readPem(octets)) : fromDer(octets);
  const [first, ...others] = all;
  if (first === undefined) throw new CredentialFileError("it holds no certificate");
  return [first, ...others];
}

function fromPem(blocks: readonly PemBlock[]): readonly Certificate[] {
  const found = blocks.filter(({ label }) => labels.has(label));
  if (found.length === 0 && blocks.length > 0)
    throw new CredentialFileError(`it holds no certificate, but ${blocks.map(({ label }) => label).join(", ")}`);
  return found.flatMap((block, index) => {
    const which = found.length > 1 ? `certificate ${index + 1} of ${found.length}: ` : "";
    if (block.label === "PKCS7" || block.label === "CMS") return [...fromPkcs7(block.octets)];
    const read = readCertificate(block.octets);
    if (read instanceof Certificate) return [read];
    throw new CredentialFileError(`${which}no certificate that can be read: ${read.sentence}`);
  });
}

function fromDer(octets: Uint8Array): readonly Certificate[] {
  const read = readCertificate(octets);
  if (read instanceof Certificate) return [read];
  const wrapped = readPkcs7(octets);
  if (!("fault" in wrapped)) return wrapped;
  throw new CredentialFileError(`it is neither PEM nor a certificate as DER that can be read: ${read.sentence}`);
}

function fromPkcs7(octets: Uint8Array): readonly Certificate[] {
  const read = readPkcs7(octets);
  if ("fault" in read) throw new CredentialFileError(`no PKCS #7 that can be read: ${read.sentence}`);
  return read;
}
