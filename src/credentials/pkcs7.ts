/** Certificates inside SignedData without signers (RFC 5652 5.1, RFC 7296 3.6 encoding 1), as old peers and tools send them. */
import { type Asn1Limits, readElement } from "../asn1/element.ts";
import { Asn1Error } from "../asn1/error.ts";
import { explicit, Fields, oid, setOf, smallInteger, universal } from "../asn1/fields.ts";
import { Certificate, type CertificateFault, readCertificate } from "./certificate.ts";

const limits: Asn1Limits = { octets: 1 << 20, elements: 50_000, depth: 24 };
const mostCertificates = 64;

/** The certificates of a ContentInfo; of what else stands there nothing is read. Never throws. */
export function readPkcs7(octets: Uint8Array): readonly Certificate[] | CertificateFault {
  try {
    return certificatesOf(octets);
  } catch (error) {
    if (error instanceof Asn1Error) return { fault: error.fault, sentence: error.message };
    throw error;
  }
}

function certificatesOf(octets: Uint8Array): readonly Certificate[] | CertificateFault {
  const info = new Fields(readElement(octets, limits), "PKCS #7");
  if (oid(info.any("content type"), "PKCS #7") !== "1.2.840.113549.1.7.2")
    throw new Asn1Error("structure", "PKCS #7 that is no SignedData");
  const content = info.context(0);
  info.end();
  if (content === undefined) throw new Asn1Error("structure", "PKCS #7 without content");
  const data = new Fields(explicit(content, "PKCS #7"), "SignedData");
  smallInteger(data.any("version"), "SignedData's version");
  setOf(data.any("digest algorithms"), "SignedData's algorithms");
  data.any("content");
  const elements = data.context(0)?.children ?? [];
  if (elements.length > mostCertificates)
    throw new Asn1Error("too-large", `${elements.length} certificates; at most ${mostCertificates} are read`);
  const certificates: Certificate[] = [];
  for (const element of elements) {
    if (element.tagClass !== "universal" || element.tag !== universal.sequence) continue;
    const read = readCertificate(element.whole);
    if (!(read instanceof Certificate)) return read;
    certificates.push(read);
  }
  return certificates;
}
