/** What a negotiation of proposals comes to: one transform of each type. */

import type { ProposalProtocol } from "../crypto/keywords.ts";
import type { EncrTransform } from "../crypto/transforms/encr.ts";
import type { IntegTransform } from "../crypto/transforms/integ.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";
import type { PrfTransform } from "../crypto/transforms/prf.ts";
import type { EsnTransform, Transform, TransformType } from "../crypto/transforms.ts";

export type { ProposalProtocol };

/** The algorithms of an IKE SA. */
export interface IkeSuite {
  readonly encr: EncrTransform;
  /** Undefined with an AEAD cipher. */
  readonly integ?: IntegTransform | undefined;
  readonly prf: PrfTransform;
  readonly ke: KeTransform;
}

/** The algorithms of a Child SA: `encr` for ESP; `integ` for AH, and for ESP without an AEAD cipher. */
export interface ChildSuite {
  readonly encr?: EncrTransform | undefined;
  readonly integ?: IntegTransform | undefined;
  /** Of the AH around ESP, which IKEv1 alone can negotiate; ESP may then have no integrity of its own. */
  readonly ah?: IntegTransform | undefined;
  /** Undefined where the keys come from the IKE SA alone (RFC 7296 2.17). */
  readonly ke?: KeTransform | undefined;
  readonly esn: EsnTransform;
}

/** The suite that a protocol's proposals come to. */
export type SuiteOf<P extends ProposalProtocol> = P extends "ike" ? IkeSuite : ChildSuite;

/** A row of one type. */
export type RowOf<T extends TransformType> = Extract<Transform, { readonly type: T }>;

/** At most one row of each type. */
export type Picks = { readonly [T in TransformType]?: RowOf<T> | undefined };

/** The suite of complete picks, or undefined where a type that the protocol needs is missing (RFC 7296 3.3.3). */
export function suiteOf<P extends ProposalProtocol>(protocol: P, picks: Picks): SuiteOf<P> | undefined {
  const suite = protocol === "ike" ? ikeSuite(picks) : childSuite(protocol, picks);
  // The two branches give what SuiteOf says for the protocol that chose them.
  return suite as SuiteOf<P> | undefined;
}

function ikeSuite({ ENCR: encr, INTEG: integ, PRF: prf, KE: ke }: Picks): IkeSuite | undefined {
  if (encr === undefined || prf === undefined || ke === undefined) return undefined;
  return encr.aead === (integ === undefined) ? { encr, integ, prf, ke } : undefined;
}

function childSuite(protocol: "esp" | "ah", picks: Picks): ChildSuite | undefined {
  const { ENCR: encr, INTEG: integ, KE: ke, ESN: esn } = picks;
  if (esn === undefined || picks.PRF !== undefined) return undefined;
  if (protocol === "ah") return encr === undefined && integ !== undefined ? { integ, ke, esn } : undefined;
  return encr !== undefined && encr.aead === (integ === undefined) ? { encr, integ, ke, esn } : undefined;
}
