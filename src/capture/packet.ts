/** A packet as a capture file holds it. */
export interface CapturedPacket {
  /** From 1 on. */
  readonly number: number;
  /** Seconds since 1970; undefined where the file does not say. */
  readonly time: number | undefined;
  /** A LINKTYPE_ value of the registry at tcpdump.org. */
  readonly linkType: number;
  readonly octets: Buffer;
  /** How long it was on the wire: more than there are octets where the capture cut it. */
  readonly originalLength: number;
}

/** A capture file that cannot be read on; `message` says what is wrong, where it was seen is in the packet's number. */
export class CaptureError extends Error {
  override readonly name = "CaptureError";
}

/** A format of capture files: takes one packet after the other out of the queue. */
export interface CaptureFormat {
  readonly name: string;
  /**
   * The next packet; undefined until more has arrived, or, when the queue has ended, because none is left. Throws
   * {@link CaptureError}.
   */
  next(queue: OctetSource): CapturedPacket | undefined;
}

/** What a format needs of the queue. */
export interface OctetSource {
  readonly length: number;
  readonly ended: boolean;
  peek(count: number): Buffer | undefined;
  take(count: number): Buffer | undefined;
}

/** No packet of any link is longer (libpcap's own bound). */
export const maxPacket = 262_144;
