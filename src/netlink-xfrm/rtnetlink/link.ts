import { attributes, text, u8Attribute, u32Attribute, type WithUnknown } from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import { type Dump, NLM_F_CREATE, NLM_F_EXCL, type Request } from "../codec/request.ts";
import { s32, struct, u8, u16, u32 } from "../codec/struct.ts";
import { LINK_FLAG, RTM } from "./constants.ts";
import { type LinkInfo, linkInfo } from "./link-details.ts";
import { linkLayerAddress } from "./link-layer.ts";

/** The fixed part of a link. */
export interface LinkHead {
  /** 0; 7 (AF_BRIDGE) in events about a bridge's port. */
  family: number;
  /** ARPHRD_* number. */
  hardwareType: number;
  index: number;
  /** Bits of LINK_FLAG. */
  flags: number;
  /** Which bits of `flags` a request changes. */
  change: number;
}

/** `struct ifinfomsg`. */
const linkHead = struct<LinkHead>("ifinfomsg", {
  size: 16,
  fields: { family: [0, u8], hardwareType: [2, u16], index: [4, s32], flags: [8, u32], change: [12, u32] },
});

/** What a link has beside its fixed part. */
export interface LinkAttributes {
  name?: string;
  /** Octets. */
  mtu?: number;
  /** Link-layer address; for GRE the local underlay address in hexadecimal. */
  address?: string;
  /** Index of the link beneath, or of the other end of a veth. */
  link?: number;
  /** Index of the bridge or VRF. */
  master?: number;
  /** RFC 2863: 6 is up, 2 down, 0 unknown. */
  operationalState?: number;
  info?: LinkInfo;
  alias?: string;
  group?: number;
  /** Process in whose network namespace it is to be. */
  namespacePid?: number;
  /** Descriptor of the network namespace in which it is to be. */
  namespaceFd?: number;
  /** Bits of RTEXT_FILTER_*, in requests. */
  extendedMask?: number;
}

/** IFNAMSIZ. */
const name = text(16);

const linkAttributes = attributes<LinkAttributes>("link", {
  name: [3, name],
  mtu: [4, u32Attribute],
  address: [1, linkLayerAddress],
  link: [5, u32Attribute],
  master: [10, u32Attribute],
  operationalState: [16, u8Attribute],
  info: [18, linkInfo],
  alias: [20, text(257)],
  group: [27, u32Attribute],
  namespacePid: [19, u32Attribute],
  namespaceFd: [28, u32Attribute],
  extendedMask: [29, u32Attribute],
});

/** An interface as the kernel tells it. */
export type Link = LinkHead & LinkAttributes & WithUnknown;

/** Payload of the link messages. */
export const linkBody = body(linkHead, linkAttributes);

/** RTEXT_FILTER_SKIP_STATS: counters make up most of a link's 1.5 KiB. */
const SKIP_STATS = 8;

/** Lists the interfaces. */
export function dumpLinks(): Dump<Link> {
  return {
    name: "RTM_GETLINK dump",
    type: RTM.getLink,
    itemType: RTM.newLink,
    write: (writer) => linkBody.write(writer, { extendedMask: SKIP_STATS }),
    read: (message) => linkBody.read(message),
  };
}

/** Reads one interface by index or name; ENODEV where there is none. */
export function getLink(which: Pick<Partial<Link>, "index" | "name">): Request<Link> {
  return {
    name: "RTM_GETLINK",
    type: RTM.getLink,
    flags: 0,
    write: (writer) => linkBody.write(writer, { ...which, extendedMask: SKIP_STATS }),
    reply: { type: RTM.newLink, read: (message) => linkBody.read(message) },
  };
}

/** Makes a virtual interface; EEXIST where the name is taken. */
export function newLink(link: Partial<LinkHead & LinkAttributes> & Required<Pick<Link, "info">>): Request<void> {
  return {
    name: "RTM_NEWLINK",
    type: RTM.newLink,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    write: (writer) => linkBody.write(writer, link),
  };
}

/** Changes an interface: up or down, mtu, name, master. */
export function setLink(link: Partial<Omit<LinkHead, "change">> & LinkAttributes & { up?: boolean }): Request<void> {
  const { up, ...rest } = link;
  const state = up === undefined ? {} : { flags: up ? LINK_FLAG.up : 0, change: LINK_FLAG.up };
  return {
    name: "RTM_NEWLINK",
    type: RTM.newLink,
    flags: 0,
    write: (writer) => linkBody.write(writer, { ...rest, ...state }),
  };
}

/** Removes a virtual interface; ENODEV where there is none. */
export function delLink(which: Pick<Partial<Link>, "index" | "name">): Request<void> {
  return {
    name: "RTM_DELLINK",
    type: RTM.delLink,
    flags: 0,
    write: (writer) => linkBody.write(writer, which),
  };
}
