/** Authentication Data of the method Digital Signature (RFC 7427 3): which algorithm, then the signature. */

/** Octets of an AlgorithmIdentifier that is read or written: what its one-octet length can say. */
const longestAlgorithm = 255;

/** What AUTH holds where its method is 14; both are views of the input. */
export interface DigitalSignature {
  /** The AlgorithmIdentifier in DER. */
  readonly algorithm: Uint8Array;
  readonly signature: Uint8Array;
}

/** Undefined where the length leads beyond the end, or leaves no algorithm or no signature. */
export function decodeDigitalSignature(data: Uint8Array): DigitalSignature | undefined {
  const end = 1 + (data[0] ?? 0);
  if (end === 1 || end >= data.length) return undefined;
  return { algorithm: data.subarray(1, end), signature: data.subarray(end) };
}

/** Throws RangeError for an AlgorithmIdentifier that is empty or too long. */
export function encodeDigitalSignature({ algorithm, signature }: DigitalSignature): Buffer {
  if (algorithm.length === 0 || algorithm.length > longestAlgorithm)
    throw new RangeError(`an AlgorithmIdentifier has 1 to ${longestAlgorithm} octets, not ${algorithm.length}`);
  return Buffer.concat([Uint8Array.of(algorithm.length), algorithm, signature]);
}
