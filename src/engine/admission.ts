/**
 * For whom state is made: half-open IKE SAs and key exchanges, counted by where the caller is (RFC 7296 2.6).
 *
 * A configured peer's address has an account of its own and a reserved share of the table; everybody else shares the
 * account of the network around, because whoever has one address of it may well have them all.
 */
import type { KeTransform } from "../crypto/transforms/ke.ts";
import { type Address, familyOf, parseAddress } from "../negotiate/address.ts";
import { type FloodLimits, floodDefaults } from "../sa/desired.ts";

/** The part of the table that is kept for configured peers' addresses. */
const reservedShare = 1 / 4;

/** The most of the table that one configured address may have, and one network of strangers. */
const addressShare = 1 / 32;
const networkShare = 1 / 4;

/** Seconds' worth of key exchanges that an account may have spent before it is refused further ones. */
const burstSeconds = 2;

/** One caller, as far as an account is concerned. */
export interface Caller {
  readonly account: string;
  /** Whether a configured peer has this very address. */
  readonly configured: boolean;
}

/** `open`: state may be made. `cookie`: only for who shows that it receives there. `full`: for nobody of this account. */
export type Admittance = "open" | "cookie" | "full";

interface Account {
  halfOpen: number;
  /** Key exchanges that it may still have, in those of X25519; it refills. */
  credit: number;
  creditAt: number;
}

/** Keeps the accounts. They are bounded by the table of half-open IKE SAs that they count. */
export class Admission {
  #limits: FloodLimits = floodDefaults;
  readonly #accounts = new Map<string, Account>();
  #halfOpen = 0;
  #strangers = 0;

  configure(limits: FloodLimits): void {
    this.#limits = limits;
  }

  /** Whether so many are half open that everybody has to show a cookie. */
  get isUnderLoad(): boolean {
    return this.#halfOpen >= this.#limits.cookiesAbove;
  }

  caller(address: Address, configured: boolean): Caller {
    return { account: configured ? address : networkOf(address), configured };
  }

  /** What a caller has to do for state to be made for it, at `now` in ms of the engine's clock. */
  judge({ account, configured }: Caller, now: number): Admittance {
    const { halfOpen: all, cookiesAboveByNetwork } = this.#limits;
    const known = this.#accounts.get(account);
    const own = known?.halfOpen ?? 0;
    if (this.#halfOpen >= all || own >= Math.ceil(all * (configured ? addressShare : networkShare))) return "full";
    if (!configured && this.#strangers >= all * (1 - reservedShare)) return "full";
    if (!this.isUnderLoad && own < cookiesAboveByNetwork) return "open";
    return known !== undefined && this.#refilled(known, now) <= 0 ? "full" : "cookie";
  }

  /** A half-open IKE SA has come to be for the caller, at the cost of that key exchange. */
  opened({ account, configured }: Caller, method: KeTransform | undefined, now: number): void {
    const own = this.#accounts.get(account) ?? this.#newAccount(account, now);
    own.credit = this.#refilled(own, now) - keyExchangeCost(method);
    own.creditAt = now;
    own.halfOpen += 1;
    this.#halfOpen += 1;
    if (!configured) this.#strangers += 1;
  }

  /** It is half open no more. */
  closed({ account, configured }: Caller): void {
    const own = this.#accounts.get(account);
    if (own === undefined) return;
    own.halfOpen -= 1;
    this.#halfOpen -= 1;
    if (!configured) this.#strangers -= 1;
    // What it has spent is forgotten with the load that made it count.
    if (own.halfOpen === 0 && !this.isUnderLoad) this.#accounts.delete(account);
  }

  #newAccount(name: string, now: number): Account {
    if (this.#accounts.size >= this.#limits.halfOpen * 2) {
      for (const [other, { halfOpen }] of this.#accounts) if (halfOpen === 0) this.#accounts.delete(other);
    }
    const account = { halfOpen: 0, credit: this.#limits.keyExchangesByNetwork * burstSeconds, creditAt: now };
    this.#accounts.set(name, account);
    return account;
  }

  #refilled({ credit, creditAt }: Account, now: number): number {
    const rate = this.#limits.keyExchangesByNetwork;
    return Math.min(rate * burstSeconds, credit + ((now - creditAt) / 1000) * rate);
  }
}

/** How much a key exchange costs a responder, in those of X25519; rough, and so that no method is cheaper than it is. */
export function keyExchangeCost(method: KeTransform | undefined): number {
  if (method?.method === undefined) return 1;
  // Measured: a 2048-bit MODP exchange costs ten times as much; the work grows with nearly the cube of the length.
  if (method.method.kind === "modp") return Math.max(1, 10 * (method.publicLength / 256) ** 2.7);
  return Math.max(1, (method.publicLength / 32) ** 2.7);
}

/** The network around an address: IPv4's first 24 bits, IPv6's first 56, what one site or one customer has, commonly. */
function networkOf(address: Address): string {
  if (familyOf(address) === 4) return address.slice(0, address.lastIndexOf(".") + 1);
  const octets = parseAddress(address);
  return octets === undefined ? address : Buffer.from(octets.subarray(0, 7)).toString("hex");
}
