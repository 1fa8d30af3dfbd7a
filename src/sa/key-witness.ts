/** Somebody who is shown keys as they are derived: only where the operator asked that they be exported (invariant 8). */
import type { EncrTransform } from "../crypto/transforms/encr.ts";
import type { IntegTransform } from "../crypto/transforms/integ.ts";

/** The keys that protect an IKEv2 SA's messages; the octets are wiped when the call returns. */
export interface WitnessedIkeKeys {
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly encr: EncrTransform;
  readonly integ: IntegTransform | undefined;
  readonly skEi: Uint8Array;
  readonly skEr: Uint8Array;
  readonly skAi: Uint8Array;
  readonly skAr: Uint8Array;
}

/** Called for each IKE SA whose keys are derived. */
export type KeyWitness = (keys: WitnessedIkeKeys) => void;
