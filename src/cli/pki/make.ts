/** `underlock pki`: makes keys, authorities, hosts' certificates, requests and PKCS #12. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Asn1Error } from "../../asn1/error.ts";
import { CredentialFiles } from "../../config/credential-files.ts";
import { readBoundedFile } from "../../config/read-file.ts";
import { CredentialFileError } from "../../credentials/files/file-error.ts";
import { isPem, readPem, writePem } from "../../credentials/files/pem.ts";
import { writePkcs12 } from "../../credentials/files/write-pkcs12.ts";
import { type CertificatePlan, certificationRequest, issueCertificate } from "../../credentials/issue/certificate.ts";
import { type AltName, keyId } from "../../credentials/issue/extensions.ts";
import { type Request, readRequest } from "../../credentials/request.ts";
import { randomBytes } from "../../crypto/secret.ts";
import { generatePrivateKey, type KeyKind } from "../../crypto/signature/generate.ts";
import { KeyError } from "../../crypto/signature/key-error.ts";
import { Failure } from "../../daemon/failure.ts";
import { formatAddress } from "../../negotiate/address.ts";
import { type Authority, certificateFile, keyFile, readAuthority, samePublicKey, writeNew } from "./files.ts";
import { altNames, fileName, subjectName } from "./names.ts";

/** Options that all of them take. */
export interface MakeOptions {
  readonly dir: string;
  readonly key: KeyKind;
  readonly days: number;
  readonly subject?: string;
  readonly crl?: string;
  readonly ocsp?: string;
}

/** The names of the files that were written, without their folder. */
export type Written = readonly string[];

const day = 86_400_000;
/** The other end's clock may be behind. */
const clockSkew = 300_000;

/** NAME.key alone. */
export async function makeKey(name: string, { dir, key }: Pick<MakeOptions, "dir" | "key">): Promise<Written> {
  await writeNew(dir, [keyFile(name, generatePrivateKey(key))]);
  return [`${name}.key`];
}

/** An authority that signs itself, or that another one signs. */
export async function makeAuthority(
  name: string,
  options: MakeOptions & { readonly by?: string; readonly pathLength?: number },
): Promise<Written> {
  const key = generatePrivateKey(options.key);
  const subject = subjectName(options.subject, name === "ca" ? "Underlock authority" : name);
  const above = options.by === undefined ? undefined : await readAuthority(options.dir, options.by);
  const { pathLength } = options;
  const purpose = { kind: "authority", ...(pathLength === undefined ? {} : { pathLength }) } as const;
  const plan: CertificatePlan = {
    ...validity(options, above),
    ...where(options),
    subject,
    spki: key.publicKey.spki,
    purpose,
    altNames: [],
  };
  const issuer = above === undefined ? { name: subject, key, keyId: undefined } : issuerOf(above);
  const chain = above === undefined ? [] : aboveOf(above);
  await writeNew(options.dir, [keyFile(name, key), certificateFile(name, [issueCertificate(plan, issuer), ...chain])]);
  return [`${name}.key`, `${name}.pem`];
}

/** A host's key and certificate, with the certificates of the authorities between it and the one that signed itself. */
export async function makeHost(
  identities: readonly string[],
  options: MakeOptions & { readonly ca: string },
): Promise<Written> {
  const names = altNames(identities);
  const name = fileName(names);
  const authority = await readAuthority(options.dir, options.ca);
  const key = generatePrivateKey(options.key);
  const subject = subjectName(options.subject, name);
  const certificate = hostCertificate({ subject, spki: key.publicKey.spki, altNames: names }, authority, options);
  await writeNew(options.dir, [keyFile(name, key), certificateFile(name, [certificate, ...aboveOf(authority)])]);
  return [`${name}.key`, `${name}.pem`];
}

/** A host's key and a request for its certificate. */
export async function makeRequest(
  identities: readonly string[],
  options: Pick<MakeOptions, "dir" | "key" | "subject">,
): Promise<Written> {
  const names = altNames(identities);
  const name = fileName(names);
  const key = generatePrivateKey(options.key);
  const request = certificationRequest(subjectName(options.subject, name), names, key);
  const file = { name: `${name}.csr`, content: writePem("CERTIFICATE REQUEST", request), secret: false };
  await writeNew(options.dir, [keyFile(name, key), file]);
  return [`${name}.key`, `${name}.csr`];
}

