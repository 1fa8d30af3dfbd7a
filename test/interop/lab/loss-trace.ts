import type { Echo, GrePacket, IkeMessage, Trace } from "./esp-trace.ts";
import type { FloodReport } from "./flood.ts";
import type { SaLife } from "./sa-monitor.ts";

/** One of the two ends. */
export interface Witness {
  /** On the underlay. */
  readonly address: string;
  /** The address that its pings come from. */
  readonly inner: string;
  readonly sas: readonly SaLife[];
  readonly flood: FloodReport;
}

/** A pair of SAs as our daemon knew it. */
export interface KnownPair {
  readonly spiIn: number;
  readonly spiOut: number;
  /** Who asked for it. */
  readonly role: "initiator" | "responder";
}

/**
 * What became of a packet that was lost.
 *
 * - `early`: it came before the receiver had the SA, that is before all that the SA took.
 * - `late`: it came when the receiver had the SA no more, that is after all that the SA took.
 * - `not sent`: its sender had no SA to send it on.
 * - `in clear`: its sender did not protect it.
 * - `socket`: it was delivered, and ping did not read it in time.
 * - `unexplained`.
 */
export type Fate = "early" | "late" | "not sent" | "in clear" | "socket" | "unexplained";

/** A lost ping, tied to what lost it. */
export interface TracedLoss {
  readonly asker: string;
  readonly sequence: number;
  /** When the packet that was lost crossed the wire, or was to leave its sender; UNIX time in ms. */
  readonly at: number;
  readonly packet: Echo["kind"];
  /** Underlay addresses. */
  readonly sender: string;
  readonly receiver: string;
  readonly spi: number | undefined;
  readonly fate: Fate;
  /** Whose fault it is: the peer's only where `cause` shows it. */
  readonly fault: "peer" | "ours" | "nobody" | "unknown";
  /** The message that lost it. */
  readonly cause: IkeMessage | undefined;
}

/** What is known of a run, for tracing its losses. */
export interface Evidence {
  readonly trace: Trace;
  readonly ours: Witness;
  readonly theirs: Witness;
  readonly pairs: readonly KnownPair[];
  /** How long what an end sends takes to the wire, in ms; from there it arrives at once. */
  readonly delay: number;
}

/** Messages that both ends see within so many milliseconds of each other, on a busy machine. */
const simultaneous = 50;

/** By so many milliseconds an SA's coming and going may be noted too late, on a busy machine. */
const clock = 1_000;

/** Ties every lost ping to what lost it. */
export function traceLosses(evidence: Evidence): TracedLoss[] {
  const index = new Index(evidence);
  const { ours, theirs } = evidence;
  return [ours, theirs].flatMap((asker) =>
    asker.flood.lost.map(({ sequence, at }) => index.trace(asker, sequence % 65_536, at)),
  );
}

/** How many packets of ESP came to an address that nobody can have taken: before all that their SA took, or after. */
export function outside(evidence: Evidence, address: string): number {
  return new Index(evidence).outside(address);
}

