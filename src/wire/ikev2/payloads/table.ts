import { type CpPayload, configuration } from "./configuration.ts";
import { type DeletePayload, deletion } from "./delete.ts";
import type { PayloadDescription } from "./description.ts";
import { type EapPayload, eap } from "./eap.ts";
import { encrypted, encryptedFragment, type SkfPayload, type SkPayload } from "./encrypted.ts";
import {
  type AuthPayload,
  authentication,
  type CertPayload,
  type CertreqPayload,
  certificate,
  certificateRequest,
  type IdiPayload,
  type IdrPayload,
  identificationInitiator,
  identificationResponder,
} from "./identity.ts";
import { type KePayload, keyExchange, type NoncePayload, nonce, type PsPayload, puzzleSolution } from "./keying.ts";
import { type NotifyPayload, notify, type VendorIdPayload, vendorId } from "./notification.ts";
import { type SaPayload, securityAssociation } from "./sa.ts";
import { selectorsInitiator, selectorsResponder, type TsiPayload, type TsrPayload } from "./selectors.ts";

/** A payload whose type is not in the table; `critical` says whether it may be skipped (RFC 7296 2.5). */
export interface UnknownPayload {
  readonly kind: "unknown";
  readonly type: number;
  readonly critical: boolean;
  readonly body: Uint8Array;
  /** The seven RESERVED bits of the generic payload header, when not zero. */
  readonly reserved?: number;
}

/** Every payload that has a description. */
export type KnownPayload =
  | SaPayload
  | KePayload
  | IdiPayload
  | IdrPayload
  | CertPayload
  | CertreqPayload
  | AuthPayload
  | NoncePayload
  | NotifyPayload
  | DeletePayload
  | VendorIdPayload
  | TsiPayload
  | TsrPayload
  | SkPayload
  | SkfPayload
  | CpPayload
  | EapPayload
  | PsPayload;

/** Any payload. */
export type Payload = KnownPayload | UnknownPayload;

type Table = { readonly [K in KnownPayload["kind"]]: PayloadDescription<Extract<KnownPayload, { kind: K }>> };

/** The one table of payloads: a new payload is a description and a line here. */
export const payloads: Table = {
  SA: securityAssociation,
  KE: keyExchange,
  IDi: identificationInitiator,
  IDr: identificationResponder,
  CERT: certificate,
  CERTREQ: certificateRequest,
  AUTH: authentication,
  Nonce: nonce,
  N: notify,
  D: deletion,
  V: vendorId,
  TSi: selectorsInitiator,
  TSr: selectorsResponder,
  SK: encrypted,
  SKF: encryptedFragment,
  CP: configuration,
  EAP: eap,
  PS: puzzleSolution,
};
