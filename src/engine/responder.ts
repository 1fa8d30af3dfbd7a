/** New IKE SAs from outside: repeats, cookies, limits, and then IKE_SA_INIT's own checks (RFC 7296 2.6). */
import { hash } from "../crypto/hash.ts";
import { CookieJar } from "../ikev2/cookie.ts";
import { answerInit, statelessAnswer } from "../ikev2/exchanges/ike-sa-init-responder.ts";
import type { Host } from "../ikev2/host.ts";
import type { IkeSa } from "../ikev2/ike-sa.ts";
import { find, findNotify, notify } from "../ikev2/payloads.ts";
import type { Reason } from "../negotiate/reason.ts";
import { formatEndpoint, type Path } from "../sa/path.ts";
import { WireError } from "../wire/error.ts";
import type { Header } from "../wire/ikev2/header.ts";
import { decodeMessage, type Message } from "../wire/ikev2/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { LogThrottle } from "./log-throttle.ts";
import type { PeerDirectory } from "./peer-directory.ts";

/** Half-open IKE SAs, in all and from one address, beyond which a cookie is asked for before any state is made. */
const cookieThreshold = { all: 256, address: 32 } as const;

/** Half-open IKE SAs beyond which requests are dropped, cookie or not. */
const halfOpenLimit = { all: 8_192, address: 2_048 } as const;

/** Refused requests that are remembered, so that their repeats are not told of. */
const rememberedRefusals = 256;

export class Responder {
  readonly #host: Host;
  readonly #directory: PeerDirectory;
  readonly #allocateSpi: () => bigint;
  readonly #cookies: CookieJar;
  readonly #throttle = new LogThrottle();
  /**
   * Half-open IKE SAs by the initiator's address and the request itself: a repeated request is not a new one, while one
   * with a cookie is, though an earlier one without it arrived too (RFC 7296 2.1).
   */
  readonly #halfOpen = new Map<string, IkeSa>();
  readonly #keys = new Map<IkeSa, string>();
  readonly #perAddress = new Map<string, number>();
  /** The latest requests whose refusal was told of: a repeat is answered again, and not told again. */
  readonly #told = new Set<string>();

  constructor(host: Host, directory: PeerDirectory, allocateSpi: () => bigint) {
    this.#host = host;
    this.#directory = directory;
    this.#allocateSpi = allocateSpi;
    this.#cookies = new CookieJar((length) => host.random(length), host.now());
  }

  /** An IKE_SA_INIT request that names no SA of ours. */
  receive(header: Header, octets: Uint8Array, path: Path): void {
    const key = keyOf(octets, path);
    const known = this.#halfOpen.get(key);
    if (known !== undefined) return known.receive(header, octets, path);
    if (header.messageId !== 0 || header.initiatorSpi === 0n) return;
    const fromThere = this.#perAddress.get(path.remote.address) ?? 0;
    if (this.#halfOpen.size >= halfOpenLimit.all || fromThere >= halfOpenLimit.address) return;
    const message = this.#decode(header, octets);
    if (message === undefined) return;
    const suspicious = this.#halfOpen.size >= cookieThreshold.all || fromThere >= cookieThreshold.address;
    if (suspicious && !this.#provenAddress(message, path)) return;
    const peers = this.#directory.at(path);
    if (peers.length === 0) {
      this.#refused(() => this.#directory.unknown(path), path, key);
      return this.#host.send(statelessAnswer(message, notify(notifyType.NO_PROPOSAL_CHOSEN)), path);
    }
    const verdict = answerInit(this.#host, peers, message, octets, path, this.#allocateSpi);
    switch (verdict.kind) {
      case "opened":
        this.#remember(key, verdict.sa);
        return;
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
  leave(sa: IkeSa): void {
    const key = sa.role === "responder" ? this.#keys.get(sa) : undefined;
    if (key === undefined) return;
    this.#keys.delete(sa);
    this.#halfOpen.delete(key);
    const address = addressOf(key);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(address);
    else this.#perAddress.set(address, left);
  }

  #remember(key: string, sa: IkeSa): void {
    if (sa.isOver) return;
    this.#halfOpen.set(key, sa);
    this.#keys.set(sa, key);
    const address = addressOf(key);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
  }

  #decode(header: Header, octets: Uint8Array): Message | undefined {
    try {
      return decodeMessage(octets, header);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#host.dropped(() => ({ facts: { why: error.message } }));
      return undefined;
    }
  }

  /** Whether a cookie shows that the sender receives at its address; where not, one is sent. */
  #provenAddress(message: Message, path: Path): boolean {
    const nonce = find(message.payloads, "Nonce");
    if (nonce === undefined) return false;
    const { initiatorSpi } = message.header;
    const now = this.#host.now();
    const cookie = findNotify(message.payloads, notifyType.COOKIE);
    if (cookie !== undefined && this.#cookies.check(cookie.data, nonce.data, path.remote, initiatorSpi, now))
      return true;
    const fresh = this.#cookies.make(nonce.data, path.remote, initiatorSpi, now);
    this.#host.send(statelessAnswer(message, notify(notifyType.COOKIE, fresh)), path);
    return false;
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

  #drop(why: string, path: Path): void {
    this.#host.dropped(() => ({ facts: { why, remote: formatEndpoint(path.remote) } }));
  }
}

function keyOf(request: Uint8Array, path: Path): string {
  return `${path.remote.address} ${path.remote.port} ${hash("sha1", request).toString("base64")}`;
}

function addressOf(key: string): string {
  return key.slice(0, key.indexOf(" "));
}
