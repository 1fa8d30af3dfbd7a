/** MOBIKE (RFC 4555): which addresses the ends of an IKE SA may use, and which they use. */
import { type Address, addressOctets, familyOf, formatAddress } from "../negotiate/address.ts";
import { authenticates } from "../sa/desired.ts";
import { natTraversalPort, type Path, samePath } from "../sa/path.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import type { IkeSa } from "./ike-sa.ts";
import { findNotify, notify } from "./payloads.ts";

/** What an IKE SA remembers where both ends speak MOBIKE. */
export interface Mobike {
  /** Who opened the first of a row of IKE SAs decides which addresses are used (RFC 4555 3.5). */
  readonly decides: boolean;
  /** Where else the peer says that it can be reached. */
  peerAddresses: readonly Address[];
  /** How often we have changed the addresses: only the answer to the latest UPDATE_SA_ADDRESSES counts. */
  changes: number;
  /** An UPDATE_SA_ADDRESSES that has not been sent yet. */
  waiting: "update" | undefined;
  /** Under which hash of its address the peer last saw us (RFC 4555 3.8). */
  seenAs: Uint8Array | undefined;
  /** Our further addresses as the peer was last told. */
  told: readonly Address[];
  /** Who does not decide: the way that was decided on, which is not taken as long as our address on it is gone (RFC 4555 3.5). */
  left: Path | undefined;
  /** Ways that the peer would not have since it last took one. */
  refused: readonly Path[];
}

/** The message IDs, on one IKE SA, of the peer's latest address update and list: an older one that comes later changes nothing. */
export interface MobikeOrder {
  updatedBy: number;
  listedBy: number;
}

/** More addresses than any host needs; a list is as long as the peer likes. */
const addressLimit = 16;

/** What is said in the IKE_AUTH message that asks for the Child SA, or grants it (RFC 4555 3.2, 3.4). */
export function supportPayloads(sa: IkeSa): Payload[] {
  if (!maySupport(sa)) return [];
  return [notify(notifyType.MOBIKE_SUPPORTED), ...further(sa).map(additional)];
}

/** Who proves nothing could have its packets sent to anybody. */
function maySupport({ peer }: IkeSa): boolean {
  return peer?.mobike === true && authenticates(peer);
}

/** Both ends have said so in IKE_AUTH: from now on addresses may change. */
export function takeSupport(sa: IkeSa, payloads: readonly Payload[]): void {
  if (!maySupport(sa) || findNotify(payloads, notifyType.MOBIKE_SUPPORTED) === undefined) return;
  sa.mobike = {
    decides: sa.role === "initiator",
    peerAddresses: listedAddresses(payloads),
    changes: 0,
    waiting: undefined,
    seenAs: undefined,
    told: further(sa),
    left: undefined,
    refused: [],
  };
}

/** Our whole list, as an INFORMATIONAL request tells it: the address that it leaves from is in its header (RFC 4555 3.6). */
export function listPayloads(sa: IkeSa): Payload[] {
  const addresses = further(sa);
  return addresses.length === 0 ? [notify(notifyType.NO_ADDITIONAL_ADDRESSES)] : addresses.map(additional);
}

/** Whether a request carries a list of addresses. */
export function listsAddresses(payloads: readonly Payload[]): boolean {
  return listTypes.some((type) => findNotify(payloads, type) !== undefined);
}

/** The addresses that a message names; what is none is passed over. */
export function listedAddresses(payloads: readonly Payload[]): Address[] {
  const addresses: Address[] = [];
  for (const payload of payloads) {
    if (addresses.length >= addressLimit) break;
    if (payload.kind !== "N") continue;
    const length = { [notifyType.ADDITIONAL_IP4_ADDRESS]: 4, [notifyType.ADDITIONAL_IP6_ADDRESS]: 16 }[payload.type];
    if (length !== payload.data.length || !isUnicast(payload.data)) continue;
    addresses.push(formatAddress(payload.data));
  }
  return addresses;
}

/** Our addresses beside the one in use. */
export function further(sa: IkeSa): Address[] {
  return sa.host.ownAddresses(sa).filter((address) => address !== sa.path.local.address);
}

/** Every way between an address of ours and one of the peer's, the one in use first; each pair is of one family. */
export function waysOf(sa: IkeSa): Path[] {
  const ways: Path[] = [];
  const own = sa.host.ownAddresses(sa);
  const configured = sa.peer === undefined || sa.peer.remote === "any" ? [] : sa.peer.remote;
  const theirs = new Set([sa.path.remote.address, ...(sa.mobike?.peerAddresses ?? []), ...configured]);
  for (const local of own.includes(sa.path.local.address) ? [sa.path.local.address, ...own] : own) {
    for (const remote of theirs) {
      if (familyOf(local) !== familyOf(remote)) continue;
      const way: Path = {
        local: { address: local, port: natTraversalPort },
        remote: {
          address: remote,
          port: remote === sa.path.remote.address ? sa.path.remote.port : natTraversalPort,
        },
      };
      if (!ways.some((other) => samePath(other, way))) ways.push(way);
    }
  }
  return ways;
}

/**
 * The way that a request takes at its n-th sending. Where it goes unanswered, who decides tries the others in turn: an
 * answer tells which works (RFC 4555 3.10).
 */
export function wayOf(sa: IkeSa, sending: number): Path {
  if (sa.mobike?.decides !== true || sending <= pathPatience) return sa.path;
  const ways = waysOf(sa);
  return ways[(sending - pathPatience) % Math.max(1, ways.length)] ?? sa.path;
}

/** So often a request is sent before the path is doubted. */
export const pathPatience = 2;

const listTypes = [
  notifyType.ADDITIONAL_IP4_ADDRESS,
  notifyType.ADDITIONAL_IP6_ADDRESS,
  notifyType.NO_ADDITIONAL_ADDRESSES,
];

function additional(address: Address): Payload {
  const type = familyOf(address) === 4 ? notifyType.ADDITIONAL_IP4_ADDRESS : notifyType.ADDITIONAL_IP6_ADDRESS;
  return notify(type, addressOctets(address));
}

/** No loopback, no multicast, no link-local and not the unspecified address: nothing that could make us talk to ourselves or to many. */
function isUnicast(octets: Uint8Array): boolean {
  const [first = 0, second = 0] = octets;
  if (octets.length === 4) return first !== 0 && first !== 127 && first < 224 && !(first === 169 && second === 254);
  const zeroes = octets.subarray(0, 15).every((octet) => octet === 0);
  return !zeroes && first !== 0xff && !(first === 0xfe && (second & 0xc0) === 0x80);
}
