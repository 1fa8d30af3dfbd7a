import { check, field, rest, u8, u16, zeros } from "../../codec.ts";
import { idType } from "../registry/identity.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/** Octets of the ID types that are addresses (RFC 2407 4.6.2). */
const addressLengths: ReadonlyMap<number, number> = new Map([
  [idType.ID_IPV4_ADDR, 4],
  [idType.ID_IPV4_ADDR_SUBNET, 8],
  [idType.ID_IPV4_ADDR_RANGE, 8],
  [idType.ID_IPV6_ADDR, 16],
  [idType.ID_IPV6_ADDR_SUBNET, 32],
  [idType.ID_IPV6_ADDR_RANGE, 32],
]);

function addressProblem(id: { idType: number; data: Uint8Array }): string | undefined {
  const length = addressLengths.get(id.idType);
  if (length === undefined || length === id.data.length) return undefined;
  return `an ID of type ${id.idType} has ${id.data.length} octets of data, possible are ${length}`;
}

/** Identification (RFC 2407 4.6.2). */
export const identification = payload(
  "ID",
  payloadType.ID,
  field("idType", u8),
  field("ipProtocol", u8),
  field("port", u16),
  field("data", rest()),
  check(addressProblem),
);

/** Certificate (RFC 2408 3.9). */
export const certificate = payload("CERT", payloadType.CERT, field("encoding", u8), field("data", rest()));

/** Certificate Request (RFC 2408 3.10); the authority may be empty. */
export const certificateRequest = payload("CR", payloadType.CR, field("encoding", u8), field("authority", rest()));

const natAddressLengths: ReadonlyMap<number, number> = new Map([
  [idType.ID_IPV4_ADDR, 4],
  [idType.ID_IPV6_ADDR, 16],
]);

function natAddressProblem(id: { idType: number; address: Uint8Array }): string | undefined {
  const length = natAddressLengths.get(id.idType);
  if (length === undefined) return `ID type is ${id.idType}, possible are ID_IPV4_ADDR and ID_IPV6_ADDR`;
  if (length === id.address.length) return undefined;
  return `an address of type ${id.idType} has ${id.address.length} octets, possible are ${length}`;
}

const originalAddress = [field("idType", u8), zeros(3), field("address", rest()), check(natAddressProblem)] as const;

/** NAT Original Address (RFC 3947 5.2). */
export const natOriginalAddress = payload("NAT-OA", payloadType.NAT_OA, ...originalAddress);

/** NAT Original Address under the number of the drafts up to 03. */
export const natOriginalAddressDraft = payload("NAT-OA-draft", payloadType.NAT_OA_DRAFT, ...originalAddress);

/** NAT Discovery (RFC 3947 3.2): the hash of cookies, address and port. */
export const natDiscovery = payload("NAT-D", payloadType.NAT_D, field("hash", rest(1)));

/** NAT Discovery under the number of the drafts up to 03. */
export const natDiscoveryDraft = payload("NAT-D-draft", payloadType.NAT_D_DRAFT, field("hash", rest(1)));

/** Identification payload. */
export type IdPayload = PayloadOf<typeof identification>;

/** Certificate payload. */
export type CertPayload = PayloadOf<typeof certificate>;

/** Certificate Request payload. */
export type CrPayload = PayloadOf<typeof certificateRequest>;

/** NAT Original Address payload, under either number. */
export type NatOaPayload = PayloadOf<typeof natOriginalAddress> | PayloadOf<typeof natOriginalAddressDraft>;

/** NAT Discovery payload, under either number. */
export type NatDPayload = PayloadOf<typeof natDiscovery> | PayloadOf<typeof natDiscoveryDraft>;
