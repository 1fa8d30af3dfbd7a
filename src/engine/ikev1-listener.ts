/** Messages of IKEv1: found by their cookies, or the first of a new ISAKMP SA: repeats, limits, and who may call at all. */
import { hash } from "../crypto/hash.ts";
import { answerAggressiveMode } from "../ikev1/exchanges/aggressive-mode-responder.ts";
import { unreadTypes } from "../ikev1/exchanges/key-payloads.ts";
import { answerMainMode } from "../ikev1/exchanges/main-mode-responder.ts";
import type { Host, Phase1Mode } from "../ikev1/host.ts";
import { IkeV1Sa } from "../ikev1/ike-v1-sa.ts";
import { isakmpNotify } from "../ikev1/payloads.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { formatEndpoint, type Path } from "../sa/path.ts";
import { WireError } from "../wire/error.ts";
import { decodeHeader, flag, type Header } from "../wire/ikev1/header.ts";
import { decodeMessage, encodeMessage } from "../wire/ikev1/message.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { exchangeType } from "../wire/ikev1/registry/message.ts";
import { notifyType } from "../wire/ikev1/registry/notify.ts";
import type { Caller } from "./admission.ts";
import { LogThrottle } from "./log-throttle.ts";
import type { Parts } from "./parts.ts";

/** Refusals a second that callers are told. */
const answersASecond = 100;

/** Refused messages that are remembered, so that their repeats are not told of. */
const rememberedRefusals = 256;

export class Ikev1Listener {
  readonly #parts: Parts;
  readonly #host: Host;
  readonly #answers = new LogThrottle(answersASecond);
  readonly #throttle = new LogThrottle();
  /** Half-open SAs by the caller's address and the first message itself: what comes again is not new. */
  readonly #halfOpen = new Map<string, IkeV1Sa>();
  readonly #entries = new Map<AnyIkeSa, { readonly key: string; readonly caller: Caller }>();
  readonly #told = new Set<string>();

  constructor(parts: Parts, host: Host) {
    this.#parts = parts;
    this.#host = host;
  }

  /** A datagram whose header says major version 1; `mayOpen`: new SAs are taken. */
  receive(octets: Uint8Array, path: Path, mayOpen: boolean): void {
    let header: Header;
    try {
      header = decodeHeader(octets);
    } catch (error) {
      if (error instanceof WireError) return;
      throw error;
    }
    const sa = this.#find(header);
    if (sa !== undefined) return sa.receive(header, octets, path);
    const mode = modeOf(header);
    if (mode !== undefined && mayOpen) this.#first(mode, header, octets, path);
  }

  /** It is half open no more: established, refused, or given up. */
  leave(sa: AnyIkeSa): void {
    const entry = this.#entries.get(sa);
    if (entry === undefined) return;
    this.#entries.delete(sa);
    this.#halfOpen.delete(entry.key);
    this.#parts.admission.closed(entry.caller);
  }

