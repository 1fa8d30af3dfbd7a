/** Addresses that callers are given out of pools: one for each caller, the same one as long as it stays. */
import {
  type Address,
  addressBits,
  addressOctets,
  familyOf,
  formatAddress,
  type Prefix,
} from "../negotiate/address.ts";

interface Lease {
  readonly address: Address;
  /** Who the caller is. */
  readonly caller: string;
  readonly holders: Set<object>;
}

/** What one peer's callers have, by address and by caller. */
class Pool {
  readonly #prefix: Prefix;
  readonly #byAddress = new Map<Address, Lease>();
  readonly #byCaller = new Map<string, Lease>();
  readonly #base: bigint;
  readonly #first: bigint;
  readonly #count: bigint;
  /** Where the search begins: what has just become free is not given to somebody else at once. */
  #next = 0n;

  constructor(prefix: Prefix) {
    this.#prefix = prefix;
    const bits = addressBits(familyOf(prefix.address));
    const size = 1n << BigInt(bits - prefix.length);
    // The first and the last one are the network's own.
    const own = size > 2n ? 1n : 0n;
    this.#base = numberOf(prefix.address) & ~(size - 1n);
    this.#first = own;
    this.#count = size - 2n * own;
  }

  take(caller: string, holder: object, wish: Address | undefined): Address | undefined {
    const lease = this.#heldBy(holder) ?? this.#byCaller.get(caller) ?? this.#fresh(caller, wish);
    lease?.holders.add(holder);
    return lease?.address;
  }

  /** Whoever holds an address holds it together with another. */
  share(holder: object, other: object): void {
    this.#heldBy(holder)?.holders.add(other);
  }

  giveBack(holder: object): void {
    for (const lease of this.#byAddress.values()) {
      if (!lease.holders.delete(holder) || lease.holders.size > 0) continue;
      this.#byAddress.delete(lease.address);
      this.#byCaller.delete(lease.caller);
    }
  }

  #heldBy(holder: object): Lease | undefined {
    for (const lease of this.#byAddress.values()) if (lease.holders.has(holder)) return lease;
    return undefined;
  }

  #fresh(caller: string, wish: Address | undefined): Lease | undefined {
    const address = wish !== undefined && this.#isFree(wish) ? wish : this.#search();
    if (address === undefined) return undefined;
    const lease: Lease = { address, caller, holders: new Set() };
    this.#byAddress.set(address, lease);
    this.#byCaller.set(caller, lease);
    return lease;
  }

  #isFree(address: Address): boolean {
    if (familyOf(address) !== familyOf(this.#prefix.address) || this.#byAddress.has(address)) return false;
    const offset = numberOf(address) - this.#base - this.#first;
    return offset >= 0n && offset < this.#count;
  }

  /** Among one more address than there are leases one is free. */
  #search(): Address | undefined {
    if (BigInt(this.#byAddress.size) >= this.#count) return undefined;
    for (;;) {
      const address = this.#at(this.#next);
      this.#next = (this.#next + 1n) % this.#count;
      if (!this.#byAddress.has(address)) return address;
    }
  }

  #at(index: bigint): Address {
    const bits = addressBits(familyOf(this.#prefix.address));
    const digits = (this.#base + this.#first + index).toString(16).padStart(bits / 4, "0");
    return formatAddress(Buffer.from(digits, "hex"));
  }
}

/** The pools of all peers. Who holds an address is an SA: when the last one goes, the address is free again. */
export class AddressPools {
  readonly #pools = new Map<string, Pool>();
  /** Which pool a holder has an address of. */
  readonly #holders = new Map<object, string>();

  /** An address for this caller: the one that it has, else the one that it wishes for, else any that is free. */
  take(
    pool: { readonly peer: string; readonly prefix: Prefix },
    caller: string,
    holder: object,
    wish?: Address,
  ): Address | undefined {
    const key = `${pool.peer} ${pool.prefix.address}/${pool.prefix.length}`;
    const known = this.#pools.get(key) ?? new Pool(pool.prefix);
    const address = known.take(caller, holder, wish);
    if (address === undefined) return undefined;
    this.#pools.set(key, known);
    this.#holders.set(holder, key);
    return address;
  }

  /** What one holder has, another has too from now on. */
  share(holder: object, other: object): void {
    const key = this.#holders.get(holder);
    if (key === undefined) return;
    this.#pools.get(key)?.share(holder, other);
    this.#holders.set(other, key);
  }

  /** The holder is gone. */
  giveBack(holder: object): void {
    const key = this.#holders.get(holder);
    if (key === undefined) return;
    this.#holders.delete(holder);
    this.#pools.get(key)?.giveBack(holder);
  }
}

function numberOf(address: Address): bigint {
  return BigInt(`0x${Buffer.from(addressOctets(address)).toString("hex")}`);
}
