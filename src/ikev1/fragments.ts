/** Messages of ours in fragments that fit the path ([MS-IKEE] 3.3.6.1, as Cisco, strongSwan and Libreswan have it too). */
import { decodeHeader, headerLength } from "../wire/ikev1/header.ts";
import { encodeMessage } from "../wire/ikev1/message.ts";
import { fragmentFlag } from "../wire/ikev1/payloads/fragment.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { vendorIds } from "../wire/ikev1/registry/vendor-id.ts";

/** Octets that the generic header of a Fragment payload, fragment ID, number and flags take. */
const payloadHeader = 8;

/** Fragments that one octet can number. */
const mostFragments = 255;

/** The capability after the Vendor ID: fragments in phase 1's main mode, which those who look take for all of IKE. */
const capability = 0x80000000;

/** Says that we take fragments. */
export const fragmentationVendorId: Payload = {
  isakmp: "VID",
  data: Buffer.concat([vendorIds.FRAGMENTATION.octets, Uint8Array.of(capability >>> 24, 0, 0, 0)]),
};

/** Whether a Vendor ID says that the peer takes fragments: with no capabilities after it, or with that one among them. */
export function announcesFragmentation(data: Uint8Array): boolean {
  const { octets } = vendorIds.FRAGMENTATION;
  if (!octets.every((octet, i) => data[i] === octet)) return false;
  return data.length === octets.length || ((data[octets.length] ?? 0) & (capability >>> 24)) !== 0;
}

/**
 * The datagrams of a message, each of at most `room` octets: itself where it fits, and where more fragments than one
 * octet can number would be needed. `id` tells the fragments of one message from those of another.
 */
export function fragmentsOf(message: Uint8Array, room: number, id: number): readonly Uint8Array[] {
  const chunk = room - headerLength - payloadHeader;
  const count = Math.ceil(message.length / chunk);
  if (message.length <= room || chunk < 1 || count > mostFragments) return [message];
  // The header of the whole message, without the encryption flag: the Fragment payload itself is in clear.
  const header = { ...decodeHeader(message), flags: 0 };
  return Array.from({ length: count }, (_, index) =>
    encodeMessage(header, [
      {
        isakmp: "FRAGMENT",
        fragmentId: id,
        fragmentNumber: index + 1,
        fragmentFlags: index === count - 1 ? fragmentFlag.last : 0,
        data: message.subarray(index * chunk, (index + 1) * chunk),
      },
    ]),
  );
}
