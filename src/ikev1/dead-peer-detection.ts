/** Dead peer detection (RFC 3706): R-U-THERE with a number that counts, and its ACK. */
import type { Header } from "../wire/ikev1/header.ts";
import type { NPayload } from "../wire/ikev1/payloads/notification.ts";
import { exchangeType } from "../wire/ikev1/registry/message.ts";
import { notifyType } from "../wire/ikev1/registry/notify.ts";
import { cookiesOf, isHash1 } from "./exchanges/informational.ts";
import type { Informed } from "./exchanges.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import { all, isakmpNotify } from "./payloads.ts";

export class DeadPeerDetection {
  readonly #sa: IkeV1Sa;
  #speaks = false;
  /** Ours: random at first, without its high bit, then one more each time (RFC 3706 6.2). */
  #sequence: number | undefined;
  /** The last question. */
  #asked: Informed | undefined;
  #attempts = 0;
  #firstSent = 0;
  #waiting: (() => void)[] = [];

  constructor(sa: IkeV1Sa) {
    this.#sa = sa;
  }

  /** What the peer's Vendor IDs say. */
  peerSpeaks(speaks: boolean): void {
    this.#speaks = speaks;
  }

  /** Asks, unless it is being asked; a peer that does not know how is asked nothing. */
  ask(then?: () => void): void {
    if (!this.#speaks || this.#sa.state.kind !== "Established") return then?.();
    if (then !== undefined) this.#waiting.push(then);
    if (this.#attempts > 0) return;
    this.#sequence = this.#sequence === undefined ? this.#first() : (this.#sequence + 1) >>> 0;
    this.#firstSent = this.#sa.host.now();
    this.#send();
  }

  /** Whether an answer is awaited. */
  get isAsking(): boolean {
    return this.#attempts > 0;
  }

  /** The peer asks. */
  asked({ data }: NPayload): void {
    const octets = Uint8Array.from(data);
    if (octets.length !== 4) return;
    this.#sa.exchanges.inform([isakmpNotify(notifyType.R_U_THERE_ACK, cookiesOf(this.#sa), octets)]);
    this.#sa.dialect.sayAgain();
  }

  /** The peer answers; only our own number counts (RFC 3706 6.2). */
  answered({ data }: NPayload): boolean {
    if (this.#attempts === 0 || data.length !== 4) return false;
    if (Buffer.from(data.buffer, data.byteOffset, 4).readUInt32BE() !== this.#sequence) return false;
    this.#settle();
    this.#sa.dialect.sayAgain();
    return true;
  }

  /**
   * Whether a message under a message ID of ours is the answer to the last question. RFC 2409 5.7 wants another ID for it; who
   * takes ours for the first message of an exchange says it under the same, with a fresh IV or with the next one. Nothing of
   * ours under that ID is an R-U-THERE-ACK, so that none can be thrown back as one.
   */
  isAnswer(header: Header, ciphertext: Uint8Array): boolean {
    const asked = this.#asked;
    if (asked?.messageId !== header.messageId || header.exchangeType !== exchangeType.INFORMATIONAL) return false;
    for (const chain of [undefined, asked.chain]) {
      const message = this.#sa.exchanges.openAlone(header, ciphertext, chain);
      if (message === undefined || !isHash1(this.#sa, header.messageId, message)) continue;
      const answer = all(message.payloads, "N").find(({ type }) => type === notifyType.R_U_THERE_ACK);
      return answer !== undefined && this.answered(answer);
    }
    return false;
  }

  /** No answer in time. Any other authentic message is as good as one. */
  onTimer(): void {
    const { host, peer, path } = this.#sa;
    if (peer === undefined || this.#attempts === 0) return;
    if (this.#sa.lastHeard > this.#firstSent) return this.#settle();
    if (this.#attempts <= peer.timing.retransmitTries) return this.#send();
    const seconds = Math.round((host.now() - this.#firstSent) / 1000);
    const attempts = this.#attempts;
    this.#sa.end({ code: "no-answer", exchange: "INFORMATIONAL", remote: path.remote.address, attempts, seconds });
  }

  /** There will be no answer. */
  abandon(): void {
    this.#settle();
  }

  #send(): void {
    const { host, peer } = this.#sa;
    if (peer === undefined) return;
    this.#attempts += 1;
    const octets = Buffer.allocUnsafe(4);
    octets.writeUInt32BE(this.#sequence ?? 0);
    this.#asked = this.#sa.exchanges.inform([isakmpNotify(notifyType.R_U_THERE, cookiesOf(this.#sa), octets)]);
    const wait = peer.timing.retransmitFirst * peer.timing.retransmitFactor ** (this.#attempts - 1);
    host.arm(this.#sa, "dpd", host.now() + wait);
  }

  #settle(): void {
    this.#attempts = 0;
    this.#asked = undefined;
    this.#sa.host.disarm(this.#sa, "dpd");
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const then of waiting) then();
  }

  #first(): number {
    return Buffer.from(this.#sa.host.random(4)).readUInt32BE() >>> 1;
  }
}
