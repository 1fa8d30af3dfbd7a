/** Mode config (draft-dukes-ike-mode-cfg-02): an address inside the tunnels for who calls. */
import {
  type Address,
  addressOctets,
  type Family,
  familyOf,
  formatAddress,
  formatPrefix,
  hostPrefix,
  type Prefix,
  prefixCovers,
} from "../negotiate/address.ts";
import type { Reason } from "../negotiate/reason.ts";
import { childSelectors } from "../negotiate/traffic-selector.ts";
import { formatSelectorOffer } from "../negotiate/traffic-selectors.ts";
import type { ChildDesired } from "../sa/desired.ts";
import type { AddressDelivery } from "../sa/remote-access.ts";
import type { Attribute } from "../wire/ikev1/payloads/attribute.ts";
import { cfgAttribute, cfgType } from "../wire/ikev1/registry/configuration.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import type { TransactionAnswer } from "./setup.ts";

const none = new Uint8Array(0);

// --- the end that gets it --------------------------------------------------------------------------------------------

/** Asks for one, with the one that the ISAKMP SA before this one had as a wish; or waits for one. */
export function askForAddress(sa: IkeV1Sa, by: AddressDelivery): void {
  sa.setup.expect({ kind: "ExpectAddress" });
  if (by === "push") return;
  const wish = sa.succession.formerAddress;
  const type = attributeFor(familyWanted(sa));
  sa.setup.ask({
    name: "mode config",
    cfgType: cfgType.ISAKMP_CFG_REQUEST,
    identifier: Buffer.from(sa.host.random(2)).readUInt16BE(),
    attributes: [{ type, value: wish === undefined ? none : addressOctets(wish) }],
    take: (attributes) => useAddress(sa, attributes),
  });
}

/** Takes the first address of the family that the lines need; the ISAKMP SA comes to nothing without one. */
function useAddress(sa: IkeV1Sa, attributes: readonly Attribute[]): void {
  const { peer } = sa;
  if (peer === undefined || sa.state.kind !== "ExpectAddress") return;
  const given = addressOf(attributes, familyWanted(sa));
  const lines = peer.children.filter(({ mode }) => mode === "tunnel");
  const isUsable = given !== undefined && lines.some((child) => coveringPrefix(child.local, given) !== undefined);
  if (!isUsable) {
    const wanted = lines.flatMap(({ local }) => prefixesOf(local)).map(formatPrefix);
    return sa.setup.refuse({ code: "inner-address-unusable", given, wanted });
  }
  sa.innerAddress = { of: "us", address: given };
  sa.setup.done();
}

function familyWanted({ peer }: IkeV1Sa): Family {
  const first = peer?.children.find(({ mode }) => mode === "tunnel")?.local.prefix;
  return first === undefined || first === "host" ? 4 : familyOf(first.address);
}

// --- the end that gives it -------------------------------------------------------------------------------------------

/** Sends one. */
export function giveAddress(sa: IkeV1Sa, pool: Prefix): void {
  const address = leaseOf(sa, pool, undefined);
  if (address === undefined) return sa.setup.refuse({ code: "pool-exhausted", pool: formatPrefix(pool) });
  sa.setup.expect({ kind: "ExpectAddressAck" });
  sa.setup.ask({
    name: "mode config",
    cfgType: cfgType.ISAKMP_CFG_SET,
    identifier: Buffer.from(sa.host.random(2)).readUInt16BE(),
    attributes: attributesOf(address),
    take: () => {
      if (sa.state.kind === "ExpectAddressAck") sa.setup.done();
    },
  });
}

/** The same caller has the same address as long as one of its ISAKMP SAs stands. */
function leaseOf(sa: IkeV1Sa, prefix: Prefix, wish: Address | undefined): Address | undefined {
  const { peer, host, path, remoteId } = sa;
  if (peer === undefined) return undefined;
  // Many may share an identity: where they call from tells them apart.
  const caller = `${remoteId?.text ?? ""} ${path.remote.address} ${path.remote.port}`;
  const address = host.addressPools.take({ peer: peer.name, prefix }, caller, sa, wish);
  if (address !== undefined) sa.innerAddress = { of: "peer", address };
  return address;
}

// --- what the peer asks or sets --------------------------------------------------------------------------------------

/** Whether a transaction of that type is one that we have to do with addresses in. */
export function isAboutAddress({ peer, state }: IkeV1Sa, type: number): boolean {
  const { kind } = peer?.innerAddress ?? {};
  if (type === cfgType.ISAKMP_CFG_SET) return kind === "client" && state.kind === "ExpectAddress";
  return kind === "server" && (state.kind === "Established" || state.kind === "ExpectAddressAck");
}

