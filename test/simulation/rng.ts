/** Numbers that look random and come from a seed alone: the same seed gives the same numbers on every machine. */

/** Chris Doty-Humphrey's sfc32, seeded by a mix of any number of words. */
export class Rng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** `words` name the stream: those that differ in any word have nothing to do with each other. */
  constructor(...words: readonly number[]) {
    const seed = mix(...words);
    this.#a = seed;
    this.#b = mix(seed, 1);
    this.#c = mix(seed, 2);
    for (let n = 0; n < 12; n += 1) this.next();
  }

  /** A number from 0 to 2^32 - 1. */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }

  /** A number from 0 to `n` - 1. */
  below(n: number): number {
    return this.next() % n;
  }

  /** A number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in so many of a hundred cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }

  bytes(length: number): Uint8Array {
    const octets = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.next();
      for (let j = 0; j < 4 && i + j < length; j += 1) octets[i + j] = word >>> (8 * j);
    }
    return octets;
  }
}

/** One 32-bit word of many, each bit of it hanging on each bit of them (the finalizer of MurmurHash3). */
export function mix(...words: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const word of words) {
    hash = (hash ^ word) + 0x9e3779b9;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return hash >>> 0;
}