class Index {
  readonly #evidence: Evidence;
  readonly #packets = new Map<string, GrePacket>();
  /** For each SA the places, among its packets on the wire, of the first and the last that was taken. */
  readonly #taken = new Map<string, { first: number; last: number }>();
  /** How many packets of an SA crossed the wire, and the place of each. */
  readonly #counts = new Map<string, number>();
  readonly #places = new Map<GrePacket, number>();
  /** Answered pings, by asker. */
  readonly #lost: ReadonlyMap<string, ReadonlySet<number>>;

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    const { trace, ours, theirs } = evidence;
    this.#lost = new Map(
      [ours, theirs].map(({ inner, flood }) => [inner, new Set(flood.lost.map(({ sequence }) => sequence % 65_536))]),
    );
    for (const packet of trace.gre) if (packet.echo !== undefined) this.#packets.set(nameOf(packet.echo), packet);
    for (const packet of trace.gre) {
      const sa = saOf(packet);
      const place = this.#counts.get(sa) ?? 0;
      this.#counts.set(sa, place + 1);
      this.#places.set(packet, place);
      if (!this.#wasTaken(packet)) continue;
      const before = this.#taken.get(sa);
      this.#taken.set(sa, { first: before?.first ?? place, last: place });
    }
  }

  outside(address: string): number {
    return this.#evidence.trace.gre.filter((packet) => {
      if (packet.spi === undefined || packet.destination !== address) return false;
      const taken = this.#taken.get(saOf(packet));
      const place = this.#places.get(packet) ?? 0;
      return taken === undefined || place < taken.first || place > taken.last;
    }).length;
  }

  trace(asker: Witness, sequence: number, at: number): TracedLoss {
    const { ours, theirs } = this.#evidence;
    const answerer = asker === ours ? theirs : ours;
    const ends = { asker: asker.inner, sequence };
    const request = this.#packets.get(nameOf({ kind: "request", ...ends }));
    if (request === undefined)
      return this.#unsent({ ...ends, packet: "request", at: this.#due(asker, sequence) ?? at }, asker, answerer);
    const reply = this.#packets.get(nameOf({ kind: "reply", ...ends }));
    if (reply !== undefined) return this.#untaken({ ...ends, packet: "reply", at: reply.at }, reply, answerer, asker);
    const lost = this.#untaken({ ...ends, packet: "request", at: request.at }, request, asker, answerer);
    // The SA took packets before and after it: it is the answer that never left.
    return lost.fate === "unexplained" || lost.fate === "socket"
      ? this.#unsent({ ...ends, packet: "reply", at: request.at }, answerer, asker)
      : lost;
  }

  /** When a request that never came to the wire was to leave: between those before and after it that did. */
  #due({ inner, flood }: Witness, sequence: number): number | undefined {
    const { delay } = this.#evidence;
    const find = (step: 1 | -1) => {
      for (let n = sequence + step; n > 0 && n <= flood.sent; n += step) {
        const at = this.#packets.get(nameOf({ kind: "request", asker: inner, sequence: n }))?.at;
        if (at !== undefined) return { n, at: at - delay };
      }
      return undefined;
    };
    const [before, after] = [find(-1), find(1)];
    if (before === undefined || after === undefined) return before?.at ?? after?.at;
    return before.at + ((after.at - before.at) * (sequence - before.n)) / (after.n - before.n);
  }

  /** It crossed the wire. */
  #untaken(loss: Head, packet: GrePacket, sender: Witness, receiver: Witness): TracedLoss {
    const { spi } = packet;
    const ends = { ...loss, sender: sender.address, receiver: receiver.address, spi };
    if (spi === undefined)
      return {
        ...ends,
        fate: "in clear",
        ...this.#blameSender(sender, this.#protectedUntil(packet) - this.#evidence.delay),
      };
    const taken = this.#taken.get(saOf(packet));
    const place = this.#places.get(packet) ?? 0;
    const sa = receiver.sas.find((one) => one.spi === spi && one.destination === receiver.address);
    // By the order of the wire, the kernel's count and the clock: a ping that was delivered and not read may be the first or the last.
    const untaken = (this.#counts.get(saOf(packet)) ?? 0) > (sa?.packets ?? 0);
    if (
      untaken &&
      (taken === undefined || place < taken.first) &&
      (sa?.added ?? Number.POSITIVE_INFINITY) > loss.at - clock
    )
      return { ...ends, fate: "early", ...this.#blameResponder(spi, packet.at) };
    if (
      untaken &&
      (taken === undefined || place > taken.last) &&
      (sa?.removed ?? Number.POSITIVE_INFINITY) < loss.at + clock
    )
      return { ...ends, fate: "late", ...this.#blameDeleter(packet) };
    if (loss.packet === "reply" && receiver.flood.socketDrops > 0)
      return { ...ends, fate: "socket", fault: "nobody", cause: undefined };
    return { ...ends, fate: "unexplained", fault: "unknown", cause: undefined };
  }

  /** Until when its sender protected what it sent. */
  #protectedUntil({ source, at }: GrePacket): number {
    const { gre } = this.#evidence.trace;
    return gre.findLast((one) => one.source === source && one.at < at && one.spi !== undefined)?.at ?? at;
  }

  /** It never came to the wire. */
  #unsent(loss: Head, sender: Witness, receiver: Witness): TracedLoss {
    const ends = { ...loss, sender: sender.address, receiver: receiver.address, spi: undefined };
    const hadOne = sender.sas.some(
      ({ destination, added = 0, removed = Number.POSITIVE_INFINITY }) =>
        destination === receiver.address && added < loss.at - simultaneous && removed > loss.at + simultaneous,
    );
    if (hadOne) return { ...ends, fate: "unexplained", fault: "unknown", cause: undefined };
    return { ...ends, fate: "not sent", ...this.#blameSender(sender, loss.at) };
  }

  /**
   * The responder: where it sent, it did so before a sign that the initiator has the SA (RFC 7296 2.8); where it was to receive,
   * it had answered before it could.
   */
  #blameResponder(spi: number, at: number): Blame {
    const pair = this.#evidence.pairs.find(({ spiIn, spiOut }) => spiIn === spi || spiOut === spi);
    if (pair === undefined) return unknown;
    if (pair.role === "responder") return { fault: "ours", cause: undefined };
    // What it agreed by, which may come later than what it sent, and is not what asked for another key exchange.
    const { trace, ours } = this.#evidence;
    const up = ours.sas.find((sa) => sa.spi === pair.spiIn)?.added ?? Number.POSITIVE_INFINITY;
    const asked = trace.ike.findLast(
      (message) =>
        message.source === ours.address && message.at <= at && /^(IKE_AUTH|CREATE_CHILD_SA) request/.test(message.name),
    );
    const answer = trace.ike.find(
      (message) =>
        message.destination === ours.address &&
        message.initiatorSpi === asked?.initiatorSpi &&
        message.name === asked.name.replace("request", "response") &&
        message.at <= up,
    );
    return answer === undefined ? unknown : { fault: "peer", cause: answer };
  }

  /** Who removed what it was still sent on: the peer, where its own DELETE had not been answered by us. */
  #blameDeleter(packet: GrePacket): Blame {
    const { at, destination } = packet;
    const { trace, ours, theirs } = this.#evidence;
    if (destination === ours.address) return { fault: "ours", cause: undefined };
    const blame = this.#blamePeer(/^INFORMATIONAL request/, at + simultaneous);
    const id = blame.cause?.name.split(" ")[2];
    const answer = trace.ike.find(
      (message) =>
        message.source === ours.address &&
        message.destination === theirs.address &&
        message.name === `INFORMATIONAL response ${id}` &&
        message.initiatorSpi === blame.cause?.initiatorSpi &&
        message.at >= (blame.cause?.at ?? 0),
    );
    return answer !== undefined && answer.at < at ? { fault: "ours", cause: blame.cause } : blame;
  }

  /** It had nothing to send on, or sent it unprotected: by what the last message from the other end had it do, or by itself. */
  #blameSender(sender: Witness, at: number): Blame {
    const { ours, trace, delay } = this.#evidence;
    if (sender !== ours) return this.#blamePeer(/./, at + delay + simultaneous);
    // What our end sent, it sent before it came to the wire; what it got, came at once.
    const here = (message: IkeMessage) => message.at - (message.source === ours.address ? delay : 0);
    const last = trace.ike
      .filter((message) => here(message) <= at + simultaneous)
      .reduce<IkeMessage | undefined>(
        (latest, message) => (latest !== undefined && here(latest) > here(message) ? latest : message),
        undefined,
      );
    return last?.source === ours.address ? { fault: "ours", cause: last } : this.#blamePeer(/ request /, at);
  }

  #blamePeer(kind: RegExp, before: number): Blame {
    const { trace, theirs } = this.#evidence;
    const cause = trace.ike.findLast(
      (message) => message.at <= before && message.source === theirs.address && kind.test(message.name),
    );
    return cause === undefined ? unknown : { fault: "peer", cause };
  }

  /** A request was taken where its answer was seen, an answer where its ping counts as answered. */
  #wasTaken({ echo }: GrePacket): boolean {
    if (echo === undefined) return false;
    if (!this.#lost.get(echo.asker)?.has(echo.sequence)) return true;
    return echo.kind === "request" && this.#packets.has(nameOf({ ...echo, kind: "reply" }));
  }
}

