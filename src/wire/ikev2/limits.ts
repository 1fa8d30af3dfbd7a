/**
 * Bounds of what is decoded and encoded. The nesting (message, payload, proposal, transform, attribute) is fixed by the
 * descriptions: nothing in the format recurses.
 */
export const limits = {
  /** Octets of a message: what UDP, and the 16-bit length of RFC 9329 3, can carry. */
  message: 0xffff,
  /** Payloads in one chain, in clear or inside SK. */
  payloads: 128,
  /** Proposals in an SA payload; the count is not on the wire, clients seen in the field send up to about 50. */
  proposals: 64,
  /** Transforms in a proposal: what its one-octet count can say. */
  transforms: 255,
  /** Attributes of a transform; only Key Length is defined. */
  transformAttributes: 8,
  /** Traffic selectors in a TS payload: what its one-octet count can say. */
  selectors: 255,
  /** SPIs in a Delete payload. */
  spis: 4096,
  /** Attributes in a Configuration payload. */
  configurationAttributes: 256,
  /** Octets of a nonce (RFC 7296 3.9). */
  nonce: { min: 16, max: 256 },
} as const;
