/** Messages of a version of IKE that is newer than ours: dropped, and the sender is told which it may speak (RFC 7296 2.5). */
import { notify } from "../ikev2/payloads.ts";
import { flag, type Header, headerLength } from "../wire/ikev2/header.ts";
import { encodeMessage } from "../wire/ikev2/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { LogThrottle } from "./log-throttle.ts";

/** Answers a few a second: such messages anybody can send. */
export class UnsupportedVersion {
  readonly #throttle = new LogThrottle();

  /**
   * INVALID_MAJOR_VERSION to a request of a version above 2, whose header is the same by the promise of RFC 7296 2.5; nothing to
   * a response, so that two ends never answer each other, and nothing to version 0.
   */
  answer(header: Header, octets: Uint8Array, now: number): Buffer | undefined {
    const { majorVersion, flags, length, initiatorSpi, responderSpi, exchangeType, messageId } = header;
    if (majorVersion <= 2 || (flags & flag.response) !== 0 || initiatorSpi === 0n) return undefined;
    if (length !== octets.length || length < headerLength) return undefined;
    if (this.#throttle.admit(now) === undefined) return undefined;
    // RFC 7296 1.5: the request's SPIs, message ID and exchange type; 3.10.1: the version that can be had is the header's.
    return encodeMessage(
      {
        initiatorSpi,
        responderSpi,
        majorVersion: 2,
        minorVersion: 0,
        exchangeType,
        flags: flag.response | ((flags & flag.initiator) ^ flag.initiator),
        messageId,
      },
      [notify(notifyType.INVALID_MAJOR_VERSION)],
    );
  }
}
