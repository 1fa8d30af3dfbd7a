import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** Both directions of one value; `what` is its name in errors. */
export interface Codec<T> {
  read(r: Reader, what: string): T;
  write(w: Writer, value: T, what: string): void;
}

/** An object under construction, or about to be written. */
export type Draft = Record<string, unknown>;

/** One line of a structure's description: sets (or reads) the properties of `T` on the structure's object. */
export interface Step<T> {
  read(r: Reader, into: Draft): void;
  write(w: Writer, from: Draft): void;
  /** Never set: carries the type. */
  readonly properties?: T;
}

type Merge<S extends readonly Step<unknown>[]> = S extends readonly [
  Step<infer A>,
  ...infer R extends readonly Step<unknown>[],
]
  ? A & Merge<R>
  : unknown;

/** The object type that a list of steps describes. */
export type Described<S extends readonly Step<unknown>[]> = { [K in keyof Merge<S>]: Merge<S>[K] };

/** An unsigned octet. */
export const u8: Codec<number> = {
  read: (r, what) => r.u8(what),
  write: (w, value, what) => w.u8(value, what),
};

/** A 16-bit number in network order. */
export const u16: Codec<number> = {
  read: (r, what) => r.u16(what),
  write: (w, value, what) => w.u16(value, what),
};

/** A 32-bit number in network order. */
export const u32: Codec<number> = {
  read: (r, what) => r.u32(what),
  write: (w, value, what) => w.u32(value, what),
};

/** A 64-bit number in network order. */
export const u64: Codec<bigint> = {
  read: (r, what) => r.u64(what),
  write: (w, value, what) => w.u64(value, what),
};

/** One octet that can only be `value`. */
export function octet<const N extends number>(value: N): Codec<N> {
  return {
    read(r, what) {
      const seen = r.u8(what);
      if (seen !== value) r.fail("value", `${what} is ${seen}, possible is ${value}`);
      return value;
    },
    write: (w, given, what) => w.u8(given, what),
  };
}

/** Exactly `count` octets. */
export function bytes(count: number): Codec<Uint8Array> {
  return {
    read: (r, what) => r.bytes(count, what),
    write(w, value, what) {
      if (value.length !== count) w.fail(`${what} has ${value.length} octets, possible are ${count}`);
      w.bytes(value);
    },
  };
}

/** Everything up to the end of the structure, at least `min` and at most `max` octets. */
export function rest(min = 0, max = 0xffff): Codec<Uint8Array> {
  const wrong = (length: number, what: string): string => `${what} has ${length} octets, possible are ${min} to ${max}`;
  return {
    read(r, what) {
      const length = r.left;
      if (length < min) r.fail("truncated", wrong(length, what));
      if (length > max) r.fail("limit", wrong(length, what));
      return r.rest();
    },
    write(w, value, what) {
      if (value.length < min || value.length > max) w.fail(wrong(value.length, what));
      w.bytes(value);
    },
  };
}

/** As many octets as an earlier {@link size} step has announced. */
export const sized: Codec<Uint8Array> = {
  read: (r, what) => r.bytes(r.announcedSize, what),
  write: (w, value) => w.bytes(value),
};

/** A property. */
export function field<const N extends string, T>(name: N, codec: Codec<T>): Step<{ readonly [K in N]: T }> {
  return {
    read(r, into) {
      into[name] = codec.read(r, name);
    },
    write(w, from) {
      codec.write(w, from[name] as T, name);
    },
  };
}

/** A RESERVED field of `octets` octets: ignored on receipt (RFC 7296 2.5), kept as a property only when not zero. */
export function reserved<const N extends string>(name: N, octets: 1 | 2 | 3): Step<{ readonly [K in N]?: number }> {
  return {
    read(r, into) {
      let value = r.u8("RESERVED");
      for (let i = 1; i < octets; i++) value = (value << 8) | r.u8("RESERVED");
      if (value !== 0) into[name] = value;
    },
    write(w, from) {
      const value = (from[name] as number | undefined) ?? 0;
      for (let i = octets - 1; i >= 0; i--)
        w.u8(i === octets - 1 ? value >>> (8 * i) : (value >>> (8 * i)) & 0xff, name);
    },
  };
}

/** A RESERVED field of `octets` octets that a receiver checks (RFC 2408 2.5.2, 5.3): anything but zeros is refused. */
export function zeros(octets: number): Step<unknown> {
  return {
    read(r) {
      for (let i = 0; i < octets; i++) {
        const seen = r.u8("RESERVED");
        if (seen !== 0) r.fail("value", `RESERVED is ${seen}, possible is 0`);
      }
    },
    write(w) {
      for (let i = 0; i < octets; i++) w.u8(0, "RESERVED");
    },
  };
}

/** One octet that holds the length of the later property `name`, see {@link sized}. */
export function size(name: string): Step<unknown> {
  return {
    read(r) {
      r.announcedSize = r.u8(`${name} size`);
    },
    write(w, from) {
      w.u8((from[name] as Uint8Array).length, `${name} size`);
    },
  };
}

/** The number of elements of the later property `name`, see {@link list} and {@link chain}. */
export function count(name: string, codec: Codec<number>): Step<unknown> {
  const what = `number of ${name}`;
  return {
    read(r) {
      r.announcedCount = codec.read(r, what);
    },
    write(w, from) {
      codec.write(w, (from[name] as readonly unknown[]).length, what);
    },
  };
}

/**
 * A 16-bit length followed by what it measures; `included` octets before that (the length field itself and what
 * stands before it) count into it.
 */
