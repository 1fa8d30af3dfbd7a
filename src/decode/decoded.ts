import type { Message as Ikev1Message, Protected } from "../wire/ikev1/message.ts";
import type { Message as Ikev2Message } from "../wire/ikev2/message.ts";
import type { Payload as Ikev2Payload } from "../wire/ikev2/payloads/table.ts";
import type { Path } from "./datagram.ts";
import type { Field } from "./field.ts";

/** How an arrow of the ladder is coloured. */
export type Tone =
  /** It says nothing of success or failure. */
  | "plain"
  /** It agrees to something. */
  | "agreed"
  /** It refuses something, or cannot be read. */
  | "refused"
  /** It was sent before. */
  | "repeat"
  /** Encrypted, and no key for it. */
  | "closed";

/** A decoded piece of IPsec. */
export interface Decoded {
  /** Of the packet in the capture, from 1 on. */
  readonly number: number;
  readonly time: number | undefined;
  readonly path: Path;
  readonly kind: "ike" | "esp" | "ah" | "keepalive";
  /** One line. */
  readonly summary: string;
  /** What was agreed, or why not, in a few words; for the ladder. */
  readonly remark?: string | undefined;
  readonly tone: Tone;
  readonly fields: readonly Field[];
  /** Everything unusual. */
  readonly notes: readonly string[];
  readonly message?: DecodedMessage | undefined;
  readonly packet?: DecodedPacket | undefined;
}

/**
 * What is read of a packet besides where it was found. Fields are made only for those who ask for them, which takes half the time; by a
 * function, since an object with a getter of its own takes longer to make than most packets to read.
 */
export type Reading = Omit<Decoded, "number" | "time" | "path" | "kind" | "fields"> & {
  readonly fieldsOf: () => readonly Field[];
};

/** What was read of an IKE message, for those who look on. */
export type DecodedMessage =
  | {
      readonly version: 2;
      readonly octets: Uint8Array;
      readonly clear: Ikev2Message;
      /** The payloads inside SK, or of all fragments together. */
      readonly inner: readonly Ikev2Payload[] | undefined;
      readonly repeat: boolean;
    }
  | {
      readonly version: 1;
      readonly octets: Uint8Array;
      readonly clear: Ikev1Message;
      readonly inner: Protected | undefined;
      readonly repeat: boolean;
    };

/** What was read of an ESP or AH packet. */
export interface DecodedPacket {
  readonly spi: number;
  readonly sequence: number;
  /** Absent where there is no key. */
  readonly integrity?: "verified" | "failed" | "unchecked";
  readonly nextHeader?: number;
  readonly payload?: Buffer;
}
