/** The security association database: what stands, what is reserved, what waits for an answer, and when each ends. */
import { type Address, familyOf } from "../../negotiate/address.ts";
import type { Selector } from "../../negotiate/selector.ts";
import type { PolicyTemplate, SaId, SaInstall, SaLimits, SaMode, SaMove, SaProtocol } from "../port.ts";
import { sameAddress } from "../request-check.ts";
import { type ClearPacket, selectorMatches } from "./packet.ts";
import { ReplayWindow } from "./replay-window.ts";

/** What an SA is searched by on output. */
export interface SaTuple {
  readonly protocol: SaProtocol;
  readonly mode: SaMode;
  readonly source: Address;
  readonly destination: Address;
  readonly reqid: number;
}

/** What a template demands beside the SA itself. */
export type Companions = Pick<PolicyTemplate, "compressed" | "withAh">;

/** An SA that carries packets. */
export interface ValidSa extends SaTuple {
  readonly kind: "valid";
  readonly spi: number;
  sa: SaInstall;
  /** Milliseconds. */
  readonly added: number;
  /** A soft limit was reported: younger ones are preferred. */
  dying: boolean;
  bytes: bigint;
  packets: bigint;
  lastUsed: number | undefined;
  outSequence: bigint;
  readonly replay: ReplayWindow;
}

/** A larval SA: SPI 0 after an acquire, else a reserved SPI. */
export interface LarvalSa extends SaTuple {
  readonly kind: "larval";
  spi: number;
  readonly expires: number;
}

export type SadEntry = ValidSa | LarvalSa;

/** An SA that came to a limit. */
export interface Expiry {
  readonly entry: SadEntry;
  readonly hard: boolean;
}

export class Sad {
  /** Youngest first: the order in which Linux finds them. */
  readonly #entries: SadEntry[] = [];
  /** The next time limit, until something changes that it hangs on. */
  #next: { readonly at: number | undefined } | undefined;

  get entries(): readonly SadEntry[] {
    return this.#entries;
  }

  /** The entry of an SPI other than 0, reserved ones too. */
  find(id: SaId): SadEntry | undefined {
    if (id.spi === 0) return undefined;
    return this.#entries.find(
      (entry) =>
        entry.spi === id.spi && entry.protocol === id.protocol && sameAddress(entry.destination, id.destination),
    );
  }

  /** What a packet's outermost header names: the AH around an ESP SA is part of that SA here. */
  named(id: Pick<SaId, "protocol" | "spi" | "destination">): SadEntry | undefined {
    if (id.protocol === "ah") {
      const inside = this.#entries.find(
        (entry) =>
          entry.kind === "valid" && entry.sa.ahSpi === id.spi && sameAddress(entry.destination, id.destination),
      );
      if (inside !== undefined) return inside;
    }
    return this.find(id);
  }

  /** The larval SA of a tuple that has no SPI yet. */
  findAcquire(tuple: SaTuple): LarvalSa | undefined {
    return this.#entries.find(
      (entry): entry is LarvalSa => entry.kind === "larval" && entry.spi === 0 && sameTuple(entry, tuple),
    );
  }

  /** Whether an IPComp SA with this CPI stands at the destination. */
  hasCpi(destination: Address, cpi: number): boolean {
    return this.#entries.some(
      (entry) => entry.kind === "valid" && entry.sa.cpi === cpi && sameAddress(entry.destination, destination),
    );
  }

  addLarval(tuple: SaTuple, spi: number, expires: number): LarvalSa {
    const { protocol, mode, source, destination, reqid } = tuple;
    const entry: LarvalSa = { kind: "larval", protocol, mode, source, destination, reqid, spi, expires };
    this.#entries.unshift(entry);
    this.#next = undefined;
    return entry;
  }

  /** Adds an SA; what waited for one of this tuple, and a reservation of its SPI, are over. */
  add(sa: SaInstall, now: number): void {
    const waiting = this.findAcquire(sa);
    if (waiting !== undefined) this.remove(waiting);
    const { ahSpi, destination } = sa;
    const around = ahSpi === undefined ? undefined : this.find({ protocol: "ah", spi: ahSpi, destination });
    for (const reserved of [this.find(sa), around]) if (reserved !== undefined) this.remove(reserved);
    const copy = copyOf(sa);
    this.#next = undefined;
    this.#entries.unshift({
      kind: "valid",
      protocol: sa.protocol,
      mode: sa.mode,
      source: sa.source,
      destination: sa.destination,
      reqid: sa.reqid,
      spi: sa.spi,
      sa: copy,
      added: now,
      dying: false,
      bytes: 0n,
      packets: 0n,
      lastUsed: undefined,
      outSequence: 0n,
      replay: new ReplayWindow(sa.replayWindow),
    });
  }

  /** Puts an SA in another's place, between other addresses: what it has counted stays. */
  move(entry: ValidSa, to: SaMove["to"]): void {
    const sa: SaInstall = { ...entry.sa, ...to };
    this.remove(entry);
    this.#entries.unshift({ ...entry, source: to.source, destination: to.destination, sa });
  }

  /** Changes the ports in place; a soft limit that was reported is looked at anew. */
  changePorts(entry: ValidSa, encapsulation: NonNullable<SaInstall["encapsulation"]>): void {
    entry.sa = { ...entry.sa, encapsulation };
    entry.dying = false;
  }

  remove(entry: SadEntry): void {
    this.#next = undefined;
    const index = this.#entries.indexOf(entry);
    if (index >= 0) this.#entries.splice(index, 1);
  }

  /**
   * The SA that a packet leaves under (xfrm_state_find): one that is not dying before one that is, the younger before
   * the older, and only one whose own selector covers the packet.
   */
  outbound(tuple: SaTuple, packet: ClearPacket, wanted: Companions): ValidSa | undefined {
    let best: ValidSa | undefined;
    for (const entry of this.#entries) {
      if (entry.kind !== "valid" || !sameTuple(entry, tuple) || !carries(entry, packet)) continue;
      if (!compresses(entry, wanted.compressed === true)) continue;
      if (wanted.withAh === true && entry.sa.ah === undefined) continue;
      if (best === undefined || (best.dying && !entry.dying) || (best.dying === entry.dying && younger(entry, best)))
        best = entry;
    }
    return best;
  }

  /** Whether anything larval stands for a tuple: then no further acquire is raised. */
  acquiring(tuple: SaTuple): boolean {
    return this.#entries.some((entry) => entry.kind === "larval" && sameTuple(entry, tuple));
  }

  /** When the next time limit falls due, in milliseconds. */
  nextDeadline(): number | undefined {
    if (this.#next !== undefined) return this.#next.at;
    let at: number | undefined;
    for (const entry of this.#entries) {
      for (const deadline of deadlines(entry)) if (at === undefined || deadline.at < at) at = deadline.at;
    }
    this.#next = { at };
    return at;
  }

  /** Carries out every time limit that is due; hard ones remove their SA. */
  expire(now: number): Expiry[] {
    const expiries: Expiry[] = [];
    for (const entry of [...this.#entries].reverse()) {
      const due = deadlines(entry).filter((deadline) => deadline.at <= now);
      if (due.some((deadline) => deadline.hard)) {
        this.remove(entry);
        expiries.push({ entry, hard: true });
      } else if (due.length > 0 && entry.kind === "valid") {
        this.#makeDying(entry);
        expiries.push({ entry, hard: false });
      }
    }
    return expiries;
  }

  /**
   * Counts a packet against the limits (xfrm_state_check_expire): the packet that finds the hard limit reached ends the
   * SA and is not carried; the one that finds the soft limit reached is.
   */
  use(entry: ValidSa): Expiry | undefined {
    if (reached(entry, entry.sa.hard)) {
      this.remove(entry);
      return { entry, hard: true };
    }
    if (!entry.dying && entry.sa.soft !== undefined && reached(entry, entry.sa.soft)) {
      this.#makeDying(entry);
      return { entry, hard: false };
    }
    return undefined;
  }

  #makeDying(entry: ValidSa): void {
    entry.dying = true;
    this.#next = undefined;
  }
}

