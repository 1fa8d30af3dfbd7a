import { field, reserved, rest, u16 } from "../../codec.ts";
import { limits } from "../limits.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/**
 * Key Exchange (RFC 7296 3.4); whether the length fits the group is the key exchange's to say. Inside SK it may be empty:
 * so Libreswan 5.2 answers where the Child SA proposal that it chose has no key exchange.
 */
export const keyExchange = { ...keyExchangeOf(0), bodyInClear: keyExchangeOf(1).body };

/** Nonce (RFC 7296 3.9). */
export const nonce = payload(
  "Nonce",
  payloadType.Nonce,
  ["clear", "protected"],
  field("data", rest(limits.nonce.min, limits.nonce.max)),
);

/** Puzzle Solution (RFC 8019 8.2): in IKE_SA_INIT in clear, in IKE_AUTH inside SK. */
export const puzzleSolution = payload("PS", payloadType.PS, ["clear", "protected"], field("data", rest(1)));

/** Key Exchange payload. */
export type KePayload = PayloadOf<typeof keyExchange>;

/** Nonce payload. */
export type NoncePayload = PayloadOf<typeof nonce>;

/** Puzzle Solution payload. */
export type PsPayload = PayloadOf<typeof puzzleSolution>;

function keyExchangeOf(leastOctets: number) {
  return payload(
    "KE",
    payloadType.KE,
    ["clear", "protected"],
    field("group", u16),
    reserved("bodyReserved", 2),
    field("data", rest(leastOctets)),
  );
}
