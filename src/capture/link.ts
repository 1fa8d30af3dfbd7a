/** From what a link carries to the IP packet in it. */
import { guessedLink } from "./formats/hex-dump.ts";

const etherIpv4 = 0x0800;
const etherIpv6 = 0x86dd;
const vlanTags: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100]);
const pppoeSession = 0x8864;
/** Tags that may stand one inside the other. */
const maxTags = 4;

/** How a frame of each LINKTYPE_ is read. */
const readers: ReadonlyMap<number, (frame: Buffer) => Buffer | undefined> = new Map([
  [0, fromLoopback],
  [108, fromLoopback],
  [1, (frame) => fromEtherType(frame, 12)],
  [9, fromPpp],
  [50, fromPpp],
  ...[12, 14, 101, 228, 229].map((raw) => [raw, (frame: Buffer) => ipAt(frame, 0)] as const),
  [113, (frame) => fromEtherType(frame, 14)],
  [276, (frame) => (frame.length >= 20 ? byEtherType(frame, frame.readUInt16BE(0), 20) : undefined)],
  [guessedLink, guess],
]);

/** Whether anything is known of frames of that LINKTYPE_. */
export function isKnownLink(linkType: number): boolean {
  return readers.has(linkType);
}

/** The IP packet in a frame of that LINKTYPE_; undefined where it holds something else, or the link is not known. */
export function ipOf(linkType: number, frame: Buffer): Buffer | undefined {
  return readers.get(linkType)?.(frame);
}

function fromLoopback(frame: Buffer): Buffer | undefined {
  return frame.length > 4 ? ipAt(frame, 4) : undefined;
}

function fromEtherType(frame: Buffer, at: number): Buffer | undefined {
  return frame.length >= at + 2 ? byEtherType(frame, frame.readUInt16BE(at), at + 2) : undefined;
}

function byEtherType(frame: Buffer, type: number, start: number): Buffer | undefined {
  let [etherType, at] = [type, start];
  for (let tags = 0; vlanTags.has(etherType) && tags < maxTags && at + 4 <= frame.length; tags += 1) {
    etherType = frame.readUInt16BE(at + 2);
    at += 4;
  }
  if (etherType === pppoeSession && at + 8 <= frame.length) return ipAt(frame, at + 8);
  return etherType === etherIpv4 || etherType === etherIpv6 ? ipAt(frame, at) : undefined;
}

function fromPpp(frame: Buffer): Buffer | undefined {
  const at = frame[0] === 0xff && frame[1] === 0x03 ? 2 : 0;
  if (frame.length < at + 2) return undefined;
  const protocol = frame.readUInt16BE(at);
  return protocol === 0x0021 || protocol === 0x0057 ? ipAt(frame, at + 2) : undefined;
}

function ipAt(frame: Buffer, at: number): Buffer | undefined {
  const version = (frame[at] ?? 0) >> 4;
  return version === 4 || version === 6 ? frame.subarray(at) : undefined;
}

/** A pasted dump: an Ethernet frame, or an IP packet; what is neither is a bare message. */
function guess(octets: Buffer): Buffer | undefined {
  const ethernet = octets.length >= 34 ? fromEtherType(octets, 12) : undefined;
  if (ethernet !== undefined) return ethernet;
  const [first, length] = [octets[0] ?? 0, octets.length >= 20 ? octets.readUInt16BE(2) : 0];
  if (first >= 0x45 && first <= 0x4f && length === octets.length) return octets;
  return first >> 4 === 6 && octets.length >= 40 && octets.readUInt16BE(4) + 40 === octets.length ? octets : undefined;
}
