/** New IKE SAs from outside: repeats, cookies, limits, and then IKE_SA_INIT's own checks (RFC 7296 2.6). */

import { hash } from "../crypto/hash.ts";
import { keTransforms } from "../crypto/transforms/ke.ts";
import { CookieJar } from "../ikev2/cookie.ts";
import { answerInit, statelessAnswer } from "../ikev2/exchanges/ike-sa-init-responder.ts";
import { answerResume } from "../ikev2/exchanges/ike-session-resume-responder.ts";
import type { Host } from "../ikev2/host.ts";
import type { IkeSa } from "../ikev2/ike-sa.ts";
import { find, notify } from "../ikev2/payloads.ts";
import { readClear } from "../ikev2/received-payloads.ts";
import { gatewayText, mayBeRedirected, redirectPayload } from "../ikev2/redirect.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { PeerDesired } from "../sa/desired.ts";
import { formatEndpoint, type Path } from "../sa/path.ts";
import { WireError } from "../wire/error.ts";
import type { Header } from "../wire/ikev2/header.ts";
import type { Message } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { peekFirst, type SeenFirst } from "../wire/ikev2/peek.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import type { Admission, Caller } from "./admission.ts";
import { LogThrottle } from "./log-throttle.ts";
import type { PeerDirectory } from "./peer-directory.ts";

/** Refusals a second that strangers are told: each costs more than to say nothing. */
const answersToStrangers = 100;

/** Refused requests that are remembered, so that their repeats are not told of. */
const rememberedRefusals = 256;

export class Responder {
  readonly #host: Host;
  readonly #directory: PeerDirectory;
  readonly #admission: Admission;
  readonly #allocateSpi: () => bigint;
  readonly #cookies: CookieJar;
  readonly #throttle = new LogThrottle();
  readonly #strangers = new LogThrottle(answersToStrangers);
  /**
   * Half-open IKE SAs by the initiator's address and the request itself: a repeated request is not a new one, while one
   * with a cookie is, though an earlier one without it arrived too (RFC 7296 2.1).
   */
  readonly #halfOpen = new Map<string, IkeSa>();
  readonly #entries = new Map<AnyIkeSa, { readonly key: string; readonly caller: Caller }>();
  /** The latest requests whose refusal was told of: a repeat is answered again, and not told again. */
  readonly #told = new Set<string>();

  constructor(host: Host, directory: PeerDirectory, admission: Admission, allocateSpi: () => bigint) {
    this.#host = host;
    this.#directory = directory;
    this.#admission = admission;
    this.#allocateSpi = allocateSpi;
    this.#cookies = new CookieJar((length) => host.random(length), host.now());
  }

