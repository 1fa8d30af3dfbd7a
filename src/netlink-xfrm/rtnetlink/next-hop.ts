import { AF_INET6, addressLength, familyOf, readAddress, writeAddress } from "../codec/address.ts";
import {
  type AttributeCodec,
  addressAttribute,
  attributes,
  type WithUnknown,
  wantAtLeast,
} from "../codec/attribute.ts";
import { align4, HOST_LITTLE_ENDIAN } from "../codec/octets.ts";
import { s32, struct, u8 } from "../codec/struct.ts";
import { InvalidValueError, MalformedMessageError } from "../errors.ts";

/** RTA_VIA: a family number and an address. */
export const via: AttributeCodec<string> = {
  read(octets, start, end, _context, name) {
    wantAtLeast(start, end, 2, name);
    const family = octets.view.getUint16(start, HOST_LITTLE_ENDIAN);
    wantAtLeast(start, end, 2 + addressLength(family), name);
    return readAddress(octets, start + 2, family);
  },
  write(writer, type, value, name) {
    const family = familyOf(value);
    const at = writer.attribute(type, 2 + (family === AF_INET6 ? 16 : 4), name);
    writer.octets.view.setUint16(at, family, HOST_LITTLE_ENDIAN);
    writeAddress(writer.octets, at + 2, value, name);
  },
};

/** One of several ways that a route has. */
export interface NextHop extends WithUnknown {
  /** RTNH_F_* bits. */
  flags: number;
  /** Weight less one. */
  hops: number;
  /** Interface. */
  index: number;
  gateway?: string;
  via?: string;
}

/** `struct rtnexthop`, of which the length is not a property. */
const nextHopHead = struct<Pick<NextHop, "flags" | "hops" | "index">>("rtnexthop", {
  size: 8,
  fields: { flags: [2, u8], hops: [3, u8], index: [4, s32] },
});

const nextHopAttributes = attributes<Pick<NextHop, "gateway" | "via">>("next hop", {
  gateway: [5, addressAttribute],
  via: [18, via],
});

/** The kernel gives no more than a message holds; this bounds what is taken and given. */
const MAX_NEXT_HOPS = 1024;

/** RTA_MULTIPATH: structures with attributes, one behind the other. */
export const nextHops: AttributeCodec<readonly NextHop[]> = {
  read(octets, start, end, context, name) {
    const list: NextHop[] = [];
    let at = start;
    while (at < end) {
      wantAtLeast(at, end, nextHopHead.size, name);
      const length = octets.view.getUint16(at, HOST_LITTLE_ENDIAN);
      if (length < nextHopHead.size || length > end - at || list.length === MAX_NEXT_HOPS) {
        throw new MalformedMessageError(`${name} length`, at, `${nextHopHead.size} to ${end - at}`, length);
      }
      const hop: NextHop = { flags: 0, hops: 0, index: 0 };
      nextHopHead.readInto(octets, at, hop);
      nextHopAttributes.readInto(octets, at + nextHopHead.size, at + length, context, hop);
      list.push(hop);
      at = Math.min(align4(at + length), end);
    }
    return list;
  },
  write(writer, type, list, name) {
    if (list.length > MAX_NEXT_HOPS) throw new InvalidValueError(name, list.length, `1 to ${MAX_NEXT_HOPS} next hops`);
    writer.nested(type, name, () => {
      for (const hop of list) {
        const at = writer.reserve(nextHopHead.size);
        nextHopHead.write(writer.octets, at, hop, name);
        nextHopAttributes.write(writer, hop);
        writer.octets.view.setUint16(at, writer.length - at, HOST_LITTLE_ENDIAN);
      }
    });
  },
};
