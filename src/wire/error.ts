/** What is wrong with octets that were to be decoded, or with a value that was to be encoded. */
export type WireErrorCode =
  /** A field or a structure needs more octets than its container has left. */
  | "truncated"
  /** Octets are left over where a structure, a payload or the message must end. */
  | "trailing"
  /** A length field contradicts the structure it measures or the datagram. */
  | "length"
  /** A bound of ours (message size, count of payloads, proposals, selectors…) is exceeded. */
  | "limit"
  /** A field has a value that the RFC does not allow there. */
  | "value"
  /** "Last" flags, announced counts and what follows do not agree. */
  | "chain"
  /** A payload stands in clear that may only stand inside SK, or the other way round. */
  | "placement"
  /** The header's major version is not the decoder's. */
  | "major-version"
  /** A value does not fit its field (encoding only). */
  | "unencodable";

/**
 * The only error that the codecs throw: `path` says in which structure (such as `SA/proposal 2/transform 1`),
 * `offset` at which octet of the input (or of the output, for `unencodable`), the message what was seen and what is possible.
 */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly code: WireErrorCode;
  readonly path: string;
  readonly offset: number;

  constructor(code: WireErrorCode, problem: string, path: string, offset: number) {
    super(path === "" ? `${problem} (octet ${offset})` : `${path}: ${problem} (octet ${offset})`);
    this.code = code;
    this.path = path;
    this.offset = offset;
  }
}
