import type { KeTransform } from "../transforms/ke.ts";

/**
 * Why a key exchange was refused. `length`, `range`, `subgroup`, `not-on-curve` and `low-order` are faults of the peer's public
 * value (RFC 6989 2); `unsupported`, `private-key` and `destroyed` are ours.
 */
export type KeyExchangeErrorReason =
  | "length"
  | "range"
  | "subgroup"
  | "not-on-curve"
  | "low-order"
  | "unsupported"
  | "private-key"
  | "destroyed";

/** A public value that must not be used, or a key pair that cannot be. */
export class KeyExchangeError extends Error {
  override readonly name = "KeyExchangeError";
  readonly reason: KeyExchangeErrorReason;

  constructor(reason: KeyExchangeErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Throws `length` unless the public value has the method's length (RFC 7296 3.4, RFC 5903 7, RFC 8031 3.1). */
export function checkPublicLength(ke: KeTransform, peerPublic: Uint8Array): void {
  if (peerPublic.length !== ke.publicLength) {
    throw new KeyExchangeError(
      "length",
      `a public value of ${ke.name} has ${ke.publicLength} octets, the peer sent ${peerPublic.length}`,
    );
  }
}

/** The private key, or `destroyed` when it has been dropped. */
export function present<T>(privateKey: T | undefined, ke: KeTransform): T {
  if (privateKey === undefined)
    throw new KeyExchangeError("destroyed", `the private key of this ${ke.name} pair is gone`);
  return privateKey;
}
