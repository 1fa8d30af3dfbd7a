/** Has two ends' exchanges cross in a way that chance would seldom bring about: the order of the nonces, a wrong guess. */
import { nonceLength } from "../../src/ikev2/constants.ts";
import type { PayloadRewrite } from "../../src/ikev2/host.ts";
import type { Payload } from "../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../src/wire/ikev2/registry/message.ts";
import type { EndIndex, Forced } from "./scenario.ts";
import { kindOf } from "./weather.ts";

/** A method that nobody in a forced scenario offers: a 256-bit random ECP group. */
const wrongMethod = { group: 19, data: new Uint8Array(64) } as const;

export class Forcing {
  readonly #forced: Forced;
  readonly #isBegun: () => boolean;
  #guessed = false;
  /** Which end is about to work on a request of the other, and has not drawn the nonce of its answer. */
  #answering: EndIndex | undefined;
  /** The first octets of the nonces as they first went out, in the order of `Forced.nonces`. */
  readonly sent: (number | undefined)[] = [undefined, undefined, undefined, undefined];

  /** `isBegun`: whether what is to be forced has begun. */
  constructor(forced: Forced, isBegun: () => boolean) {
    this.#forced = forced;
    this.#isBegun = isBegun;
  }

  random(end: EndIndex, octets: Uint8Array): Uint8Array {
    if (octets.length !== nonceLength || !this.#isBegun()) return octets;
    octets[0] = this.#forced.nonces[slot(end, this.#answering === end)] ?? 0;
    this.#answering = undefined;
    return octets;
  }

  /** A datagram arrives at an end, and what follows from it at once happens in `handle`. */
  arrives(end: EndIndex, datagram: Uint8Array, handle: () => void): void {
    const asks = datagram[18] === exchangeType.CREATE_CHILD_SA && kindOf(datagram) === "request";
    this.#answering = asks ? end : undefined;
    handle();
    this.#answering = undefined;
  }

  rewrite(end: EndIndex): PayloadRewrite {
    return (exchange, isResponse, payloads) => {
      if (exchange !== exchangeType.CREATE_CHILD_SA || !this.#isBegun()) return payloads;
      const isWrong = end === 0 && !isResponse && this.#forced.wrongGuess && !this.#guessed;
      if (isWrong && payloads.some(({ kind }) => kind === "KE")) {
        this.#guessed = true;
        return payloads.map((payload): Payload => (payload.kind === "KE" ? { kind: "KE", ...wrongMethod } : payload));
      }
      const nonce = payloads.find((payload) => payload.kind === "Nonce");
      if (nonce !== undefined) this.sent[slot(end, isResponse)] ??= nonce.data[0];
      return payloads;
    };
  }
}

/** The place in `Forced.nonces`. */
function slot(end: EndIndex, isResponse: boolean): number {
  return end === 0 ? (isResponse ? 3 : 0) : isResponse ? 1 : 2;
}
