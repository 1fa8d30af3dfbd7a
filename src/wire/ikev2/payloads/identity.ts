import { field, reserved, rest, u8 } from "../../codec.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/** RFC 7296 3.5; the data is empty for ID_NULL (RFC 7619). */
const identification = [field("idType", u8), reserved("bodyReserved", 3), field("data", rest())] as const;

/** Identification - Initiator. */
export const identificationInitiator = payload("IDi", payloadType.IDi, ["protected"], ...identification);

/** Identification - Responder. */
export const identificationResponder = payload("IDr", payloadType.IDr, ["protected"], ...identification);

const certificateBody = [field("encoding", u8), field("data", rest())] as const;

/** Certificate (RFC 7296 3.6). */
export const certificate = payload("CERT", payloadType.CERT, ["protected"], ...certificateBody);

/** Certificate Request (RFC 7296 3.7); in clear in the IKE_SA_INIT response. */
export const certificateRequest = payload("CERTREQ", payloadType.CERTREQ, ["clear", "protected"], ...certificateBody);

/** Authentication (RFC 7296 3.8). */
export const authentication = payload(
  "AUTH",
  payloadType.AUTH,
  ["protected"],
  field("method", u8),
  reserved("bodyReserved", 3),
  field("data", rest()),
);

/** The initiator's identity. */
export type IdiPayload = PayloadOf<typeof identificationInitiator>;

/** The responder's identity. */
export type IdrPayload = PayloadOf<typeof identificationResponder>;

/** Certificate payload. */
export type CertPayload = PayloadOf<typeof certificate>;

/** Certificate Request payload. */
export type CertreqPayload = PayloadOf<typeof certificateRequest>;

/** Authentication payload. */
export type AuthPayload = PayloadOf<typeof authentication>;