  #find({ initiatorCookie, responderCookie }: Header): IkeV1Sa | undefined {
    for (const cookie of [responderCookie, initiatorCookie]) {
      const sa = this.#parts.running.sa(cookie);
      if (sa instanceof IkeV1Sa) return sa;
    }
    return undefined;
  }

  #first(mode: Phase1Mode, header: Header, octets: Uint8Array, path: Path): void {
    const { admission, directory, now } = this.#parts;
    const key = `${path.remote.address} ${path.remote.port} ${hash("sha1", octets).toString("base64")}`;
    const known = this.#halfOpen.get(key);
    if (known !== undefined) return known.receive(header, octets, path);
    const callers = this.#host.ikev1Peers.callers(path, mode);
    if (callers.length === 0) return this.#refuseCaller(mode, header, path, key);
    const caller = admission.caller(path.remote.address, directory.names(path.remote.address));
    const admittance = admission.judge(caller, now);
    // IKEv1 has no cookie that costs nothing: under load only configured addresses are let in.
    if (admittance === "full" || (admittance === "cookie" && !caller.configured))
      return this.#drop("too many half-open IKE SAs, or key exchanges, from there", path);
    // RFC 2408 3.1: one that is greater than ours is never accepted.
    if (header.minorVersion !== 0) return this.#answer(header, path, notifyType.INVALID_MINOR_VERSION);
    const isSealed = mode === "aggressive" && callers.some(({ proveBy }) => proveBy !== undefined);
    const answer = mode === "main" ? answerMainMode : answerAggressiveMode;
    const verdict = this.#reading(() => {
      const payloads = decodeClear(octets, isSealed ? unreadTypes : undefined);
      return payloads && answer(this.#host, callers, { header, payloads, path }, this.#host.freshSpi());
    });
    if (verdict === undefined) return;
    if (verdict.kind === "opened") {
      verdict.sa.beganWith(octets);
      return this.#remember(key, caller, verdict.sa);
    }
    this.#host.refused(callers, verdict.reason);
    this.#tell(verdict.reason, path, key);
    this.#answer(header, path, notifyOf(verdict.reason));
  }

  #remember(key: string, caller: Caller, sa: IkeV1Sa): void {
    const { state } = sa;
    const method = state.kind === "ExpectKeyRequest" ? state.agreed.terms.suite.ke : undefined;
    this.#parts.admission.opened(caller, method, this.#parts.now);
    this.#halfOpen.set(key, sa);
    this.#entries.set(sa, { key, caller });
    // It may have ended at once.
    if (sa.isOver) this.leave(sa);
  }

  /** IKEv1 is off unless a peer's section asks for it; who is known is told so (RFC 2408 5.2). */
  #refuseCaller(mode: Phase1Mode, header: Header, path: Path, key: string): void {
    const known = this.#parts.directory.at(path);
    if (known.length === 0) return this.#drop("a stranger speaks IKEv1", path);
    const seen = `IKEv1 ${mode} mode`;
    const reason: Reason = {
      code: "unknown-peer",
      remote: path.remote.address,
      local: path.local.address,
      rejected: known.slice(0, 16).map(({ name, ikev1 }) => ({
        peer: name,
        field: "IKE version" as const,
        wanted: ikev1 === undefined ? "IKEv2" : "IKEv1 main mode",
        seen,
      })),
    };
    this.#host.refused(known, reason);
    this.#tell(reason, path, key);
    const isOff = known.every(({ ikev1 }) => ikev1 === undefined);
    this.#answer(header, path, isOff ? notifyType.INVALID_MAJOR_VERSION : notifyType.UNSUPPORTED_EXCHANGE_TYPE);
  }

  /** What comes of reading octets that anybody can send. */
  #reading<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#host.dropped(() => ({ facts: { why: error.message } }));
      return undefined;
    }
  }

  /** An Informational exchange in clear, for which nothing is remembered. */
  #answer({ initiatorCookie }: Header, path: Path, type: number): void {
    if (this.#answers.admit(this.#parts.now) === undefined) return;
    const messageId = Buffer.from(this.#parts.random(4)).readUInt32BE();
    const fields = {
      initiatorCookie,
      responderCookie: 0n,
      exchangeType: exchangeType.INFORMATIONAL,
      flags: 0,
      messageId,
    };
    this.#host.send(encodeMessage(fields, [isakmpNotify(type)]), path);
  }

  #tell(reason: Reason, path: Path, key: string): void {
    if (this.#told.has(key)) return;
    if (this.#told.size >= rememberedRefusals) this.#told.clear();
    this.#told.add(key);
    const unsaid = this.#throttle.admit(this.#parts.now);
    if (unsaid === undefined) return;
    const facts = { remote: formatEndpoint(path.remote), ...(unsaid === 0 ? {} : { unsaid }) };
    this.#host.log({ level: "warn", event: "ike-sa-failed", reason, facts });
  }

  #drop(why: string, path: Path): void {
    this.#host.dropped(() => ({ facts: { why, remote: formatEndpoint(path.remote) } }));
  }
}

function decodeClear(octets: Uint8Array, unread: ReadonlySet<number> | undefined): readonly Payload[] | undefined {
  const message = decodeMessage(octets, unread);
  return "payloads" in message ? message.payloads : undefined;
}

/** The mode that a first message begins, where it is one. */
function modeOf({
  exchangeType: type,
  flags,
  messageId,
  initiatorCookie,
  responderCookie,
}: Header): Phase1Mode | undefined {
  if (responderCookie !== 0n || initiatorCookie === 0n || messageId !== 0 || (flags & flag.encryption) !== 0)
    return undefined;
  if (type === exchangeType.IDENTITY_PROTECTION) return "main";
  return type === exchangeType.AGGRESSIVE ? "aggressive" : undefined;
}

function notifyOf(reason: Reason): number {
  switch (reason.code) {
    case "no-common-proposal":
      return notifyType.NO_PROPOSAL_CHOSEN;
    case "unknown-peer":
      return notifyType.INVALID_ID_INFORMATION;
    default:
      return notifyType.PAYLOAD_MALFORMED;
  }
}
