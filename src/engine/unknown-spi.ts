/** Requests protected by an IKE SA that is not here: the sender is told, and how it may believe it (RFC 7296 2.21.4, RFC 6290 4.5). */
import type { CrashTokens } from "../ikev2/crash-token.ts";
import { notify } from "../ikev2/payloads.ts";
import { flag, type Header } from "../wire/ikev2/header.ts";
import { encodeMessage } from "../wire/ikev2/message.ts";
import { exchangeType as exchangeTypes, payloadType } from "../wire/ikev2/registry/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { LogThrottle } from "./log-throttle.ts";

/** Exchanges of IKE SAs that stand; before that there is nothing to lose. */
const ofEstablished: ReadonlySet<number> = new Set([exchangeTypes.CREATE_CHILD_SA, exchangeTypes.INFORMATIONAL]);

/** Answers a few a second: such requests anybody can send, and each answer is one that must not be collected (RFC 6290 9.3). */
export class UnknownSpi {
  readonly #throttle = new LogThrottle();
  readonly #tokens: CrashTokens | undefined;

  constructor(tokens: CrashTokens | undefined) {
    this.#tokens = tokens;
  }

  /**
   * The answer to a datagram whose IKE SA is not known here, where it has one. Never for an IKE SA that stands: the caller
   * has looked it up by our SPI (RFC 6290 9.2).
   */
  answer(header: Header, octets: Uint8Array, now: number): Buffer | undefined {
    const { initiatorSpi, responderSpi, exchangeType, messageId, flags } = header;
    if (octets[16] !== payloadType.SK && octets[16] !== payloadType.SKF) return undefined;
    if (!ofEstablished.has(exchangeType) || (flags & flag.response) !== 0 || initiatorSpi === 0n || responderSpi === 0n)
      return undefined;
    if (header.length !== octets.length || this.#throttle.admit(now) === undefined) return undefined;
    const weResponded = (flags & flag.initiator) !== 0;
    const token = this.#tokens?.payload(initiatorSpi, responderSpi, weResponded ? "responder" : "initiator");
    return encodeMessage(
      {
        initiatorSpi,
        responderSpi,
        majorVersion: 2,
        minorVersion: 0,
        exchangeType,
        flags: flag.response | (weResponded ? 0 : flag.initiator),
        messageId,
      },
      [notify(notifyType.INVALID_IKE_SPI), ...(token === undefined ? [] : [token])],
    );
  }
}