  /** A first request, which names no SA of ours: IKE_SA_INIT, or IKE_SESSION_RESUME. */
  receive(header: Header, octets: Uint8Array, path: Path): void {
    const key = keyOf(octets, path);
    const known = this.#halfOpen.get(key);
    if (known !== undefined) return known.receive(header, octets, path);
    if (header.messageId !== 0 || header.initiatorSpi === 0n) return;
    const peers = this.#directory.at(path);
    if (peers.length === 0) return this.#refuseStranger(header, octets, path, key);
    const now = this.#host.now();
    const caller = this.#admission.caller(path.remote.address, this.#directory.names(path.remote.address));
    const admittance = this.#admission.judge(caller, now);
    if (admittance === "full") return this.#drop("too many half-open IKE SAs, or key exchanges, from there", path);
    if (admittance === "cookie" && !this.#provenAddress(header, octets, path)) return;
    const message = this.#decode(header, octets);
    if (message === undefined) return;
    const elsewhere = this.#elsewhere(peers, message, path);
    if (elsewhere !== undefined) return this.#host.send(statelessAnswer(message, elsewhere), path);
    const answer = header.exchangeType === exchangeType.IKE_SESSION_RESUME ? answerResume : answerInit;
    const verdict = answer(this.#host, peers, message, octets, path, this.#allocateSpi);
    switch (verdict.kind) {
      case "opened":
        return this.#remember(key, caller, verdict.sa, message);
      case "refused":
        this.#host.refused(peers, verdict.reason);
        this.#refused(() => verdict.reason, path, key);
        return this.#host.send(verdict.answer, path);
      case "turned":
        return this.#host.send(verdict.answer, path);
      case "dropped":
        return this.#drop(verdict.why, path);
    }
  }

  /** It is half open no more: established, refused, or given up. */
  leave(sa: AnyIkeSa): void {
    const entry = sa.role === "responder" ? this.#entries.get(sa) : undefined;
    if (entry === undefined) return;
    this.#entries.delete(sa);
    this.#halfOpen.delete(entry.key);
    this.#admission.closed(entry.caller);
  }

  /** Which of several first messages is to be taken first, from what can be seen at little cost. */
  urgency(octets: Uint8Array, path: Path): "proven" | "configured" | "anybody" {
    const seen = peekFirst(octets);
    if (seen !== undefined && this.#isGood(seen, path, this.#host.now())) return "proven";
    return this.#directory.names(path.remote.address) ? "configured" : "anybody";
  }

  #remember(key: string, caller: Caller, sa: IkeSa, message: Message): void {
    const group = find(message.payloads, "KE")?.group;
    const method = keTransforms.find(({ ikev2 }) => ikev2 === group);
    this.#admission.opened(caller, method, this.#host.now());
    this.#halfOpen.set(key, sa);
    this.#entries.set(sa, { key, caller });
    // It may have ended at once.
    if (sa.isOver) this.leave(sa);
  }

  #refuseStranger(header: Header, octets: Uint8Array, path: Path, key: string): void {
    if (this.#strangers.admit(this.#host.now()) === undefined) return this.#drop("a stranger", path);
    const message = this.#decode(header, octets);
    if (message === undefined) return;
    this.#refused(() => this.#directory.unknown(path), path, key);
    this.#host.send(statelessAnswer(message, notify(notifyType.NO_PROPOSAL_CHOSEN)), path);
  }

  #decode(header: Header, octets: Uint8Array): Message | undefined {
    try {
      return readClear(this.#host, header, octets);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#host.dropped(() => ({ facts: { why: error.message } }));
      return undefined;
    }
  }

  /** Whether a cookie shows that the sender receives at its address; where not, one is sent. Under a flood nothing else is read. */
  #provenAddress(header: Header, octets: Uint8Array, path: Path): boolean {
    const seen = peekFirst(octets);
    if (seen === undefined) return false;
    const now = this.#host.now();
    if (this.#isGood(seen, path, now)) return true;
    const fresh = this.#cookies.make(seen.nonce, path.remote, seen.initiatorSpi, now);
    this.#host.send(statelessAnswer({ header }, notify(notifyType.COOKIE, fresh)), path);
    return false;
  }

  #isGood({ cookie, nonce, initiatorSpi }: SeenFirst, path: Path, now: number): boolean {
    return cookie !== undefined && this.#cookies.check(cookie, nonce, path.remote, initiatorSpi, now);
  }

  #refused(reason: () => Reason, path: Path, key: string): void {
    if (this.#told.has(key)) return;
    if (this.#told.size >= rememberedRefusals) this.#told.clear();
    this.#told.add(key);
    const unsaid = this.#throttle.admit(this.#host.now());
    if (unsaid === undefined) return;
    const facts = { remote: formatEndpoint(path.remote), ...(unsaid === 0 ? {} : { unsaid }) };
    this.#host.log({ level: "warn", event: "ike-sa-failed", reason: reason(), facts });
  }

  /** REDIRECT, where every peer that it may be is sent to one and the same gateway: who it is need not be known. */
  #elsewhere(peers: readonly PeerDesired[], message: Message, path: Path): Payload | undefined {
    const nonce = find(message.payloads, "Nonce");
    const [first, ...others] = peers.map((peer) => this.#host.redirectTo(peer));
    if (first === undefined || nonce === undefined || !mayBeRedirected(message.payloads)) return undefined;
    const text = gatewayText(first);
    // The others may be redirected once they have said who they are (RFC 5685 6).
    if (others.some((other) => other === undefined || gatewayText(other) !== text)) return undefined;
    return text === path.local.address ? undefined : redirectPayload(first, nonce.data);
  }

  #drop(why: string, path: Path): void {
    this.#host.dropped(() => ({ facts: { why, remote: formatEndpoint(path.remote) } }));
  }
}

function keyOf(request: Uint8Array, path: Path): string {
  return `${path.remote.address} ${path.remote.port} ${hash("sha1", request).toString("base64")}`;
}