/** The certificate that a request asks for, with its names and nothing else of what it wants. */
export async function signRequest(
  file: string,
  options: Omit<MakeOptions, "key"> & { readonly ca: string },
): Promise<Written> {
  const request = await readRequestFile(file);
  const authority = await readAuthority(options.dir, options.ca);
  const names = (request.extensions.subjectAltNames ?? []).flatMap(requestedName);
  const subject = options.subject === undefined ? request.subject.der : subjectName(options.subject, "");
  const name = (file.split("/").at(-1) ?? file).replace(/\.[a-z0-9]+$/i, "");
  const certificate = hostCertificate({ subject, spki: request.publicKey.spki, altNames: names }, authority, options);
  await writeNew(options.dir, [certificateFile(name, [certificate, ...aboveOf(authority)])]);
  return [`${name}.pem`];
}

/** NAME.key and NAME.pem of a folder as NAME.p12. */
export async function makePkcs12(
  name: string,
  options: { readonly dir: string; readonly passphraseFile: string },
): Promise<Written> {
  const files = new CredentialFiles(options.dir);
  const [key, certificates] = await Promise.all([files.privateKey(`${name}.key`), files.certificates(`${name}.pem`)]);
  if ("wrong" in key) throw new Failure(2, key.wrong);
  if ("wrong" in certificates) throw new Failure(2, certificates.wrong);
  if (!samePublicKey(certificates.value[0], key.value.key))
    throw new Failure(2, `${join(options.dir, name)}.key is not the key of ${certificates.value[0].label}`);
  const passphrase = await readPassphrase(options.passphraseFile);
  const content = await writePkcs12(key.value.key, certificates.value, passphrase, name);
  await writeNew(options.dir, [{ name: `${name}.p12`, content, secret: true }]);
  return [`${name}.p12`];
}

/** The request of a file, PEM or DER, verified with its own key. Throws Failure. */
export async function readRequestFile(file: string): Promise<Request> {
  const content = await readBoundedFile(file, 1 << 20);
  if ("wrong" in content) throw new Failure(2, content.wrong);
  try {
    const { octets } = content;
    const block = isPem(octets)
      ? readPem(octets).find(({ label }) => label.endsWith("CERTIFICATE REQUEST"))
      : undefined;
    if (block === undefined && isPem(octets)) throw new Failure(2, `${file} holds no certificate request`);
    return readRequest(block?.octets ?? octets);
  } catch (error) {
    if (error instanceof Asn1Error || error instanceof KeyError || error instanceof CredentialFileError)
      throw new Failure(2, `${file} is no request that can be used: ${error.message}`);
    throw error;
  }
}

/** The first line of a file. Throws Failure. */
export async function readPassphrase(file: string): Promise<string> {
  try {
    const [line = ""] = (await readFile(file, "utf8")).split(/\r?\n/);
    if (line !== "") return line;
  } catch {
    throw new Failure(2, `${file} cannot be read`);
  }
  throw new Failure(2, `${file} is empty: its first line is the passphrase`);
}

function hostCertificate(
  host: Pick<CertificatePlan, "subject" | "spki" | "altNames">,
  authority: Authority,
  options: Omit<MakeOptions, "key">,
): Uint8Array {
  const plan: CertificatePlan = {
    ...host,
    ...validity(options, authority),
    ...where(options),
    purpose: { kind: "host" },
  };
  return issueCertificate(plan, issuerOf(authority));
}

function validity({ days }: Pick<MakeOptions, "days">, authority: Authority | undefined) {
  const now = Date.now();
  const serial = randomBytes(16);
  // RFC 5280 4.1.2.2: positive.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  // What outlives its authority does not hold any longer.
  const notAfter = Math.min(now + days * day, authority?.certificate.notAfter ?? Number.POSITIVE_INFINITY);
  return { serial, notBefore: Math.max(now - clockSkew, authority?.certificate.notBefore ?? 0), notAfter };
}

function where({ crl, ocsp }: Pick<MakeOptions, "crl" | "ocsp">) {
  return { ...(crl === undefined ? {} : { crl }), ...(ocsp === undefined ? {} : { ocsp }) };
}

function issuerOf({ certificate, key }: Authority) {
  const id = certificate.extensions.subjectKeyId ?? keyId(certificate.spki);
  return { name: certificate.subject.der, key, keyId: id };
}

/** The authority and those above it, but for the one that signed itself: peers have that as what they trust. */
function aboveOf({ certificate, above }: Authority): readonly Uint8Array[] {
  return [certificate, ...above].filter(({ subject, issuer }) => subject.text !== issuer.text).map(({ der }) => der);
}

function requestedName(name: {
  readonly kind: string;
  readonly text?: string;
  readonly octets?: Uint8Array;
}): readonly AltName[] {
  const { kind, text, octets } = name;
  if ((kind === "dns" || kind === "email") && text !== undefined)
    return altNames([`${kind === "dns" ? "fqdn" : "email"}:${text}`]);
  return kind === "ip" && octets !== undefined ? [{ kind: "ip", text: formatAddress(octets) }] : [];
}
