/** A deterministic source of numbers from 0 to 2^32 - 1. */
export type Rng = () => number;

/** A generator that gives the same numbers for the same seed (Marsaglia's xorshift32). */
export function seeded(seed: number): Rng {
  let state = seed >>> 0 || 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

const headerLength = 28;
const lengthOffset = 24;
const interesting = [0, 1, 3, 4, 5, 7, 8, 0x7f, 0x80, 0xfe, 0xff];
/** IKEv2's types worth standing in a next-payload field: every assigned one, none, IKEv1's and private ones. */
export const ikev2Types = [0, 1, 13, ...Array.from({ length: 23 }, (_, i) => 33 + i), 127, 128, 255];
/** IKEv1's. */
export const ikev1Types = [...Array.from({ length: 24 }, (_, i) => i), 33, 34, 46, 127, 128, 130, 131, 132, 255];

type Mutation = (rng: Rng, octets: Uint8Array, types: readonly number[]) => Uint8Array;

/**
 * A changed copy of an IKE message or of a bare payload chain: one to four of bit flips, octets set to extremes, length
 * edits, truncation, ranges inserted, deleted, duplicated or swapped, and payloads moved in the chain. Half of the
 * time a header whose length was right is made right again, so that the change is met behind that check. `types` are what
 * a next payload may become.
 */
export function mutate(rng: Rng, octets: Uint8Array, types: readonly number[] = ikev2Types): Uint8Array {
  const whole = octets.length >= headerLength && view(octets).getUint32(lengthOffset) === octets.length;
  let changed: Uint8Array = Uint8Array.from(octets);
  for (let n = 1 + (rng() % 4); n > 0; n--) changed = pick(rng, mutations)(rng, changed, types);
  if (whole && changed.length >= headerLength && rng() % 2 === 0) {
    view(changed).setUint32(lengthOffset, changed.length);
  }
  return changed;
}

const mutations: readonly Mutation[] = [
  function flipBit(rng, octets) {
    if (octets.length > 0) at(rng, octets, (value) => value ^ (1 << (rng() % 8)));
    return octets;
  },
  function setExtreme(rng, octets) {
    if (octets.length > 0) at(rng, octets, () => pick(rng, interesting));
    return octets;
  },
  function editLength(rng, octets) {
    const start = pick(rng, starts(octets));
    if (start + 4 > octets.length) return octets;
    const old = view(octets).getUint16(start + 2);
    view(octets).setUint16(start + 2, pick(rng, [old - 1, old + 1, old + 4, old - 4, 0, 3, 4, 0xffff, rng()]) & 0xffff);
    return octets;
  },
  function editNextPayload(rng, octets, types) {
    const at = rng() % 2 === 0 && octets.length >= headerLength ? 16 : pick(rng, starts(octets));
    if (at < octets.length) octets[at] = pick(rng, types);
    return octets;
  },
  function truncate(rng, octets) {
    return octets.subarray(0, rng() % (octets.length + 1));
  },
  function insert(rng, octets) {
    const added = Uint8Array.from({ length: 1 + (rng() % 16) }, () => rng() & 0xff);
    const where = rng() % (octets.length + 1);
    return join(octets.subarray(0, where), added, octets.subarray(where));
  },
  function remove(rng, octets) {
    const [from, to] = range(rng, octets);
    return join(octets.subarray(0, from), octets.subarray(to));
  },
  function duplicate(rng, octets) {
    const [from, to] = range(rng, octets);
    return join(octets.subarray(0, to), octets.subarray(from));
  },
  function duplicatePayload(rng, octets) {
    const chain = starts(octets);
    const i = rng() % chain.length;
    const from = chain[i] ?? 0;
    const to = chain[i + 1] ?? octets.length;
    const where = pick(rng, chain);
    return join(octets.subarray(0, where), octets.subarray(from, to), octets.subarray(where));
  },
  function dropPayload(rng, octets) {
    const chain = starts(octets);
    const i = rng() % chain.length;
    return join(octets.subarray(0, chain[i] ?? 0), octets.subarray(chain[i + 1] ?? octets.length));
  },
];

/** Where payloads begin if their lengths are right, and at least one place. */
function starts(octets: Uint8Array): number[] {
  const first = octets.length >= headerLength ? headerLength : 0;
  const found = [first];
  for (let at = first; at + 4 <= octets.length && found.length < 64; ) {
    const length = view(octets).getUint16(at + 2);
    if (length < 4 || at + length >= octets.length) break;
    at += length;
    found.push(at);
  }
  return found;
}

function at(rng: Rng, octets: Uint8Array, change: (value: number) => number): void {
  const where = rng() % octets.length;
  octets[where] = change(octets[where] ?? 0);
}

function range(rng: Rng, octets: Uint8Array): [number, number] {
  const from = rng() % (octets.length + 1);
  return [from, Math.min(octets.length, from + 1 + (rng() % 32))];
}

function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[rng() % list.length] as T;
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function view(octets: Uint8Array): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.length);
}
