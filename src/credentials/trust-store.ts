import { Certificate, type CertificateFault } from "./certificate.ts";
import type { Name } from "./name.ts";

/** What is trusted: authorities, certificates on an explicit list, and keys by their hash. Immutable; a reload makes another. */
export class TrustStore {
  readonly anchors: readonly Certificate[];
  /** Certificates that need no authority, by the SHA-256 of the whole certificate. */
  readonly listed: ReadonlySet<string>;
  /** Keys that need no certificate, by the SHA-256 of the SubjectPublicKeyInfo (RFC 7469 2.4 calls it a pin). */
  readonly pinned: ReadonlySet<string>;
  readonly #bySubject = new Map<string, Certificate[]>();

  constructor(parts: {
    readonly anchors?: readonly Certificate[];
    readonly listed?: readonly Certificate[];
    readonly pinned?: readonly string[];
  }) {
    this.anchors = parts.anchors ?? [];
    this.listed = new Set((parts.listed ?? []).map(({ fingerprint }) => fingerprint));
    this.pinned = new Set(parts.pinned ?? []);
    for (const anchor of this.anchors) {
      const { key } = anchor.subject;
      const same = this.#bySubject.get(key);
      if (same === undefined) this.#bySubject.set(key, [anchor]);
      else same.push(anchor);
    }
  }

  /** The authorities of that name; several where an old and a new one overlap. */
  anchorsNamed(name: Name): readonly Certificate[] {
    return this.#bySubject.get(name.key) ?? [];
  }
}

/** Whether reading came to a certificate. */
export function isCertificate(read: Certificate | CertificateFault): read is Certificate {
  return read instanceof Certificate;
}
