/** Whether what a peer claims to be is in its certificate (RFC 4945 3.1, RFC 7296 3.5). */
import { type Identity, idTypes, sameIdentity } from "../negotiate/identity.ts";
import type { Certificate } from "./certificate.ts";
import { type GeneralName, generalNameText } from "./general-name.ts";

/** Names of a certificate that a reason or a person is shown. */
const shownNames = 16;

/** Whether the certificate says that its holder is called so; `commonName` lets a host's name stand there alone. */
export function hasIdentity(certificate: Certificate, identity: Identity, commonName: boolean): boolean {
  const { subject } = certificate;
  const others = certificate.extensions.subjectAltNames ?? [];
  if (others.some((name) => isName(name, identity))) return true;
  if (identity.idType === idTypes.dn && subject.rdns.length > 0)
    return sameIdentity({ idType: idTypes.dn, octets: subject.der, text: subject.text }, identity);
  if (identity.idType !== idTypes.fqdn || !commonName || others.some(({ kind }) => kind === "dns")) return false;
  const wanted = identity.text.toLowerCase();
  return commonNames(certificate).some((name) => name.toLowerCase() === wanted);
}

/** The names that a certificate has, as people read them: what a peer may claim with it. */
export function namesOfCertificate(certificate: Certificate): readonly string[] {
  const { subject, extensions } = certificate;
  const names = (extensions.subjectAltNames ?? []).map(generalNameText);
  if (subject.rdns.length > 0) names.push(`DN:${subject.text}`);
  if (names.length <= shownNames) return names;
  return [...names.slice(0, shownNames), `and ${names.length - shownNames} more`];
}

/** Whether a common name would do that is not allowed to. */
export function onlyCommonName(certificate: Certificate, identity: Identity): boolean {
  return hasIdentity(certificate, identity, true) && !hasIdentity(certificate, identity, false);
}

function isName(name: GeneralName, { idType, octets, text }: Identity): boolean {
  switch (name.kind) {
    case "dns":
      return idType === idTypes.fqdn && name.text.toLowerCase() === text.toLowerCase();
    case "email":
      return idType === idTypes.email && sameMailbox(name.text, text);
    case "ip":
      return (idType === idTypes.ipv4 || idType === idTypes.ipv6) && Buffer.compare(name.octets, octets) === 0;
    case "dn":
      return (
        idType === idTypes.dn &&
        sameIdentity({ idType, octets: name.name.der, text: name.name.text }, { idType, octets, text })
      );
    default:
      return false;
  }
}

/** RFC 5280 7.5: the host without regard to case, the mailbox as it stands. */
function sameMailbox(a: string, b: string): boolean {
  const [at, other] = [a.lastIndexOf("@"), b.lastIndexOf("@")];
  return at === other && a.slice(0, at) === b.slice(0, at) && a.slice(at).toLowerCase() === b.slice(at).toLowerCase();
}

function commonNames({ subject }: Certificate): readonly string[] {
  return subject.rdns.flat().flatMap(({ keyword, value }) => (keyword === "CN" ? [value] : []));
}
