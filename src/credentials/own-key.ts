/** What we sign with: a private key and, unless it is used raw, the certificates that vouch for it. */
import { hash } from "../crypto/hash.ts";
import type { PrivateKey } from "../crypto/signature/private-key.ts";
import type { Certificate } from "./certificate.ts";
import { sameName } from "./name.ts";

export interface OwnKey {
  readonly key: PrivateKey;
  /** Ours, then those of the authorities above it, without the one that peers trust; none: the key is used raw (RFC 7670). */
  readonly chain: readonly Certificate[];
  /** Whose certificate ours is, where that is known: who answers for it must be its. */
  readonly issuer: Certificate | undefined;
  /** SHA-1 of the SubjectPublicKeyInfo of every authority above, in hexadecimal digits, as CERTREQ names them. */
  readonly authorities: ReadonlySet<string>;
  /** SHA-256 over the chain: a renewed certificate has another. */
  readonly digest: string;
  /** As people wrote it: `gw-a.key`. */
  readonly name: string;
}

/** No hierarchy is deeper. */
const longestChain = 8;

/** Puts the chain of `own` together out of `others`, in whatever order they stand. */
export function makeOwnKey(
  key: PrivateKey,
  own: Certificate | undefined,
  others: readonly Certificate[],
  name: string,
): OwnKey {
  const above = own === undefined ? [] : authoritiesAbove(own, others);
  // RFC 7296 3.6: what the peer trusts it has; a self-signed authority proves nothing to anybody else.
  const sent = above.filter((certificate) => !isSelfSigned(certificate));
  const chain = own === undefined ? [] : [own, ...sent];
  return {
    key,
    chain,
    issuer: above[0],
    authorities: new Set(above.map(({ spki }) => hash("sha1", spki).toString("hex"))),
    digest: hash("sha256", Buffer.from(chain.map(({ fingerprint }) => fingerprint).join("\n"))).toString("hex"),
    name,
  };
}

function authoritiesAbove(own: Certificate, others: readonly Certificate[]): readonly Certificate[] {
  const above: Certificate[] = [];
  for (let last = own; above.length < longestChain && !isSelfSigned(last); ) {
    const issuer = others.find((one) => one !== last && !above.includes(one) && sameName(one.subject, last.issuer));
    if (issuer === undefined) break;
    above.push(issuer);
    last = issuer;
  }
  return above;
}

function isSelfSigned({ subject, issuer }: Certificate): boolean {
  return sameName(subject, issuer);
}