/** A template that demands IPComp needs it; one that does not finds no tunnel where IPComp makes it. */
function compresses({ sa, mode }: ValidSa, wanted: boolean): boolean {
  return (sa.compression !== undefined) === wanted || (mode === "transport" && !wanted);
}

/** Whether an SA's own selector covers the packet; an SA without one carries everything. */
export function carries(entry: ValidSa, packet: ClearPacket): boolean {
  const selector: Selector | undefined = entry.sa.selector;
  return selector === undefined || selectorMatches(selector, packet);
}

/** Whether the hard byte or packet limit is reached. */
export function spent(entry: ValidSa): boolean {
  return reached(entry, entry.sa.hard);
}

function reached(entry: ValidSa, limits: SaLimits): boolean {
  return (
    (limits.bytes !== undefined && entry.bytes >= limits.bytes) ||
    (limits.packets !== undefined && entry.packets >= limits.packets)
  );
}

function deadlines(entry: SadEntry): { at: number; hard: boolean }[] {
  if (entry.kind === "larval") return [{ at: entry.expires, hard: true }];
  const hard = { at: entry.added + entry.sa.hard.seconds * 1000, hard: true };
  const soft = entry.sa.soft?.seconds ?? 0;
  return soft > 0 && !entry.dying ? [{ at: entry.added + soft * 1000, hard: false }, hard] : [hard];
}

/** Linux compares whole seconds, and of one second finds the one added last. */
function younger(a: ValidSa, b: ValidSa): boolean {
  return Math.floor(a.added / 1000) > Math.floor(b.added / 1000);
}

function sameTuple(a: SaTuple, b: SaTuple): boolean {
  return (
    a.reqid === b.reqid &&
    a.protocol === b.protocol &&
    a.mode === b.mode &&
    familyOf(a.source) === familyOf(b.source) &&
    sameAddress(a.source, b.source) &&
    sameAddress(a.destination, b.destination)
  );
}

/** The kernel has keys of its own: the caller may wipe the ones it gave (and a Buffer's `slice` is no copy). */
function copyOf(sa: SaInstall): SaInstall {
  return {
    ...sa,
    ...(sa.encr === undefined ? {} : { encr: { ...sa.encr, key: Uint8Array.from(sa.encr.key) } }),
    ...(sa.integ === undefined ? {} : { integ: { ...sa.integ, key: Uint8Array.from(sa.integ.key) } }),
    ...(sa.ah === undefined ? {} : { ah: { ...sa.ah, key: Uint8Array.from(sa.ah.key) } }),
  };
}
