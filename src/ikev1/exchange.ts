import type { Protected } from "../wire/ikev1/message.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";

/** One of ours, which begins when its turn comes. */
export interface OwnExchange extends Exchange {
  /** Calls `Exchanges.begin`, and in the end `done` or `doneSoon`. */
  begin(sa: IkeV1Sa): void;
}

/** An exchange of phase 2, ours or the peer's, from its first message to its last. */
export interface Exchange {
  readonly exchangeType: number;
  /** The message ID, which `Exchanges` gives it. */
  messageId: number;
  /** Whether its HASH payload is right: nothing else may be done with it before. */
  isAuthentic(sa: IkeV1Sa, message: Protected): boolean;
  /** Acts on an authentic message that is no repeat. */
  handle(sa: IkeV1Sa, message: Protected): void;
  /** What we sent went unanswered to the end. */
  timedOut(sa: IkeV1Sa, attempts: number, seconds: number): void;
  /** The time that it armed as `activate` and its message ID has come. */
  onTimer?(sa: IkeV1Sa): void;
  /** The ISAKMP SA is over: releases what it holds. */
  abandon(sa: IkeV1Sa): void;
}
