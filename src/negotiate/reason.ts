/**
 * Why something was refused or came to an end: one closed union (invariant 5).
 *
 * Log lines, status, metrics and notify payloads are made from it; text is never the interface. Each member carries
 * what was wanted, what was offered and the first difference, as far as our end saw them.
 */
import type { Address } from "./address.ts";

/** One proposal in keywords: `aes256gcm16-prfsha384-x25519`. */
export type ProposalText = string;

/** The first thing on which two proposal lists differ. */
export interface ProposalDifference {
  /** Our proposal that came nearest. */
  readonly ours: ProposalText;
  /** The peer's proposal that came nearest. */
  readonly theirs: ProposalText;
  /**
   * What kind of transform has no common member: `ENCR`, `INTEG`, `PRF`, `KE`, `ESN`, or `protocol`; another type's
   * registered name where the peer's proposal has one that we do not understand (RFC 7296 3.3.6).
   */
  readonly transformType: string;
  readonly oursOfType: readonly string[];
  readonly theirsOfType: readonly string[];
}

/** Why one configured peer was not taken for a message or an identity. */
export interface CandidateRejection {
  readonly peer: string;
  /** What was compared. */
  readonly field:
    | "remote address"
    | "local address"
    | "remote identity"
    | "local identity"
    | "authentication"
    | "IKE version";
  readonly wanted: string;
  readonly seen: string;
}

/** Which check fails on which certificate, with the two values. */
export interface CertificateFinding {
  readonly check: CertificateCheck;
  /** By its subject. */
  readonly certificate: string;
  /** 0 is the peer's own certificate, 1 the one that issued it, and so on. */
  readonly depth: number;
  readonly wanted: string;
  readonly seen: string;
}

/** The checks that a certificate may fail (RFC 5280 6.1). */
export type CertificateCheck =
  /** No path leads to an authority that is trusted. */
  | "unknown-authority"
  /** More certificates, or more work, than a path may cost. */
  | "limit"
  | "signature"
  | "signature-strength"
  | "key"
  | "not-yet-valid"
  | "expired"
  | "not-an-authority"
  | "path-length"
  | "key-usage"
  | "extended-key-usage"
  | "name-constraints"
  | "critical-extension"
  | "revoked"
  /** Its authority says nothing about it that is fresh, and that was asked for. */
  | "revocation-unknown";

/** What was sent to prove who we are, and was met with silence. */
export interface Unbelieved {
  readonly sentIdentity: string;
  /** What we proved it with, in words: `the secret "file:site-b.psk"`. */
  readonly proof: string;
  /** An error notify that came in clear meanwhile, from whoever it was. */
  readonly said?: string;
}

