import { type ExtendedAck, MalformedMessageError } from "../errors.ts";
import { attributes, text, u32Attribute } from "./attribute.ts";
import type { Message } from "./message-reader.ts";
import { NLMSG_HEADER } from "./message-writer.ts";
import { align4, HOST_LITTLE_ENDIAN } from "./octets.ts";

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;

/** Only the head of the request is quoted. */
const NLM_F_CAPPED = 0x100;
/** Attributes follow. */
const NLM_F_ACK_TLVS = 0x200;

interface AckAttributes {
  sentence?: string;
  attributeOffset?: number;
  missingAttribute?: number;
}

const ackAttributes = attributes<AckAttributes>("extended ACK", {
  sentence: [1, text(4096)],
  attributeOffset: [2, u32Attribute],
  missingAttribute: [5, u32Attribute],
});

/** What an NLMSG_ERROR or the NLMSG_DONE of a dump says. */
export interface Acknowledgement {
  /** Positive Linux error number, or 0. */
  readonly errno: number;
  readonly ack: ExtendedAck;
}

/** Reads NLMSG_ERROR: the error number, the quoted request, then attributes. */
export function readAcknowledgement(message: Message): Acknowledgement {
  const { octets, start, end, flags } = message;
  const errno = readErrno(message);
  if (errno === 0) return { errno, ack: {} };
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno, ack: {} };
  if (end - start < 4 + NLMSG_HEADER) {
    throw new MalformedMessageError("nlmsgerr", start, `${4 + NLMSG_HEADER} octets`, end - start);
  }
  const quoted = (flags & NLM_F_CAPPED) !== 0 ? NLMSG_HEADER : octets.view.getUint32(start + 4, HOST_LITTLE_ENDIAN);
  if (quoted > end - start - 4) {
    throw new MalformedMessageError("nlmsgerr quote", start, `at most ${end - start - 4} octets`, quoted);
  }
  return { errno, ack: readAttributes(message, Math.min(start + 4 + align4(quoted), end)) };
}

/** Reads NLMSG_DONE: the error number (none in the oldest kernels), then attributes. */
export function readDone(message: Message): Acknowledgement {
  if (message.end - message.start < 4) return { errno: 0, ack: {} };
  const errno = readErrno(message);
  if (errno === 0 || (message.flags & NLM_F_ACK_TLVS) === 0) return { errno, ack: {} };
  return { errno, ack: readAttributes(message, message.start + 4) };
}

function readErrno({ octets, start, end }: Message): number {
  if (end - start < 4) throw new MalformedMessageError("nlmsgerr", start, "4 octets", end - start);
  const value = octets.view.getInt32(start, HOST_LITTLE_ENDIAN);
  // A dump may end with a positive count.
  return value < 0 ? -value : 0;
}

function readAttributes({ octets, end }: Message, at: number): ExtendedAck {
  const ack: AckAttributes = {};
  ackAttributes.readInto(octets, at, end, { family: 0 }, ack);
  return ack;
}
