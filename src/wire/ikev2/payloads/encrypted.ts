import { check, field, rest, type Step, u16 } from "../../codec.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/**
 * The generic header's Next Payload, which for the encrypted payloads is the type of the first payload inside
 * (RFC 7296 3.14); the chain sets and writes it.
 */
const firstInner: Step<{ readonly firstInner: number }> = { read() {}, write() {} };

/** Encrypted and Authenticated (RFC 7296 3.14): `body` is IV, ciphertext and ICV. */
export const encrypted = payload("SK", payloadType.SK, ["clear"], firstInner, field("body", rest()));

function fragmentProblem(f: { fragmentNumber: number; totalFragments: number }): string | undefined {
  if (f.fragmentNumber >= 1 && f.fragmentNumber <= f.totalFragments) return undefined;
  return `fragment ${f.fragmentNumber} of ${f.totalFragments}, possible are 1 to the total`;
}

/** Encrypted and Authenticated Fragment (RFC 7383 2.5, and 2.6 for the numbers that are refused). */
export const encryptedFragment = payload(
  "SKF",
  payloadType.SKF,
  ["clear"],
  firstInner,
  field("fragmentNumber", u16),
  field("totalFragments", u16),
  check(fragmentProblem),
  field("body", rest()),
);

/** Encrypted payload. */
export type SkPayload = PayloadOf<typeof encrypted>;

/** Encrypted Fragment payload. */
export type SkfPayload = PayloadOf<typeof encryptedFragment>;