export type Reason =
  /** We saw both lists and nothing fits. */
  | {
      readonly code: "no-common-proposal";
      readonly protocol: "ike" | "esp" | "ah";
      readonly ours: readonly ProposalText[];
      readonly theirs: readonly ProposalText[];
      readonly difference: ProposalDifference | undefined;
    }
  /** The peer answered NO_PROPOSAL_CHOSEN; it does not say what it wanted. */
  | {
      readonly code: "peer-refused-proposal";
      readonly protocol: "ike" | "esp" | "ah";
      readonly sent: readonly ProposalText[];
    }
  /** The peer's answer is no choice among what we offered: RFC 7296 3.3.6. */
  | {
      readonly code: "proposal-not-offered";
      readonly protocol: "ike" | "esp" | "ah";
      readonly sent: readonly ProposalText[];
      readonly answer: readonly ProposalText[];
    }
  /** Both selector lists are known and do not meet, or what is left is nothing the kernel can express. */
  | {
      readonly code: "selectors-do-not-fit";
      readonly ours: readonly string[];
      readonly theirs: readonly string[];
      readonly difference: string;
    }
  /** The peer answered TS_UNACCEPTABLE. */
  | { readonly code: "peer-refused-selectors"; readonly sent: readonly string[] }
  /** One end wants transport mode, the other tunnel mode: RFC 7296 1.3.1. */
  | {
      readonly code: "mode-mismatch";
      readonly child: string;
      readonly ours: "transport" | "tunnel";
      readonly theirs: "transport" | "tunnel";
    }
  /** The peer's AUTH payload does not verify with our secret. */
  | { readonly code: "wrong-secret"; readonly identity: string; readonly secret: string }
  /** The peer answered AUTHENTICATION_FAILED to what we sent. */
  | {
      readonly code: "peer-refused-authentication";
      readonly sentIdentity: string;
      /** What we proved it with, in words: `the secret "file:site-b.psk"`. */
      readonly proof: string;
      /** What the peer may have disliked, as far as its own words go: one sentence each. */
      readonly doubts?: readonly string[];
    }
  /** What was sent in a CERT payload cannot be used. */
  | { readonly code: "certificate-unreadable"; readonly identity: string; readonly fault: string }
  /** The peer's certificate does not lead to what is trusted, or a certificate on the way fails a check: RFC 5280 6. */
  | {
      readonly code: "certificate-refused";
      readonly identity: string;
      /** The certificates that the peer sent, its own first. */
      readonly tried: readonly string[];
      /** What is trusted, as the file names it. */
      readonly trusted: string;
      readonly finding: CertificateFinding;
    }
  /** The identity that the peer claims is not in its certificate. */
  | {
      readonly code: "identity-not-in-certificate";
      readonly identity: string;
      readonly certificate: string;
      /** What it may claim instead. */
      readonly names: readonly string[];
      /** It is there, in the common name alone. */
      readonly inCommonName: boolean;
    }
  /** The peer sent no certificate, and no key that its section lists made its signature. */
  | {
      readonly code: "unknown-key";
      readonly identity: string;
      readonly sent: string;
      readonly tried: readonly string[];
      readonly trusted: string;
    }
  /** The signature in AUTH is not one of that key. */
  | {
      readonly code: "wrong-signature";
      readonly identity: string;
      readonly key: string;
      readonly schemes: readonly string[];
    }
  /** The peer signs in a way that we do not take: unknown here, or weak and not allowed by its section. */
  | {
      readonly code: "signature-not-allowed";
      readonly identity: string;
      readonly seen: string;
      readonly wanted: readonly string[];
    }
  /** We have no key that signs as the peer can verify. */
  | {
      readonly code: "no-common-signature";
      readonly ours: readonly string[];
      readonly theirs: readonly string[];
    }
  /** Who called could not log in (XAuth): nobody of that name, another password, none at all, or too many wrong ones. */
  | {
      readonly code: "login-failed";
      readonly user: string;
      readonly remote: Address;
      readonly why: "unknown-user" | "wrong-password" | "no-password" | "too-many-failures";
    }
  /** The peer does not take our name and password (XAuth), or asks for something else: `asked`. */
  | { readonly code: "peer-refused-login"; readonly user: string; readonly said?: string; readonly asked?: string }
  /** The peer gave us no address inside, or one that no line of its section has (mode config). */
  | {
      readonly code: "inner-address-unusable";
      readonly given: Address | undefined;
      readonly wanted: readonly string[];
    }
  /** All addresses of the pool are given. */
  | { readonly code: "pool-exhausted"; readonly pool: string }
  /** The peer proves itself by another method than its section asks for. */
  | { readonly code: "wrong-auth-method"; readonly identity: string; readonly wanted: string; readonly seen: string }
  /** The peer proves itself in more rounds than its section asks for, or in fewer: RFC 4739. `seen` is the least it has. */
  | {
      readonly code: "wrong-auth-rounds";
      readonly identity: string;
      readonly wanted: number;
      readonly seen: number;
    }
  /** The peer does not support what its section needs. */
  | { readonly code: "extension-missing"; readonly extension: "MULTIPLE_AUTH_SUPPORTED" }
  /** IKE_AUTH without a Child SA: RFC 6023. `by` says which end takes none. */
  | { readonly code: "childless-refused"; readonly by: "us" | "peer" }
  /** Who proves nothing asks for traffic that another peer's section protects: RFC 7619 3. */
  | {
      readonly code: "unauthenticated-overlap";
      readonly child: string;
      readonly wanted: string;
      readonly owner: string;
    }
  /** Too many IKE SAs with callers that prove nothing stand. */
  | {
      readonly code: "unauthenticated-limit";
      readonly remote: Address;
      readonly limit: number;
      readonly of: "address" | "peer";
    }
  /** The peer claims another identity than the one configured. */
  | { readonly code: "wrong-identity"; readonly wanted: string; readonly seen: string }
  /** No configured peer fits; each candidate says why. */
  | {
      readonly code: "unknown-peer";
      readonly remote: Address;
      readonly local: Address;
      readonly identity?: string;
      readonly rejected: readonly CandidateRejection[];
    }
  /** Requests went unanswered. */
  | {
      readonly code: "no-answer";
      readonly exchange: string;
      readonly remote: string;
      readonly attempts: number;
      readonly seconds: number;
      /** What went unanswered was our proof, and what came before it was not: IKEv1 has no answer for who is not believed. */
      readonly unbelieved?: Unbelieved;
    }
  /** The host's network stack refused to send. */
  | { readonly code: "send-failed"; readonly remote: string; readonly errno: string }
  /** The kernel refused a request. */
  | { readonly code: "kernel-refused"; readonly request: string; readonly errno: string; readonly said: string }
  /** The peer asked for a key exchange method that we do not offer: RFC 7296 1.3. */
  | { readonly code: "key-exchange-not-offered"; readonly wanted: string; readonly sent: readonly string[] }
  /** The peer's public value fails the checks of RFC 6989. */
  | { readonly code: "invalid-public-value"; readonly method: string; readonly fault: string }
  /** The peer kept asking for cookies or other key exchange methods. */
  | { readonly code: "too-many-restarts"; readonly restarts: number }
  /** An authenticated message breaks the syntax. */
  | { readonly code: "invalid-syntax"; readonly exchange: string; readonly fault: string }
  /** An authenticated, well-formed message that the state does not allow, or that lacks a payload. */
  | { readonly code: "protocol-violation"; readonly exchange: string; readonly fault: string }
  /** A critical payload that nobody here knows: RFC 7296 2.5. */
  | { readonly code: "unsupported-critical-payload"; readonly payload: number }
  /** The peer answered another error notify. */
  | { readonly code: "peer-error"; readonly exchange: string; readonly notify: string }
  /** The peer called with IKEv2, in which AH and ESP together cannot be agreed on: RFC 7296 3.3. */
  | { readonly code: "ikev1-alone"; readonly child: string }
  /** AH cannot pass a NAT. */
  | { readonly code: "nat-forbids-ah"; readonly child: string }
  /** In transport mode two hosts behind one NAT cannot be told apart, and another has the same already: RFC 7296 2.23.1. */
  | { readonly code: "nat-forbids-transport"; readonly child: string; readonly remote: Address }
  /** An end's address or port changed, and the Child SA could not follow. */
  | { readonly code: "address-changed"; readonly child: string; readonly to: string; readonly obstacle: string }
  /** The peer restarted without the IKE SA, as the token that it showed proves: RFC 6290. */
  | { readonly code: "peer-lost-state" }
  /** The peer deleted the SA. */
  | { readonly code: "peer-deleted"; readonly what: "IKE SA" | "Child SA" }
  /** Another IKE SA with the same peer took its place: RFC 7296 2.4, 2.8. */
  | { readonly code: "replaced" }
  /** The identity has an IKE SA from another address, and its section says `unique: keep`. */
  | { readonly code: "already-connected"; readonly identity: string; readonly from: string }
  /** A hard limit ended the SA. */
  | { readonly code: "lifetime-over"; readonly what: "IKE SA" | "Child SA" }
  /** The peer sent us, or we sent it, to another gateway: RFC 5685. */
  | { readonly code: "redirected"; readonly to: string }
  /** The peer would send us to where we do not go: not wanted, no address of the peer, or too often. */
  | { readonly code: "redirect-refused"; readonly to: string; readonly why: "forbidden" | "unlisted" | "loop" }
  /** The peer did not prove again in time who it is: RFC 4478. */
  | { readonly code: "authentication-expired" }
  /** On demand, and nothing was carried for its idle time. */
  | { readonly code: "idle"; readonly child: string; readonly seconds: number }
  /** The SA vanished from the kernel without us. */
  | { readonly code: "sa-vanished"; readonly spi: number }
  /** The operator took it down (`down`, or removal from the file). */
  | { readonly code: "operator"; readonly action: "down" | "removed" | "stopped" };

export type ReasonCode = Reason["code"];
