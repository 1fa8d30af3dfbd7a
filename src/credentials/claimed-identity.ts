/** Whether what a peer claims to be is in its certificate (RFC 4945 3.1, RFC 7296 3.5). */
import { attributeType } from "../negotiate/attribute-types.ts";
import { type Identity, idTypes, sameIdentity } from "../negotiate/identity.ts";
import type { Certificate } from "./certificate.ts";
import { generalNameText } from "./general-name.ts";
import { claimableIdentities } from "./identities.ts";

/** Names of a certificate that a reason or a person is shown. */
const shownNames = 16;

/** Whether the certificate says that its holder is called so; `commonName` lets a host's name stand there alone. */
export function hasIdentity(certificate: Certificate, identity: Identity, commonName: boolean): boolean {
  if (claimableIdentities(certificate).some((one) => isCalled(one, identity))) return true;
  const others = certificate.extensions.subjectAltNames ?? [];
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

/** RFC 5280 7.5: of mail addresses, the host without regard to case, the mailbox as it stands. */
function isCalled(name: Identity, claimed: Identity): boolean {
  if (!sameIdentity(name, claimed)) return false;
  return name.idType !== idTypes.email || mailbox(name.text) === mailbox(claimed.text);
}

function mailbox(address: string): string {
  return address.slice(0, address.lastIndexOf("@"));
}

function commonNames({ subject }: Certificate): readonly string[] {
  return subject.rdns.flat().flatMap(({ type, value }) => (type === attributeType.commonName ? [value] : []));
}
