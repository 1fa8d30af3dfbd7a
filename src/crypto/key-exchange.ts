import { generateEcp, importEcp } from "./key-exchange/ecp.ts";
import { KeyExchangeError } from "./key-exchange/error.ts";
import { generateModp, importModp } from "./key-exchange/modp.ts";
import { generateMontgomery, importMontgomery } from "./key-exchange/montgomery.ts";
import type { KeMethod, KeTransform } from "./transforms/ke.ts";

export { KeyExchangeError, type KeyExchangeErrorReason } from "./key-exchange/error.ts";

/** One end's ephemeral key pair. */
export interface KePair {
  /** As in the KE payload: fixed length, ECP as x | y (RFC 5903 7), MODP with leading zeros (RFC 7296 3.4). */
  readonly publicValue: Buffer;
  /**
   * The shared secret g^ir as key derivation takes it: fixed length, x alone for ECP. Throws KeyExchangeError for a
   * public value that RFC 6989, RFC 7296 or RFC 8031 refuses.
   */
  deriveShared(peerPublic: Uint8Array): Buffer;
  /** Drops the private key; `deriveShared` must not be called any more. */
  destroy(): void;
}

/** A fresh key pair; throws KeyExchangeError `unsupported` for a method that is decode-only. */
export function generateKePair(ke: KeTransform): KePair {
  const method = runnable(ke);
  switch (method.kind) {
    case "modp":
      return generateModp(ke, method);
    case "ecp":
      return generateEcp(ke, method);
    case "montgomery":
      return generateMontgomery(ke, method);
  }
}

/**
 * The key pair of a known private key, for test vectors and replays: big-endian exponent or scalar for MODP and ECP,
 * the octets of RFC 7748 for X25519 and X448.
 */
export function importKePair(ke: KeTransform, privateKey: Uint8Array): KePair {
  const method = runnable(ke);
  switch (method.kind) {
    case "modp":
      return importModp(ke, method, privateKey);
    case "ecp":
      return importEcp(ke, method, privateKey);
    case "montgomery":
      return importMontgomery(ke, method, privateKey);
  }
}

function runnable(ke: KeTransform): KeMethod {
  if (ke.method === undefined) {
    throw new KeyExchangeError("unsupported", `${ke.name} is not run here: ${ke.decodeOnly ?? "no method"}`);
  }
  return ke.method;
}
