/** Somebody who is shown keys as they are derived: only where the operator asked that they be exported (invariant 8). */
import type { EncrTransform } from "../crypto/transforms/encr.ts";
import type { IntegTransform } from "../crypto/transforms/integ.ts";

/** The keys that protect an IKEv2 SA's messages; the octets are wiped when the call returns. */
export interface WitnessedIkeKeys {
  readonly version: 2;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly encr: EncrTransform;
  readonly integ: IntegTransform | undefined;
  readonly skEi: Uint8Array;
  readonly skEr: Uint8Array;
  readonly skAi: Uint8Array;
  readonly skAr: Uint8Array;
}

/** The key that encrypts an ISAKMP SA's messages of either end (RFC 2409 appendix B); the octets are wiped when the call returns. */
export interface WitnessedIsakmpKey {
  readonly version: 1;
  readonly initiatorCookie: bigint;
  readonly key: Uint8Array;
}

/** Called for each IKE SA whose keys are derived. */
export type KeyWitness = (keys: WitnessedIkeKeys | WitnessedIsakmpKey) => void;
