import { InvalidValueError, MalformedMessageError } from "../errors.ts";
import { AF_INET, AF_INET6, familyOf, readAddress, writeAddress } from "./address.ts";
import { forEachAttribute, type ReadOptions } from "./message-reader.ts";
import { type MessageWriter, NLA_F_NESTED } from "./message-writer.ts";
import type { Octets } from "./octets.ts";
import { type Field, type Struct, u8, u16, u16be, u32, u32be } from "./struct.ts";

/** What a reader of an attribute is told: the message's address family and the caller's options. */
export interface AttributeContext extends ReadOptions {
  readonly family: number;
}

/** The payload of an attribute, described once for both directions. */
export interface AttributeCodec<T> {
  /** Reads the payload between `start` and `end`; `undefined` leaves the property out. */
  read(octets: Octets, start: number, end: number, context: AttributeContext, name: string): T | undefined;
  /** Adds the attribute with its header. */
  write(writer: MessageWriter, type: number, value: T, name: string): void;
}

/** An attribute of which this package knows only the number. */
export interface RawAttribute {
  readonly type: number;
  readonly octets: Uint8Array;
}

/** What every table adds to the value it reads. */
export interface WithUnknown {
  /** Attributes of types that are not in the table, as they came. */
  unknown?: readonly RawAttribute[];
}

/** Type number and payload of an attribute; where IPv6 addresses go into an attribute of their own, its type number too. */
export type AttributeEntry<T> = readonly [type: number, codec: AttributeCodec<T>, ipv6Type?: number];

/** A set of attributes by property name. */
export type AttributeSpec<T> = { readonly [K in keyof Required<T>]: AttributeEntry<Required<T>[K]> };

/** The attributes of a message, or of a nested attribute. */
export interface AttributeTable<T extends object> {
  readonly name: string;
  readonly spec: AttributeSpec<T>;
  /** Reads into an existing object; a type seen twice reads as the last, as the kernel does it. */
  readInto(octets: Octets, start: number, end: number, context: AttributeContext, target: object): void;
  /** Writes every property that is given, in the order of the table. */
  write(writer: MessageWriter, value: Partial<T>): void;
}

/** Declares a set of attributes once, for both directions. */
export function attributes<T extends object>(name: string, spec: AttributeSpec<T>): AttributeTable<T> {
  const entries: [string, AttributeEntry<unknown>][] = Object.entries(spec);
  const byType: { key: string; codec: AttributeCodec<unknown> }[] = [];
  for (const [key, [type, codec, ipv6Type]] of entries) {
    byType[type] = { key, codec };
    if (ipv6Type !== undefined) byType[ipv6Type] = { key, codec };
  }
  return {
    name,
    spec,
    readInto(octets, start, end, context, target) {
      const into = target as Record<string, unknown>;
      const unknown: RawAttribute[] = [];
      forEachAttribute(octets, start, end, name, (type, from, to) => {
        const known = byType[type];
        if (known === undefined) {
          unknown.push({ type, octets: octets.slice(from, to) });
          return;
        }
        const value = known.codec.read(octets, from, to, context, known.key);
        if (value !== undefined) into[known.key] = value;
      });
      if (unknown.length > 0) Object.assign(target, { unknown });
    },
    write(writer, value) {
      const given = value as Readonly<Record<string, unknown>>;
      for (const [key, [type, codec, ipv6Type = type]] of entries) {
        const value = given[key];
        if (value === undefined) continue;
        codec.write(writer, typeof value === "string" && familyOf(value) === AF_INET6 ? ipv6Type : type, value, key);
      }
    },
  };
}

/** A table with more attributes. */
export function extendedBy<T extends object, More extends object>(
  table: AttributeTable<T>,
  name: string,
  more: AttributeSpec<More>,
): AttributeTable<T & More> {
  return attributes<T & More>(name, { ...table.spec, ...more } as AttributeSpec<T & More>);
}

/** A payload of one field or structure. Longer payloads are taken too: the kernel may let structures grow at their end. */
export function single<T>(field: Field<T>): AttributeCodec<T> {
  return {
    read(octets, start, end, context, name) {
      wantAtLeast(start, end, field.size, name);
      return field.read(octets, start, context.family);
    },
    write(writer, type, value, name) {
      field.write(writer.octets, writer.attribute(type, field.size, name), value, name);
    },
  };
}

