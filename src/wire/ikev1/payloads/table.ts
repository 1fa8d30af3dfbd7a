import { type AttrPayload, attributes } from "./configuration.ts";
import { type DPayload, deletion } from "./delete.ts";
import type { PayloadDescription } from "./description.ts";
import { type FragmentPayload, fragment } from "./fragment.ts";
import {
  type CertPayload,
  type CrPayload,
  certificate,
  certificateRequest,
  type IdPayload,
  identification,
  type NatDPayload,
  type NatOaPayload,
  natDiscovery,
  natDiscoveryDraft,
  natOriginalAddress,
  natOriginalAddressDraft,
} from "./identity.ts";
import {
  type HashPayload,
  hash,
  type KePayload,
  keyExchange,
  type NoncePayload,
  nonce,
  type SigPayload,
  signature,
} from "./keying.ts";
import { type NPayload, notification, type VidPayload, vendorId } from "./notification.ts";
import { type OtherSaPayload, otherSecurityAssociation, type SaPayload, securityAssociation } from "./sa.ts";

/**
 * A payload whose body is not read: its type is not in the table, or the caller asked for it as it is (the bodies that
 * authentication with public key encryption has encrypted one by one, RFC 2409 5.2).
 */
export interface OpaquePayload {
  readonly isakmp: "opaque";
  readonly type: number;
  readonly body: Uint8Array;
}

/** Every payload that has a description. */
export type KnownPayload =
  | SaPayload
  | OtherSaPayload
  | KePayload
  | IdPayload
  | CertPayload
  | CrPayload
  | HashPayload
  | SigPayload
  | NoncePayload
  | NPayload
  | DPayload
  | VidPayload
  | AttrPayload
  | NatDPayload
  | NatOaPayload
  | FragmentPayload;

/** Any payload. */
export type Payload = KnownPayload | OpaquePayload;

type Table = { readonly [K in KnownPayload["isakmp"]]: PayloadDescription<Extract<KnownPayload, { isakmp: K }>> };

/** The one table of payloads: a new payload is a description and a line here. */
export const payloads: Table = {
  SA: securityAssociation,
  "SA-other": otherSecurityAssociation,
  KE: keyExchange,
  ID: identification,
  CERT: certificate,
  CR: certificateRequest,
  HASH: hash,
  SIG: signature,
  NONCE: nonce,
  N: notification,
  D: deletion,
  VID: vendorId,
  ATTR: attributes,
  "NAT-D": natDiscovery,
  "NAT-D-draft": natDiscoveryDraft,
  "NAT-OA": natOriginalAddress,
  "NAT-OA-draft": natOriginalAddressDraft,
  FRAGMENT: fragment,
};
