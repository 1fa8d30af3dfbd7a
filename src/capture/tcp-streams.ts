/** IKE and ESP over TCP (RFC 9329): a stream prefix, then messages with a 16-bit length before each. */

const bounds = { streams: 256, octets: 131_072, early: 64 } as const;
const prefix = Buffer.from("IKETCP", "latin1");

interface Stream {
  /** Sequence number of the next octet. */
  next: number;
  buffered: Buffer;
  begun: boolean;
  /** Segments that came before what precedes them. */
  readonly early: Map<number, Buffer>;
}

/** What one TCP header says. */
export interface TcpSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly syn: boolean;
  readonly payload: Buffer;
}

/** Undefined where the header is cut short. */
export function readTcp(octets: Buffer): TcpSegment | undefined {
  if (octets.length < 20) return undefined;
  const headerLength = (octets.readUInt8(12) >> 4) * 4;
  if (headerLength < 20 || headerLength > octets.length) return undefined;
  return {
    sourcePort: octets.readUInt16BE(0),
    destinationPort: octets.readUInt16BE(2),
    sequence: octets.readUInt32BE(4),
    syn: (octets.readUInt8(13) & 0x02) !== 0,
    payload: octets.subarray(headerLength),
  };
}

/** The streams that carry IKE, told by their prefix or by port 4500. */
export class TcpStreams {
  readonly #streams = new Map<string, Stream>();

  /** The messages that are whole with this segment of the stream named `key`. */
  take(key: string, segment: TcpSegment): Buffer[] {
    const stream = this.#streamOf(key, segment);
    if (stream === undefined) return [];
    if (segment.syn || segment.payload.length === 0) return [];
    this.#place(stream, segment);
    if (stream.buffered.length > bounds.octets) {
      this.#streams.delete(key);
      return [];
    }
    return messagesOf(stream);
  }

  #streamOf(key: string, segment: TcpSegment): Stream | undefined {
    const known = this.#streams.get(key);
    if (known !== undefined && !segment.syn) return known;
    const begins = segment.payload.subarray(0, prefix.length).equals(prefix);
    if (!begins && segment.sourcePort !== 4500 && segment.destinationPort !== 4500) return undefined;
    const oldest = this.#streams.keys().next();
    if (this.#streams.size >= bounds.streams && oldest.done !== true) this.#streams.delete(oldest.value);
    const next = (segment.sequence + (segment.syn ? 1 : 0)) >>> 0;
    const stream = { next, buffered: Buffer.alloc(0), begun: false, early: new Map<number, Buffer>() };
    this.#streams.set(key, stream);
    return stream;
  }

  #place(stream: Stream, { sequence, payload }: TcpSegment): void {
    const ahead = (sequence - stream.next) | 0;
    if (ahead > 0) {
      if (stream.early.size < bounds.early) stream.early.set(sequence, Buffer.from(payload));
      return;
    }
    const fresh = payload.subarray(Math.min(payload.length, -ahead));
    stream.buffered = Buffer.concat([stream.buffered, fresh]);
    stream.next = (stream.next + fresh.length) >>> 0;
    for (let waiting = stream.early.get(stream.next); waiting !== undefined; waiting = stream.early.get(stream.next)) {
      stream.early.delete(stream.next);
      stream.buffered = Buffer.concat([stream.buffered, waiting]);
      stream.next = (stream.next + waiting.length) >>> 0;
    }
  }
}

function messagesOf(stream: Stream): Buffer[] {
  if (!stream.begun) {
    if (stream.buffered.length < prefix.length) return [];
    // The responder's direction has no prefix (RFC 9329 4).
    if (stream.buffered.subarray(0, prefix.length).equals(prefix))
      stream.buffered = stream.buffered.subarray(prefix.length);
    stream.begun = true;
  }
  const messages: Buffer[] = [];
  while (stream.buffered.length >= 2) {
    const length = stream.buffered.readUInt16BE(0);
    // The length counts itself; less than 2 is nobody's.
    if (length < 2) {
      stream.buffered = Buffer.alloc(0);
      break;
    }
    if (stream.buffered.length < length) break;
    messages.push(stream.buffered.subarray(2, length));
    stream.buffered = stream.buffered.subarray(length);
  }
  return messages;
}
