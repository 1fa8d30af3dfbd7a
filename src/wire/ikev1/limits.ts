/**
 * Bounds of what is decoded and encoded. The nesting (message, payload, proposal, transform, attribute) is fixed by the
 * descriptions: nothing in the format recurses.
 */
export const limits = {
  /** Octets of a message: what UDP can carry. */
  message: 0xffff,
  /** Payloads in one chain, in clear or decrypted; peers seen in the field send up to about 30, most of them Vendor IDs. */
  payloads: 64,
  /** Proposals in an SA payload; the count is not on the wire. */
  proposals: 64,
  /** Transforms in a proposal: what its one-octet count can say. */
  transforms: 255,
  /** Attributes of a transform: phase 1 defines 16, phase 2 a dozen. */
  transformAttributes: 32,
  /** SPIs in a Delete payload. */
  spis: 1024,
  /** Attributes in an Attributes payload. */
  configurationAttributes: 256,
  /** Octets of an SPI: two cookies are the longest (RFC 2408 3.5). */
  spi: 16,
  /** Octets of a nonce (RFC 2409 5). */
  nonce: { min: 8, max: 256 },
  /** Octets after the last payload of a message in clear: those that some pad it to a multiple of four with. */
  alignment: 3,
} as const;
