/** The transaction exchange (draft-dukes-ike-mode-cfg-02 3.1): REQUEST and REPLY, or SET and ACK, each under HASH(1). */
import { hash1 } from "../../crypto/ikev1-keys.ts";
import type { Protected } from "../../wire/ikev1/message.ts";
import type { Attribute } from "../../wire/ikev1/payloads/attribute.ts";
import type { AttrPayload } from "../../wire/ikev1/payloads/configuration.ts";
import { cfgType } from "../../wire/ikev1/registry/configuration.ts";
import { exchangeType } from "../../wire/ikev1/registry/message.ts";
import type { Exchange } from "../exchange.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import { find } from "../payloads.ts";
import { isHash1 } from "./informational.ts";

/** What is asked of the peer, or set there. */
export interface Transaction {
  /** As people call it, in reasons. */
  readonly name: string;
  readonly cfgType: typeof cfgType.ISAKMP_CFG_REQUEST | typeof cfgType.ISAKMP_CFG_SET;
  /** The same in all exchanges of one transaction (draft-beaulieu-ike-xauth-02 6). */
  readonly identifier: number;
  readonly attributes: readonly Attribute[];
  /** The peer's REPLY or ACK. */
  take(attributes: readonly Attribute[]): void;
}

/** One of ours, repeated until it is answered. */
export class TransactionInitiator implements Exchange {
  readonly exchangeType: number = exchangeType.TRANSACTION;
  messageId = 0;
  readonly #transaction: Transaction;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  /** Asks at once: until it is answered nothing else is under way. */
  begin(sa: IkeV1Sa): void {
    const { keying } = sa;
    if (keying === undefined || !sa.exchanges.begin(this)) return;
    const { cfgType: type, identifier, attributes } = this.#transaction;
    say(sa, this, { isakmp: "ATTR", cfgType: type, identifier, attributes }, true);
  }

  isAuthentic(sa: IkeV1Sa, message: Protected): boolean {
    return isHash1(sa, this.messageId, message);
  }

  handle(sa: IkeV1Sa, { payloads }: Protected): void {
    sa.exchanges.done(this);
    const { name, cfgType: asked, take } = this.#transaction;
    const answer = find(payloads, "ATTR");
    if (answer?.cfgType !== asked + 1)
      return sa.setup.refuse({
        code: "protocol-violation",
        exchange: name,
        fault: "the answer is no answer to what was asked",
      });
    take(answer.attributes.map(copied));
  }

  timedOut(sa: IkeV1Sa, attempts: number, seconds: number): void {
    const { name } = this.#transaction;
    sa.setup.unanswered({ code: "no-answer", exchange: name, remote: sa.path.remote.address, attempts, seconds });
  }

  abandon(): void {}
}

/** One of the peer's, answered at once. */
export class TransactionResponder implements Exchange {
  readonly exchangeType: number = exchangeType.TRANSACTION;
  messageId: number;

  constructor(messageId: number) {
    this.messageId = messageId;
  }

  isAuthentic(sa: IkeV1Sa, message: Protected): boolean {
    return isHash1(sa, this.messageId, message);
  }

  handle(sa: IkeV1Sa, { payloads }: Protected): void {
    const asked = find(payloads, "ATTR");
    const isQuestion = asked?.cfgType === cfgType.ISAKMP_CFG_REQUEST || asked?.cfgType === cfgType.ISAKMP_CFG_SET;
    // Draft-dukes-ike-mode-cfg-02 3.3: what is unknown is discarded.
    if (asked === undefined || !isQuestion) return sa.exchanges.doneSoon(this);
    const { attributes, after } = sa.setup.asked(asked);
    const { identifier } = asked;
    say(sa, this, { isakmp: "ATTR", cfgType: asked.cfgType + 1, identifier, attributes }, false);
    sa.exchanges.doneSoon(this);
    after?.();
  }

  timedOut(): void {}

  abandon(): void {}
}

function say(sa: IkeV1Sa, exchange: Exchange, payload: AttrPayload, repeated: boolean): void {
  const { keying } = sa;
  if (keying === undefined) return;
  sa.exchanges.send(exchange, [payload], (rest) => hash1(keying.skeyidA, exchange.messageId, rest), repeated);
}

/** The message goes with its exchange. */
function copied({ type, value }: Attribute): Attribute {
  return { type, value: typeof value === "number" ? value : Uint8Array.from(value) };
}
