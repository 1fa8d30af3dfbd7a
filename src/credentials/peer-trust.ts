/** What a peer's signature is taken on: authorities, listed certificates, raw keys, and the allowances of its section. */
import { hash } from "../crypto/hash.ts";
import type { PublicKey } from "../crypto/signature/public-key.ts";
import type { Certificate } from "./certificate.ts";
import { TrustStore } from "./trust-store.ts";

/** What is done about certificates that may have been revoked. */
export type RevocationPolicy =
  /** Nothing holds of which its authority says nothing fresh. */
  | "strict"
  /** What is known to be revoked does not hold; where nothing can be learnt, it holds. */
  | "if-present"
  | "off";

/** What runs only where the peer's section names it (invariant 9). */
export interface TrustAllowances {
  /** A host name in the common name counts where no other name of the certificate is a host's. */
  readonly commonName: boolean;
  /** Certificates for other purposes alone, such as those for TLS (against RFC 4945 5.1.3.12). */
  readonly anyPurpose: boolean;
  /** Signatures with SHA-1. */
  readonly sha1: boolean;
}

export interface PeerTrust extends TrustAllowances {
  readonly store: TrustStore;
  /** Certificates on the explicit list, for a peer that sends none. */
  readonly listed: readonly Certificate[];
  /** Keys without a certificate. */
  readonly keys: readonly PublicKey[];
  /** SHA-1 of the authorities' SubjectPublicKeyInfo, as CERTREQ has them (RFC 7296 3.7). */
  readonly authorityHashes: readonly Uint8Array[];
  /** What is listed or pinned is this very peer, whatever names a certificate has: its section says who that is. */
  readonly bound: boolean;
  readonly revocation: RevocationPolicy;
  /** What URLs must begin with at which the peer's certificates are looked up; nothing is where there is none. */
  readonly places?: readonly string[] | undefined;
  /** SHA-256 over all that is trusted: two that say the same have the same. */
  readonly digest: string;
  /** As people wrote it: `ca.pem`. */
  readonly name: string;
}

/** Everything that is trusted, sorted by its kind. */
export interface Trusted {
  readonly authorities: readonly Certificate[];
  readonly listed: readonly Certificate[];
  readonly keys: readonly PublicKey[];
  /** SHA-256 of SubjectPublicKeyInfos, in hexadecimal digits. */
  readonly pins: readonly string[];
}

/** Makes the trust of one section. */
export function makePeerTrust(
  trusted: Trusted,
  rest: TrustAllowances & Pick<PeerTrust, "bound" | "revocation" | "places" | "name">,
): PeerTrust {
  const { authorities, listed, keys, pins } = trusted;
  const pinned = [...pins, ...keys.map(({ fingerprint }) => fingerprint)];
  const marks = [
    ...authorities.map(({ fingerprint }) => `authority ${fingerprint}`),
    ...listed.map(({ fingerprint }) => `listed ${fingerprint}`),
    ...pinned.map((pin) => `pinned ${pin}`),
  ];
  return {
    ...rest,
    store: new TrustStore({ anchors: authorities, listed, pinned }),
    listed,
    keys,
    authorityHashes: authorities.map(({ spki }) => hash("sha1", spki)),
    digest: hash("sha256", Buffer.from(marks.sort().join("\n"))).toString("hex"),
  };
}