/** Gives an address to a peer that asks, or takes what one sends. */
export function takeAddress(sa: IkeV1Sa, type: number, attributes: readonly Attribute[]): TransactionAnswer {
  if (type === cfgType.ISAKMP_CFG_SET) {
    const kept = attributes.map((one) => ({ ...one, value: copyOf(one.value) }));
    // An ACK names what was taken, without values.
    const taken = attributes.filter(({ type: one }) => isAddress(one)).map((one) => ({ type: one.type, value: none }));
    return { attributes: taken, after: () => useAddress(sa, kept) };
  }
  const { innerAddress } = sa.peer ?? {};
  if (innerAddress?.kind !== "server") return { attributes: [] };
  const { pool } = innerAddress;
  const family = familyOf(pool.address);
  if (!attributes.some((one) => one.type === attributeFor(family))) return { attributes: [] };
  const address = leaseOf(sa, pool, addressOf(attributes, family));
  if (address !== undefined) return { attributes: attributesOf(address) };
  sa.host.noted(sa, { code: "pool-exhausted", pool: formatPrefix(pool) });
  return { attributes: [] };
}

// --- the selectors ---------------------------------------------------------------------------------------------------

/**
 * A child as this ISAKMP SA may have it: the end that was given an address has that address alone. Undefined where that is
 * not in the child's subnet, or where there is none yet.
 */
export function withInnerAddress(sa: IkeV1Sa, child: ChildDesired): ChildDesired | undefined {
  const { kind } = sa.peer?.innerAddress ?? {};
  if (kind === undefined || child.mode !== "tunnel") return child;
  const address = sa.innerAddress?.address;
  const end = kind === "client" ? child.local : child.remote;
  if (address === undefined || coveringPrefix(end, address) === undefined) return undefined;
  const { more: _more, ...rest } = end;
  const narrowed = { ...rest, prefix: hostPrefix(address) };
  return kind === "client" ? { ...child, local: narrowed } : { ...child, remote: narrowed };
}

/** Why a child cannot be had: one end is to have an address of the other inside its subnet, and has none. */
export function noInnerAddress({ innerAddress, path }: IkeV1Sa, child: ChildDesired): Reason {
  const hosts = { local: path.local.address, remote: path.remote.address };
  const had =
    innerAddress === undefined ? "no address inside has been given" : `the address given is ${innerAddress.address}`;
  const ours = [formatSelectorOffer(childSelectors(child, hosts))];
  return { code: "selectors-do-not-fit", ours, theirs: [], difference: had };
}

function coveringPrefix(end: ChildDesired["local"], address: Address): Prefix | undefined {
  return prefixesOf(end).find((prefix) => prefixCovers(prefix, address));
}

function prefixesOf({ prefix, more }: ChildDesired["local"]): Prefix[] {
  return prefix === "host" ? [] : [prefix, ...(more ?? [])];
}

// --- attributes ------------------------------------------------------------------------------------------------------

function attributeFor(family: Family): number {
  return family === 4 ? cfgAttribute.INTERNAL_IP4_ADDRESS : cfgAttribute.INTERNAL_IP6_ADDRESS;
}

function isAddress(type: number): boolean {
  return type === cfgAttribute.INTERNAL_IP4_ADDRESS || type === cfgAttribute.INTERNAL_IP6_ADDRESS;
}

function addressOf(attributes: readonly Attribute[], family: Family): Address | undefined {
  const length = family === 4 ? 4 : 16;
  for (const { type, value } of attributes) {
    if (type !== attributeFor(family) || typeof value === "number" || value.length < length) continue;
    // Some put a prefix length after an IPv6 address, as IKEv2 does.
    const octets = value.subarray(0, length);
    if (octets.some((octet) => octet !== 0)) return formatAddress(octets);
  }
  return undefined;
}

function attributesOf(address: Address): Attribute[] {
  const octets = addressOctets(address);
  const own: Attribute = { type: attributeFor(familyOf(address)), value: octets };
  if (familyOf(address) === 6) return [own];
  // The address is all that the caller has: no neighbours.
  return [own, { type: cfgAttribute.INTERNAL_IP4_NETMASK, value: Uint8Array.of(255, 255, 255, 255) }];
}

function copyOf(value: Attribute["value"]): Attribute["value"] {
  return typeof value === "number" ? value : Uint8Array.from(value);
}
