/** Our keys and certificates: from the file's names to what we sign with. */
import type { Certificate } from "../credentials/certificate.ts";
import { hasIdentity, namesOfCertificate } from "../credentials/claimed-identity.ts";
import { claimableIdentities } from "../credentials/identities.ts";
import { makeOwnKey, type OwnKey } from "../credentials/own-key.ts";
import { type Identity, identityFromWire, idTypes, sameIdentity } from "../negotiate/identity.ts";
import type { AuthDesired, KeyCredential } from "../sa/desired.ts";
import type { CredentialFiles } from "./credential-files.ts";
import { errorAt, type Finding, type KeyPath } from "./problem.ts";

/** What the file says of them. */
export interface OwnKeyText {
  readonly key: readonly string[];
  readonly certificate: readonly string[];
  readonly passphrase: string | undefined;
}

export interface ReadKeys {
  readonly keys: readonly OwnKey[];
  readonly findings: readonly Finding[];
}

/** Reads them and brings together what belongs together; `trusted` may complete a chain. `path` is that of `auth`. */
export async function readOwnKeys(
  text: OwnKeyText,
  files: CredentialFiles,
  trusted: readonly Certificate[],
  path: KeyPath,
): Promise<ReadKeys> {
  const findings: Finding[] = [];
  const at = (key: string, index: number, of: readonly string[]) => [...path, key, ...(of.length > 1 ? [index] : [])];
  const certificates: Certificate[] = [];
  for (const [index, name] of text.certificate.entries()) {
    const read = await files.certificates(name);
    if ("wrong" in read) findings.push(errorAt(at("certificate", index, text.certificate), read.wrong));
    else certificates.push(...read.value);
  }
  const found: { readonly name: string; readonly key: OwnKey["key"] }[] = [];
  for (const [index, name] of text.key.entries()) {
    const read = await files.privateKey(name, text.passphrase);
    if ("wrong" in read) findings.push(errorAt(at("key", index, text.key), read.wrong));
    else {
      found.push({ name, key: read.value.key });
      certificates.push(...read.value.certificates);
    }
  }
  if (findings.length > 0) return { keys: [], findings };
  const keys: OwnKey[] = [];
  for (const [index, { name, key }] of found.entries()) {
    const own = certificates.filter((one) => belongs(one, key));
    if (own.length === 0 && certificates.length > 0) {
      const sentence = `the key ${name} belongs to none of the certificates given: ${certificates.map(({ label }) => label).join("; ")}`;
      findings.push(errorAt(at("key", index, text.key), sentence));
    }
    // A renewed certificate may stand beside the old one: the one that is valid longest counts.
    const [newest] = own.sort((a, b) => b.notAfter - a.notAfter);
    keys.push(makeOwnKey(key, newest, [...certificates, ...trusted], name));
  }
  return { keys, findings };
}

/** A certificate's word for who we are, where the file has none. */
export function identityInCertificate(auth: AuthDesired | undefined): Identity | undefined {
  const [own] = ownCertificates(auth);
  if (own === undefined) return undefined;
  return claimableIdentities(own)[0];
}

/** Who we say that we are must be in every certificate that we may send: a sentence where it is not. */
export function foreignIdentity(auth: AuthDesired, id: Identity): string | undefined {
  const other = ownCertificates(auth).find((own) => !hasIdentity(own, id, true));
  if (other === undefined) return undefined;
  return `our certificate ${other.label} is not for ${id.text}, so no peer would believe it; it is for ${namesOfCertificate(other).join(", ")}`;
}

/** The same name in the octets of our certificate: some peers compare those. */
export function asInCertificate(auth: AuthDesired, id: Identity): Identity {
  if (id.idType !== idTypes.dn) return id;
  const same = ownCertificates(auth)
    .map(subjectOf)
    .find((subject) => sameIdentity(id, subject));
  return same === undefined ? id : { ...same, text: id.text };
}

function ownCertificates(auth: AuthDesired | undefined): readonly Certificate[] {
  const credential = auth?.local[0]?.credential;
  return credential?.kind === "key" ? leaves(credential) : [];
}

function leaves({ keys }: KeyCredential): readonly Certificate[] {
  return keys.flatMap(({ chain }) => chain.slice(0, 1));
}

function subjectOf({ subject }: Certificate): Identity {
  return identityFromWire(idTypes.dn, subject.der);
}

function belongs({ publicKey }: Certificate, key: OwnKey["key"]): boolean {
  return !("reason" in publicKey) && publicKey.fingerprint === key.publicKey.fingerprint;
}
