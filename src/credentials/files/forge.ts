/** PKCS #12 (RFC 7292) and encrypted PKCS #8 (RFC 5958 3) by node-forge, which is loaded when one is there. */
import type { asn1, pkcs12 } from "node-forge";
import { readElement } from "../../asn1/element.ts";
import { Asn1Error } from "../../asn1/error.ts";
import { integer, OCTET_STRING, SEQUENCE, tlv } from "../../crypto/key-exchange/der.ts";
import { wipe } from "../../crypto/secret.ts";
import { KeyError } from "../../crypto/signature/key-error.ts";
import { importPrivateKey, type PrivateKey } from "../../crypto/signature/private-key.ts";
import { Certificate, readCertificate } from "../certificate.ts";
import { CredentialFileError } from "./file-error.ts";

type Forge = typeof import("node-forge");

/** Longer files are no key store of one host. */
const limits = { octets: 1 << 20, elements: 50_000, depth: 32 } as const;

async function loadForge(): Promise<Forge> {
  return (await import("node-forge")).default;
}

/** Whether DER is EncryptedPrivateKeyInfo: an algorithm with parameters, then an OCTET STRING, and no more. */
export function isEncryptedPkcs8(octets: Uint8Array): boolean {
  try {
    const [algorithm, data, more] = readElement(octets, limits).children;
    return algorithm?.constructed === true && data?.tag === 4 && data.tagClass === "universal" && more === undefined;
  } catch (error) {
    if (error instanceof Asn1Error) return false;
    throw error;
  }
}

/** PKCS #8 of an encrypted one; the caller wipes it. Throws CredentialFileError. */
export async function decryptPkcs8(octets: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const forge = await loadForge();
  try {
    const info = forge.pki.decryptPrivateKeyInfo(toAsn1(forge, octets), forge.util.encodeUtf8(passphrase));
    if (info !== null) return toOctets(forge, info);
  } catch (error) {
    throw new CredentialFileError(
      `it is encrypted in a way that is not read here (${sentenceOf(error)}): openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out NEW`,
    );
  }
  throw new CredentialFileError(wrongPassphrase);
}

/** The key and the certificates of a PKCS #12 file. Throws CredentialFileError. */
export async function readPkcs12(
  octets: Uint8Array,
  passphrase: string | undefined,
): Promise<{ key: PrivateKey; certificates: readonly Certificate[] }> {
  const forge = await loadForge();
  const store = openPkcs12(forge, octets, passphrase);
  const bags = store.safeContents.flatMap(({ safeBags }) => safeBags);
  const { oids } = forge.pki;
  const keys = bags.filter(({ type }) => type === oids.keyBag || type === oids.pkcs8ShroudedKeyBag);
  const [bag] = keys;
  if (bag === undefined || keys.length > 1)
    throw new CredentialFileError(`the PKCS #12 holds ${keys.length} private keys; one is wanted`);
  const certificates = bags.filter(({ type }) => type === oids.certBag).map((each) => certificateOf(forge, each));
  return { key: keyOf(forge, bag, certificates), certificates };
}

function openPkcs12(forge: Forge, octets: Uint8Array, passphrase: string | undefined): pkcs12.Pkcs12Pfx {
  let pfx: asn1.Asn1;
  try {
    pfx = toAsn1(forge, octets);
  } catch {
    throw new CredentialFileError("it is neither PEM, nor PKCS #8, #1 or #12, nor SEC 1 as DER");
  }
  try {
    return forge.pkcs12.pkcs12FromAsn1(pfx, passphrase ?? "");
  } catch (error) {
    const sentence = sentenceOf(error);
    if (sentence.includes("MAC could not be verified")) {
      const closed = passphrase === undefined ? "it is encrypted, and no passphrase is given" : wrongPassphrase;
      throw new CredentialFileError(closed);
    }
    const again = passphrase === undefined ? undefined : openWithUtf8(forge, pfx, passphrase);
    if (again !== undefined) return again;
    throw new CredentialFileError(`it is no private key, and no PKCS #12 that can be read: ${sentence}`);
  }
}

/**
 * RFC 7292 B.1 makes keys of a passphrase in UTF-16, PBES2 in UTF-8 (RFC 8018 3): node-forge takes one form for both, and where
 * the MAC holds, the passphrase is right and the contents want the other.
 */
function openWithUtf8(forge: Forge, pfx: asn1.Asn1, passphrase: string): pkcs12.Pkcs12Pfx | undefined {
  if (!Array.isArray(pfx.value)) return undefined;
  try {
    const withoutMac = { ...pfx, value: pfx.value.slice(0, 2) };
    return forge.pkcs12.pkcs12FromAsn1(withoutMac, forge.util.encodeUtf8(passphrase));
  } catch {
    return undefined;
  }
}

const wrongPassphrase = "the passphrase does not open it";

/** node-forge knows RSA keys; others it leaves as they are. */
function keyOf(forge: Forge, { key, asn1 }: pkcs12.Bag, certificates: readonly Certificate[]): PrivateKey {
  const isRsa = key !== undefined && key !== null;
  const der = toOctets(forge, isRsa ? forge.pki.privateKeyToAsn1(key) : asn1);
  try {
    if (!isRsa) return importPrivateKey(der, "pkcs8");
    return pssKey(der, certificates) ?? importPrivateKey(der, "pkcs1");
  } finally {
    wipe(der);
  }
}

/** node-forge forgets that an RSA key is for RSA-PSS alone (RFC 4055 1.2); the certificate beside it knows. */
function pssKey(pkcs1: Uint8Array, certificates: readonly Certificate[]): PrivateKey | undefined {
  for (const { publicKey } of certificates) {
    if (publicKey instanceof KeyError || publicKey.algorithm.kind !== "rsa-pss") continue;
    const [algorithm] = readElement(publicKey.spki, limits).children;
    if (algorithm === undefined) continue;
    const pkcs8 = tlv(SEQUENCE, integer(Buffer.of(0)), algorithm.whole, tlv(OCTET_STRING, pkcs1));
    const key = importPrivateKey(pkcs8, "pkcs8");
    wipe(pkcs8);
    if (key.publicKey.fingerprint === publicKey.fingerprint) return key;
  }
  return undefined;
}

function certificateOf(forge: Forge, { cert, asn1 }: pkcs12.Bag): Certificate {
  const der = toOctets(forge, cert === undefined || cert === null ? asn1 : forge.pki.certificateToAsn1(cert));
  const read = readCertificate(der);
  if (read instanceof Certificate) return read;
  throw new CredentialFileError(`the PKCS #12 holds a certificate that cannot be read: ${read.sentence}`);
}

function toAsn1(forge: Forge, octets: Uint8Array): asn1.Asn1 {
  // Bounds first: node-forge has none.
  readElement(octets, limits);
  return forge.asn1.fromDer(Buffer.from(octets).toString("latin1"));
}

function toOctets(forge: Forge, element: asn1.Asn1): Uint8Array {
  return Uint8Array.from(Buffer.from(forge.asn1.toDer(element).getBytes(), "latin1"));
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
