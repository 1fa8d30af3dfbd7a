import { field, rest } from "../../codec.ts";
import { limits } from "../limits.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/** Key Exchange (RFC 2408 3.7); whether the length fits the group is the key exchange's to say. */
export const keyExchange = payload("KE", payloadType.KE, field("data", rest(1)));

/** Nonce (RFC 2408 3.13, RFC 2409 5). */
export const nonce = payload("NONCE", payloadType.NONCE, field("data", rest(limits.nonce.min, limits.nonce.max)));

/** Hash (RFC 2408 3.11). */
export const hash = payload("HASH", payloadType.HASH, field("data", rest()));

/** Signature (RFC 2408 3.12). */
export const signature = payload("SIG", payloadType.SIG, field("data", rest()));

/** Key Exchange payload. */
export type KePayload = PayloadOf<typeof keyExchange>;

/** Nonce payload. */
export type NoncePayload = PayloadOf<typeof nonce>;

/** Hash payload. */
export type HashPayload = PayloadOf<typeof hash>;

/** Signature payload. */
export type SigPayload = PayloadOf<typeof signature>;
