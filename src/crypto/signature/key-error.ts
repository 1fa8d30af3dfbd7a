/** Why a key is not taken. */
export type KeyErrorReason =
  /** The octets hold no key, or more than a key. */
  | "malformed"
  /** An algorithm or a curve that nothing here signs with. */
  | "unsupported"
  /** Shorter or longer than what is used. */
  | "length"
  /** Parameters that make every signature, or none, hold. */
  | "parameters";

/** A key that must not be used, with the reason in words. */
export class KeyError extends Error {
  override readonly name = "KeyError";
  readonly reason: KeyErrorReason;

  constructor(reason: KeyErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
