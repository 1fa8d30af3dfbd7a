import { AF_BRIDGE, AF_UNSPEC, familyOf } from "../codec/address.ts";
import {
  addressAttribute,
  attributes,
  u16Attribute,
  u16beAttribute,
  u32Attribute,
  type WithUnknown,
} from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import { type Dump, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, type Request } from "../codec/request.ts";
import { s32, struct, u8, u16 } from "../codec/struct.ts";
import { NEIGHBOUR_FLAG, NEIGHBOUR_STATE, RTM } from "./constants.ts";
import { linkLayerAddress } from "./link-layer.ts";

/** The fixed part of a neighbour or forwarding entry. */
export interface NeighbourHead {
  /** 2, 10: whose link-layer address it is; 7 (AF_BRIDGE): a forwarding entry of a bridge or VXLAN device. */
  family: number;
  /** Interface. */
  index: number;
  /** Bits of NEIGHBOUR_STATE. */
  state: number;
  /** Bits of NEIGHBOUR_FLAG. */
  flags: number;
  /** RTN_* number. */
  type: number;
}

/** `struct ndmsg`. */
const neighbourHead = struct<NeighbourHead>("ndmsg", {
  size: 12,
  fields: { family: [0, u8], index: [4, s32], state: [8, u16], flags: [10, u8], type: [11, u8] },
});

/** What a neighbour or forwarding entry has beside its fixed part. */
export interface NeighbourAttributes {
  /** The neighbour's address; in a forwarding entry the VTEP behind which `linkLayer` is. */
  destination?: string;
  /** "00:00:00:00:00:00" in a VXLAN's forwarding entry is everything not known: broadcast goes there. */
  linkLayer?: string;
  vlan?: number;
  /** UDP port of the VTEP, where it is not the device's. */
  port?: number;
  /** VXLAN network identifier, where it is not the device's. */
  vni?: number;
  /** Underlay interface to the VTEP. */
  outputInterface?: number;
  /** Bridge. */
  master?: number;
  sourceVni?: number;
  /** Next-hop object: a group of VTEPs. */
  nextHopId?: number;
}

const neighbourAttributes = attributes<NeighbourAttributes>("neighbour", {
  linkLayer: [2, linkLayerAddress],
  destination: [1, addressAttribute],
  vlan: [5, u16Attribute],
  port: [6, u16beAttribute],
  vni: [7, u32Attribute],
  sourceVni: [11, u32Attribute],
  nextHopId: [13, u32Attribute],
  outputInterface: [8, u32Attribute],
  master: [9, u32Attribute],
});

/** A neighbour or forwarding entry as the kernel tells it. */
export type Neighbour = NeighbourHead & NeighbourAttributes & WithUnknown;

/** Payload of the neighbour messages. */
export const neighbourBody = body(neighbourHead, neighbourAttributes);

/** Lists neighbours, of one family or of one interface where given. */
export function dumpNeighbours(filter: { family?: number; index?: number } = {}): Dump<Neighbour> {
  const { family = AF_UNSPEC, index } = filter;
  return neighbourDump({ family, ...(index !== undefined && { outputInterface: index }) }, index);
}

/** Lists the forwarding entries of bridges and VXLAN devices, of one device where given. */
export function dumpForwardingEntries(filter: { index?: number } = {}): Dump<Neighbour> {
  // The kernel's own filter by device means a bridge's port here, so the entries of others are left out here.
  return neighbourDump({ family: AF_BRIDGE }, filter.index);
}

function neighbourDump(request: Partial<Neighbour>, index: number | undefined): Dump<Neighbour> {
  return {
    name: "RTM_GETNEIGH dump",
    type: RTM.getNeighbour,
    itemType: RTM.newNeighbour,
    write: (writer) => neighbourBody.write(writer, request),
    read(message) {
      const neighbour = neighbourBody.read(message);
      return index === undefined || neighbour.index === index ? neighbour : undefined;
    },
  };
}

/** A neighbour to be added or removed: index, destination and linkLayer at least. */
export type NeighbourInput = Partial<NeighbourHead & NeighbourAttributes>;

/** Adds a lasting neighbour, or changes it. */
export function replaceNeighbour(neighbour: NeighbourInput): Request<void> {
  return neighbourRequest(RTM.newNeighbour, NLM_F_CREATE | NLM_F_REPLACE, neighbour);
}

/** Removes a neighbour; ENOENT where there is none. */
export function delNeighbour(neighbour: NeighbourInput): Request<void> {
  return neighbourRequest(RTM.delNeighbour, 0, neighbour);
}

/** Adds a lasting forwarding entry to a VXLAN device; EEXIST where the link-layer address has one. */
export function newForwardingEntry(entry: NeighbourInput): Request<void> {
  return neighbourRequest(RTM.newNeighbour, NLM_F_CREATE | NLM_F_EXCL, forwarding(entry));
}

/** Adds one more destination to a link-layer address ("00:00:00:00:00:00" for broadcast). */
export function appendForwardingEntry(entry: NeighbourInput): Request<void> {
  return neighbourRequest(RTM.newNeighbour, NLM_F_CREATE | NLM_F_APPEND, forwarding(entry));
}

/** Removes a forwarding entry; ENOENT where there is none. */
export function delForwardingEntry(entry: NeighbourInput): Request<void> {
  return neighbourRequest(RTM.delNeighbour, 0, forwarding(entry));
}

function forwarding(entry: NeighbourInput): NeighbourInput {
  return {
    flags: NEIGHBOUR_FLAG.self,
    state: NEIGHBOUR_STATE.permanent | NEIGHBOUR_STATE.noArp,
    ...entry,
    family: AF_BRIDGE,
  };
}

function neighbourRequest(type: number, flags: number, given: NeighbourInput): Request<void> {
  const { destination } = given;
  const family = given.family ?? (destination === undefined ? AF_UNSPEC : familyOf(destination));
  return {
    name: type === RTM.newNeighbour ? "RTM_NEWNEIGH" : "RTM_DELNEIGH",
    type,
    flags,
    write: (writer) => neighbourBody.write(writer, { state: NEIGHBOUR_STATE.permanent, ...given, family }),
  };
}
