/**
 * Quick crash detection (RFC 6290): a token that each end makes of the two SPIs and a secret which outlives it, given to the
 * other in IKE_AUTH. Whoever shows it in clear later has lost the IKE SA, and nobody else can show it.
 */
import { hash } from "../crypto/hash.ts";
import { type KeyedPrf, keyPrf } from "../crypto/prf.ts";
import { constantTimeEqual } from "../crypto/secret.ts";
import { findKeyword } from "../crypto/transforms.ts";
import type { Role } from "../sa/any-ike-sa.ts";
import type { Header } from "../wire/ikev2/header.ts";
import { decodeMessage } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { payloadType, protocolId } from "../wire/ikev2/registry/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import type { IkeSa } from "./ike-sa.ts";

/** Octets of the secret (RFC 6290 5.1). */
export const crashSecretLength = 32;

/** Octets of a token, possible and ours (RFC 6290 5). */
const tokenLength = { min: 16, max: 128 } as const;

/** Tokens that are looked at in one message (RFC 6290 4.5). */
const tokensLookedAt = 4;

/** Octets of a token's digest that are kept: a second preimage is out of reach. */
const digestLength = 16;

/** Makes tokens. The same secret makes the same ones again. */
export class CrashTokens {
  readonly #prf: KeyedPrf;

  constructor(secret: Uint8Array) {
    const prf = findKeyword("prfsha256");
    if (prf?.type !== "PRF") throw new RangeError("the table of transforms lacks prfsha256");
    this.#prf = keyPrf(prf, secret);
  }

  /**
   * Our token for an IKE SA in which we have that role. The role is in it, so that two ends with one secret, a copied
   * machine and its origin, still make different ones.
   */
  payload(initiatorSpi: bigint, responderSpi: bigint, role: Role): Payload {
    const octets = Buffer.alloc(17);
    octets.writeBigUInt64BE(initiatorSpi, 0);
    octets.writeBigUInt64BE(responderSpi, 8);
    octets[16] = role === "initiator" ? 1 : 2;
    const data = this.#prf.sign(octets);
    return {
      kind: "N",
      protocolId: protocolId.IKE,
      spi: new Uint8Array(0),
      type: notifyType.QUICK_CRASH_DETECTION,
      data,
    };
  }
}

/** Keeps the digest of the peer's token, where an authenticated message has one; a later one takes its place (RFC 6290 4.4). */
export function takeCrashToken(sa: IkeSa, payloads: readonly Payload[]): void {
  const [token] = tokensIn(payloads);
  if (token !== undefined) sa.crashDigest = digestOf(token);
}

/** Whether a message may be the peer's word, in clear, that it has lost the IKE SA. */
export function mayShowCrash(sa: IkeSa, octets: Uint8Array): boolean {
  return octets[16] === payloadType.N && sa.crashDigest !== undefined;
}

/** RFC 6290 3: it is silently given up where one of the tokens is right. Throws WireError where the message is malformed. */
export function receiveCrash(sa: IkeSa, header: Header, octets: Uint8Array): void {
  const { state, host } = sa;
  if (state.kind !== "Established" && state.kind !== "ExpectDeleteResponse") return;
  if (!host.mayVerifyToken() || !showsCrash(sa, header, octets)) return;
  if (state.kind === "Established") host.forgotten(sa);
  else sa.end(state.reason);
}

function showsCrash(sa: IkeSa, header: Header, octets: Uint8Array): boolean {
  const { crashDigest } = sa;
  if (crashDigest === undefined) return false;
  if (header.initiatorSpi !== sa.initiatorSpi || header.responderSpi !== sa.responderSpi) return false;
  const kept = Buffer.from(crashDigest, "latin1");
  return tokensIn(decodeMessage(octets, header).payloads)
    .slice(0, tokensLookedAt)
    .some((token) => constantTimeEqual(Buffer.from(digestOf(token), "latin1"), kept));
}

function tokensIn(payloads: readonly Payload[]): Uint8Array[] {
  const tokens: Uint8Array[] = [];
  for (const payload of payloads) {
    if (payload.kind !== "N" || payload.type !== notifyType.QUICK_CRASH_DETECTION) continue;
    if (payload.data.length >= tokenLength.min && payload.data.length <= tokenLength.max) tokens.push(payload.data);
  }
  return tokens;
}

/** A string because it is kept as long as the IKE SA. */
function digestOf(token: Uint8Array): string {
  return hash("sha256", token).subarray(0, digestLength).toString("latin1");
}