export function framed<const S extends readonly Step<unknown>[]>(included: number, ...steps: S): Step<Described<S>> {
  return {
    read(r, into) {
      const length = r.u16("length");
      if (length < included) r.fail("length", `length is ${length}, the least possible is ${included}`);
      const outer = r.narrow(length - included, "length");
      for (const step of steps) step.read(r, into);
      r.widen(outer);
    },
    write(w, from) {
      const at = w.reserve16();
      for (const step of steps) step.write(w, from);
      w.patch16(at, w.position - at - 2 + included, "length");
    },
  };
}

/** A rule over the properties read so far, held in both directions; returns what is wrong, or undefined. */
export function check<T>(rule: (value: T) => string | undefined): Step<unknown> {
  return {
    read(r, into) {
      const problem = rule(into as T);
      if (problem !== undefined) r.fail("value", problem);
    },
    write(w, from) {
      const problem = rule(from as T);
      if (problem !== undefined) w.fail(problem);
    },
  };
}

/** An object described by its steps in wire order. */
export function struct<const S extends readonly Step<unknown>[]>(...steps: S): Codec<Described<S>> {
  return {
    read(r) {
      const into: Draft = {};
      for (const step of steps) step.read(r, into);
      return into as Described<S>;
    },
    write(w, value) {
      for (const step of steps) step.write(w, value as Draft);
    },
  };
}

/** What a list is called in errors, and its bounds. */
export interface ListOptions {
  /** One element, such as `transform`. */
  readonly label: string;
  readonly min?: number;
  readonly max: number;
  /** An earlier {@link count} step says how many there are; otherwise they go on to the end of the structure. */
  readonly counted?: boolean;
}

/** Elements one after the other. */
export function list<T>(item: Codec<T>, { label, min = 0, max, counted = false }: ListOptions): Codec<readonly T[]> {
  return {
    read(r, what) {
      const announced = counted ? r.announcedCount : -1;
      if (announced > max) r.fail("limit", `${announced} ${what}, possible are at most ${max}`);
      const items: T[] = [];
      while (counted ? items.length < announced : r.left > 0) {
        if (items.length >= max) r.fail("limit", `more than ${max} ${what}`);
        r.trail.enter(label, items.length + 1);
        items.push(item.read(r, label));
        r.trail.leave();
      }
      if (items.length < min) r.fail("truncated", `${items.length} ${what}, possible are ${min} to ${max}`);
      return items;
    },
    write(w, items, what) {
      bounded(w, items.length, min, max, what);
      writeItems(w, items, label, item);
    },
  };
}

/**
 * Substructures that each begin with an octet saying whether another follows (`more`) or this is the last (0)
 * (RFC 7296 3.3.1, 3.3.2).
 */
export function chain<T>(item: Codec<T>, options: ListOptions & { readonly more: number }): Codec<readonly T[]> {
  const { label, min = 0, max, counted = false, more } = options;
  return {
    read(r, what) {
      const announced = counted ? r.announcedCount : -1;
      const items: T[] = [];
      let following = counted ? announced > 0 : r.left > 0;
      while (following) {
        if (items.length >= max) r.fail("limit", `more than ${max} ${what}`);
        r.trail.enter(label, items.length + 1);
        const flag = r.u8("last substructure flag");
        if (flag !== 0 && flag !== more) {
          r.fail("chain", `last substructure flag is ${flag}, possible are 0 (last) and ${more} (more)`);
        }
        items.push(item.read(r, label));
        following = flag !== 0;
        if (counted && following !== items.length < announced) {
          r.fail("chain", `the flag says ${following ? "more" : "last"} at ${what} ${items.length} of ${announced}`);
        }
        r.trail.leave();
      }
      if (items.length < min) r.fail("truncated", `${items.length} ${what}, possible are ${min} to ${max}`);
      return items;
    },
    write(w, items, what) {
      bounded(w, items.length, min, max, what);
      let left = items.length;
      for (const element of items) {
        w.trail.enter(label, items.length - left + 1);
        left--;
        w.u8(left === 0 ? 0 : more, "last substructure flag");
        item.write(w, element, label);
        w.trail.leave();
      }
    },
  };
}

/** One of several structures, chosen by the first octet, which each of them reads as the property `name`. */
export function variant<const C extends Readonly<Record<number, Codec<unknown>>>, O>(
  name: string,
  cases: C,
  otherwise: Codec<O>,
): Codec<O | (C[keyof C] extends Codec<infer T> ? T : never)> {
  type Value = O | (C[keyof C] extends Codec<infer T> ? T : never);
  const byOctet: Codec<Value>[] = [];
  for (let i = 0; i < 256; i++) byOctet.push((cases[i] ?? otherwise) as Codec<Value>);
  return {
    read: (r, what) => (byOctet[r.peek8(name)] as Codec<Value>).read(r, what),
    write(w, value, what) {
      const chosen = byOctet[(value as Draft)[name] as number];
      if (chosen === undefined) return w.fail(`${name} is ${String((value as Draft)[name])}, possible are 0 to 255`);
      chosen.write(w, value, what);
    },
  };
}

function bounded(w: Writer, length: number, min: number, max: number, what: string): void {
  if (length < min || length > max) w.fail(`${length} ${what}, possible are ${min} to ${max}`);
}

function writeItems<T>(w: Writer, items: readonly T[], label: string, item: Codec<T>): void {
  let ordinal = 0;
  for (const element of items) {
    w.trail.enter(label, ++ordinal);
    item.write(w, element, label);
    w.trail.leave();
  }
}
