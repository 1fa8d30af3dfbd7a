import { AF_UNSPEC, addressLength, familyOf } from "../codec/address.ts";
import {
  addressAttribute,
  attributes,
  single,
  text,
  u8Attribute,
  u32Attribute,
  type WithUnknown,
} from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import { type Dump, NLM_F_CREATE, NLM_F_EXCL, type Request } from "../codec/request.ts";
import { choice, struct, u8, u32 } from "../codec/struct.ts";
import { ROUTE_SCOPE, type RouteScope, RTM } from "./constants.ts";

/** The fixed part of an interface's address. */
export interface InterfaceAddressHead {
  /** 2 (IPv4) or 10 (IPv6). */
  family: number;
  prefix: number;
  /** Low 8 bits of the flags; see `flags`. */
  shortFlags: number;
  scope: RouteScope | number;
  /** Interface. */
  index: number;
}

/** `struct ifaddrmsg`. */
const addressHead = struct<InterfaceAddressHead>("ifaddrmsg", {
  size: 8,
  fields: {
    family: [0, u8],
    prefix: [1, u8],
    shortFlags: [2, u8],
    scope: [3, choice<RouteScope>(u8, ROUTE_SCOPE)],
    index: [4, u32],
  },
});

/** How long an address lives, in seconds; 0xffffffff is for ever. */
export interface AddressLifetime {
  preferred: number;
  valid: number;
}

/** What an address has beside its fixed part. */
export interface InterfaceAddressAttributes {
  /** The address itself. */
  local?: string;
  /** The same, or the other end of a point-to-point link. For IPv6 this is the address where `local` is not there. */
  address?: string;
  broadcast?: string;
  label?: string;
  /** Bits of ADDRESS_FLAG. */
  flags?: number;
  lifetime?: AddressLifetime;
  metric?: number;
  /** Who made it (IFAPROT_*). */
  protocol?: number;
}

const addressAttributes = attributes<InterfaceAddressAttributes>("address", {
  local: [2, addressAttribute],
  address: [1, addressAttribute],
  broadcast: [4, addressAttribute],
  label: [3, text(16)],
  flags: [8, u32Attribute],
  lifetime: [
    6,
    single<AddressLifetime>(
      struct<AddressLifetime>("ifa_cacheinfo", { size: 16, fields: { preferred: [0, u32], valid: [4, u32] } }),
    ),
  ],
  metric: [9, u32Attribute],
  protocol: [11, u8Attribute],
});

/** An address of an interface as the kernel tells it. */
export type InterfaceAddress = InterfaceAddressHead & InterfaceAddressAttributes & WithUnknown;

/** Payload of the address messages. */
export const addressBody = body(addressHead, addressAttributes);

/** The address itself, wherever the kernel put it. */
export function ownAddress(address: InterfaceAddress): string | undefined {
  return address.local ?? address.address;
}

/** Lists addresses, of one family or of one interface where given. */
export function dumpAddresses(filter: { family?: number; index?: number } = {}): Dump<InterfaceAddress> {
  return {
    name: "RTM_GETADDR dump",
    type: RTM.getAddress,
    itemType: RTM.newAddress,
    write: (writer) => addressBody.write(writer, { family: filter.family ?? AF_UNSPEC, index: filter.index ?? 0 }),
    read: (message) => addressBody.read(message),
  };
}

/** An address to be added or removed. */
export type InterfaceAddressInput = Partial<Omit<InterfaceAddressHead, "shortFlags"> & InterfaceAddressAttributes> &
  Required<Pick<InterfaceAddress, "local" | "index">>;

/** Adds an address; EEXIST where the interface has it. Without a prefix it is a host address. */
export function newAddress(address: InterfaceAddressInput): Request<void> {
  return {
    name: "RTM_NEWADDR",
    type: RTM.newAddress,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    write: (writer) => addressBody.write(writer, completed(address)),
  };
}

/** Removes an address; EADDRNOTAVAIL where the interface has it not. */
export function delAddress(address: InterfaceAddressInput): Request<void> {
  return {
    name: "RTM_DELADDR",
    type: RTM.delAddress,
    flags: 0,
    write: (writer) => addressBody.write(writer, completed(address)),
  };
}

function completed(given: InterfaceAddressInput): Partial<InterfaceAddress> {
  const family = familyOf(given.local);
  const whole = addressLength(family) * 8;
  const { flags, ...rest } = given;
  const wide = flags === undefined ? {} : flags > 0xff ? { flags } : { shortFlags: flags };
  return {
    ...rest,
    ...wide,
    family,
    prefix: given.prefix ?? whole,
    address: given.address ?? given.local,
  };
}
