/** `trust`: from files and pins to what a peer's signature is taken on. */
import type { Certificate } from "../credentials/certificate.ts";
import { makePeerTrust, type PeerTrust, type RevocationPolicy, type Trusted } from "../credentials/peer-trust.ts";
import type { PublicKey } from "../crypto/signature/public-key.ts";
import type { CredentialFiles } from "./credential-files.ts";
import { errorAt, type Finding, type KeyPath, warningAt } from "./problem.ts";
import type { TrustAllowance, TrustText } from "./schema/signature.ts";

/** What the section says of it. */
export interface TrustOptions {
  readonly allow: readonly TrustAllowance[];
  readonly revocation: RevocationPolicy;
  readonly places: readonly string[];
  /** The section says who the peer is, and that is one alone. */
  readonly named: boolean;
}

export interface ReadTrust {
  readonly trust: PeerTrust | undefined;
  readonly findings: readonly Finding[];
}

/** Reads and sorts it. `path` is that of `auth`. */
export async function readTrust(
  entries: readonly TrustText[],
  { allow, revocation, places, named }: TrustOptions,
  files: CredentialFiles,
  path: KeyPath,
): Promise<ReadTrust> {
  const findings: Finding[] = [];
  const authorities: Certificate[] = [];
  const listed: Certificate[] = [];
  const keys: PublicKey[] = [];
  const pins: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const at = [...path, "trust", ...(entries.length > 1 ? [index] : [])];
    if (entry.kind === "pin") pins.push(entry.pin);
    else {
      const read = await readFile(entry.name, files);
      if ("wrong" in read) findings.push(errorAt(at, read.wrong));
      else if ("keys" in read) keys.push(...read.keys);
      else for (const one of read.certificates) (isAuthority(one) ? authorities : listed).push(one);
    }
    if (!named && (pins.length > 0 || keys.length > 0) && findings.length === 0) findings.push(errorAt(at, nameless));
  }
  for (const word of allow) if (weak[word] !== undefined) findings.push(warningAt([...path, "allow"], weak[word]));
  if (findings.some(({ severity }) => severity === "error")) return { trust: undefined, findings };
  const trusted: Trusted = { authorities, listed, keys, pins };
  const trust = makePeerTrust(trusted, {
    bound: named,
    commonName: allow.includes("common-name"),
    anyPurpose: allow.includes("any-purpose"),
    sha1: allow.includes("sha1"),
    revocation,
    places,
    name: entries.map((entry) => (entry.kind === "pin" ? `sha256:${entry.pin}` : entry.name)).join(", "),
  });
  return { trust, findings };
}

/** Certificates where there are any, else public keys; a certificate's own key is never taken from it. */
async function readFile(
  name: string,
  files: CredentialFiles,
): Promise<{ certificates: readonly Certificate[] } | { keys: readonly PublicKey[] } | { wrong: string }> {
  const certificates = await files.certificates(name);
  if ("value" in certificates) return { certificates: certificates.value };
  const keys = await files.publicKeys(name);
  return "value" in keys ? { keys: keys.value } : { wrong: certificates.wrong };
}

/** RFC 5280 4.2.1.9; or one from before extensions that signs itself. */
function isAuthority({ extensions }: Certificate): boolean {
  return extensions.basicConstraints?.ca === true;
}

const nameless = "is a key without a name, so the section must say whose it is: give id";

const weak: Readonly<Partial<Record<TrustAllowance, string>>> = {
  sha1: "SHA-1 is broken: whoever can make two certificates with one hash can be another. This peer's allow permits it",
};