type Head = Pick<TracedLoss, "asker" | "sequence" | "packet" | "at">;
type Blame = Pick<TracedLoss, "fault" | "cause">;

const unknown: Blame = { fault: "unknown", cause: undefined };

function nameOf({ kind, asker, sequence }: Echo): string {
  return `${kind} ${asker} ${sequence}`;
}

function saOf({ destination, spi }: GrePacket): string {
  return `${destination} ${spi}`;
}

/** One line for each run of losses with the same fate on the same SA by the same message. */
export function describeLosses(losses: readonly TracedLoss[]): string[] {
  const runs = new Map<string, TracedLoss[]>();
  for (const loss of losses) {
    const { sender, packet, spi, fate, fault, cause } = loss;
    const key = [sender, packet, spi, fate, fault, cause?.at].join(" ");
    runs.set(key, [...(runs.get(key) ?? []), loss]);
  }
  return [...runs.values()].map((run) => {
    const [first, last] = [run[0], run.at(-1)];
    if (first === undefined || last === undefined) return "";
    const { packet, sender, receiver, spi, fate, fault, cause } = first;
    const which = run.length === 1 ? `${first.sequence}` : `${first.sequence} to ${last.sequence}`;
    const on = spi === undefined ? "" : ` on ${spi.toString(16)}`;
    const message =
      cause === undefined
        ? "no message"
        : `${cause.source} ${cause.name} of ${cause.initiatorSpi} at ${time(cause.at)}`;
    return `${run.length} ${packet}s ${sender} -> ${receiver}${on} (${which}), ${time(first.at)} to ${time(last.at)}: ${fate}, ${fault}: ${message}`;
  });
}

function time(at: number): string {
  return new Date(at).toISOString().slice(17, 23);
}