export const u8Attribute = single(u8);
export const u16Attribute = single(u16);
export const u16beAttribute = single(u16be);
export const u32Attribute = single(u32);
export const u32beAttribute = single(u32be);

/** A list of `1` to `limit` structures of the same kind. */
export function listOf<T extends object>(
  element: Struct<T>,
  limit: number,
): AttributeCodec<readonly T[]> & { write: AttributeCodec<readonly Partial<T>[]>["write"] } {
  return {
    read(octets, start, end, context, name) {
      const length = end - start;
      if (length % element.size !== 0 || length > element.size * limit) {
        throw new MalformedMessageError(name, start, `1 to ${limit} times ${element.size} octets`, length);
      }
      const list: T[] = [];
      for (let at = start; at < end; at += element.size) list.push(element.read(octets, at, context.family));
      return list;
    },
    write(writer, type, list, name) {
      if (list.length > limit) throw new InvalidValueError(name, list.length, `1 to ${limit} elements`);
      let at = writer.attribute(type, element.size * list.length, name);
      for (const value of list) {
        element.write(writer.octets, at, value, name);
        at += element.size;
      }
    },
  };
}

/** Text of `limit` octets at most, with a NUL octet behind it (which iproute2 leaves out in some places: `terminated` false). */
export function text(limit: number, terminated = true): AttributeCodec<string> {
  return {
    read(octets, start, end, _context, name) {
      if (end - start > limit) throw new MalformedMessageError(name, start, `at most ${limit} octets`, end - start);
      const nul = octets.bytes.indexOf(0, start);
      return octets.bytes.toString("utf8", start, nul >= 0 && nul < end ? nul : end);
    },
    write(writer, type, value, name) {
      const length = Buffer.byteLength(value);
      if (length === 0 || length >= limit || value.includes("\0")) {
        throw new InvalidValueError(name, value, `1 to ${limit - 1} octets of text`);
      }
      const at = writer.attribute(type, terminated ? length + 1 : length, name);
      writer.octets.bytes.write(value, at, "utf8");
    },
  };
}

/** Octets kept as they are. */
export const octetsAttribute: AttributeCodec<Uint8Array> = {
  read: (octets, start, end) => octets.slice(start, end),
  write(writer, type, value, name) {
    writer.octets.bytes.set(value, writer.attribute(type, value.length, name));
  },
};

/** An attribute that is true by being there. */
export const presence: AttributeCodec<boolean> = {
  read: () => true,
  write(writer, type, value, name) {
    if (value) writer.attribute(type, 0, name);
  },
};

/** An address of 4 or 16 octets, the family told by the length. Other lengths (a link-layer address) read as `undefined`. */
export const addressAttribute: AttributeCodec<string> = {
  read(octets, start, end) {
    const length = end - start;
    if (length !== 4 && length !== 16) return undefined;
    return readAddress(octets, start, length === 4 ? AF_INET : AF_INET6);
  },
  write(writer, type, value, name) {
    const size = familyOf(value) === AF_INET6 ? 16 : 4;
    writeAddress(writer.octets, writer.attribute(type, size, name), value, name);
  },
};

/** Attributes within an attribute. `flagged`: whether NLA_F_NESTED is set when writing (the older interfaces go without). */
export function nested<T extends object>(table: AttributeTable<T>, flagged = false): AttributeCodec<T & WithUnknown> {
  return {
    read(octets, start, end, context) {
      const value = {};
      table.readInto(octets, start, end, context, value);
      return value as T & WithUnknown;
    },
    write(writer, type, value, name) {
      writer.nested(flagged ? type | NLA_F_NESTED : type, name, () => table.write(writer, value));
    },
  };
}

/** Throws MalformedMessageError unless the payload has `size` octets or more. */
export function wantAtLeast(start: number, end: number, size: number, name: string): void {
  if (end - start < size) throw new MalformedMessageError(name, start, `${size} octets or more`, end - start);
}
