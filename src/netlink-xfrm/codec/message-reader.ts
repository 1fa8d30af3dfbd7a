import { MalformedMessageError } from "../errors.ts";
import { NLA_HEADER, NLMSG_HEADER } from "./message-writer.ts";
import { align4, HOST_LITTLE_ENDIAN, type Octets } from "./octets.ts";

/** One netlink message within a datagram: its header, and where its payload stands. */
export interface Message {
  readonly octets: Octets;
  /** Offset of the header. */
  readonly at: number;
  /** Offset of the payload. */
  readonly start: number;
  /** Offset behind the payload. */
  readonly end: number;
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
}

/** What decoders are told beside the octets. */
export interface ReadOptions {
  /** Whether keys are copied out of the message; they are left out unless this is true. */
  readonly keys?: boolean;
}

/** Reads the message whose header is at `at` of a datagram that ends at `limit`. Throws MalformedMessageError. */
export function readMessage(octets: Octets, at: number, limit: number): Message {
  if (limit - at < NLMSG_HEADER) {
    throw new MalformedMessageError("nlmsghdr", at, `${NLMSG_HEADER} octets`, limit - at);
  }
  const { view } = octets;
  const length = view.getUint32(at, HOST_LITTLE_ENDIAN);
  if (length < NLMSG_HEADER || length > limit - at) {
    throw new MalformedMessageError("nlmsghdr length", at, `${NLMSG_HEADER} to ${limit - at}`, length);
  }
  return {
    octets,
    at,
    start: at + NLMSG_HEADER,
    end: at + length,
    type: view.getUint16(at + 4, HOST_LITTLE_ENDIAN),
    flags: view.getUint16(at + 6, HOST_LITTLE_ENDIAN),
    sequence: view.getUint32(at + 8, HOST_LITTLE_ENDIAN),
    portId: view.getUint32(at + 12, HOST_LITTLE_ENDIAN),
  };
}

/** Calls `visit` for each message of a datagram of `length` octets. Every step is at least a header long, so it ends. */
export function forEachMessage(octets: Octets, length: number, visit: (message: Message) => void): void {
  let at = 0;
  while (at < length) {
    const message = readMessage(octets, at, length);
    visit(message);
    at = Math.min(align4(message.end), length);
  }
}

/** The flags of nla_type: nested, and network byte order. */
const NLA_TYPE_MASK = 0x3fff;

/** Calls `visit` for each attribute between `start` and `end`. `what` names the place for errors. */
export function forEachAttribute(
  octets: Octets,
  start: number,
  end: number,
  what: string,
  visit: (type: number, start: number, end: number) => void,
): void {
  const { view } = octets;
  let at = start;
  while (at < end) {
    if (end - at < NLA_HEADER) throw new MalformedMessageError(`${what} attribute`, at, "4 octets", end - at);
    const length = view.getUint16(at, HOST_LITTLE_ENDIAN);
    if (length < NLA_HEADER || length > end - at) {
      throw new MalformedMessageError(`${what} attribute length`, at, `4 to ${end - at}`, length);
    }
    visit(view.getUint16(at + 2, HOST_LITTLE_ENDIAN) & NLA_TYPE_MASK, at + NLA_HEADER, at + length);
    at = Math.min(align4(at + length), end);
  }
}
