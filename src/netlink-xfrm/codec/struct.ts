import { InvalidValueError, MalformedMessageError } from "../errors.ts";
import { AF_INET, AF_INET6, AF_UNSPEC, familyOf, readAddress, writeAddress } from "./address.ts";
import { HOST_LITTLE_ENDIAN, type Octets } from "./octets.ts";

/** A value with a fixed size in a kernel structure; one description reads it and writes it. */
export interface Field<T> {
  /** Octets it takes. */
  readonly size: number;
  /** Whether it is an address whose family the structure names elsewhere. */
  readonly isAddress?: boolean;
  /** Reads it; `undefined` leaves the property out. `family` is the address family of the structure. */
  read(octets: Octets, at: number, family: number): T | undefined;
  /** Writes it into octets that are zero; `undefined` means the field's default. `name` is for errors. */
  write(octets: Octets, at: number, value: T | undefined, name: string): void;
}

/** Where a field stands. */
export type Placed<T> = readonly [offset: number, field: Field<T>];

/** The description of a structure: its size, where its family number stands, each field, and the values that follow from others. */
export interface StructSpec<T extends object> {
  /** Octets without trailing padding that the kernel might add in attributes. */
  readonly size: number;
  /** Offset of a 16-bit address family, which decides how the addresses read and which is found out from them when not given. */
  readonly familyAt?: number;
  /** Every named field with its offset. */
  readonly fields: { readonly [K in keyof Required<T>]: Placed<Required<T>[K]> };
  /** Fills in what follows from the values given (a prefix length from an address, for instance). */
  readonly complete?: (value: Partial<T>) => { readonly [K in keyof T]?: T[K] | undefined };
}

/** A kernel structure. It is itself a field, so structures nest. */
export interface Struct<T extends object> extends Field<T> {
  readonly name: string;
  /** Reads the fields into an existing object. */
  readInto(octets: Octets, at: number, target: object, family?: number): void;
  read(octets: Octets, at: number, family: number): T;
  write(octets: Octets, at: number, value: Partial<T> | undefined, name: string): void;
  /** The address family number in the structure at `at`, or 0 where it has none. */
  familyAt(octets: Octets, at: number): number;
}

interface Entry {
  readonly key: string;
  readonly offset: number;
  readonly field: Field<unknown>;
}

/** Declares a kernel structure once, for both directions. */
export function struct<T extends object>(name: string, spec: StructSpec<T>): Struct<T> {
  const { size, familyAt, complete } = spec;
  const placed: [string, Placed<unknown>][] = Object.entries(spec.fields);
  const entries: Entry[] = placed.map(([key, [offset, field]]) => ({ key, offset, field }));
  for (const { key, offset, field } of entries) {
    if (offset + field.size > size) throw new RangeError(`${name}.${key} ends at ${offset + field.size}, past ${size}`);
  }
  const familyOfStruct = (octets: Octets, at: number): number =>
    familyAt === undefined ? AF_UNSPEC : octets.view.getUint16(at + familyAt, HOST_LITTLE_ENDIAN);

  function readInto(octets: Octets, at: number, target: object, outer = AF_UNSPEC): void {
    const into = target as Record<string, unknown>;
    const family = familyAt === undefined ? outer : familyOfStruct(octets, at);
    for (const { key, offset, field } of entries) {
      const value = field.read(octets, at + offset, family);
      if (value !== undefined) into[key] = value;
    }
  }

  function write(octets: Octets, at: number, value: Partial<T> | undefined): void {
    const given = (complete ? complete(value ?? {}) : (value ?? {})) as Readonly<Record<string, unknown>>;
    for (const { key, offset, field } of entries) field.write(octets, at + offset, given[key], key);
    if (familyAt !== undefined) settleFamily(octets, at + familyAt, given);
  }

  /** One structure has one family: found out from its addresses, or held against them. */
  function settleFamily(octets: Octets, at: number, given: Readonly<Record<string, unknown>>): void {
    let family = octets.view.getUint16(at, HOST_LITTLE_ENDIAN);
    for (const { key, field } of entries) {
      const address = given[key];
      if (field.isAddress !== true || typeof address !== "string") continue;
      const own = familyOf(address);
      if (family === AF_UNSPEC) family = own;
      else if (family !== own) throw new InvalidValueError(key, address, `an address of family ${family}`);
    }
    octets.view.setUint16(at, family, HOST_LITTLE_ENDIAN);
  }

  return {
    name,
    size,
    readInto,
    read(octets, at, family) {
      const value = {};
      readInto(octets, at, value, family);
      return value as T;
    },
    write,
    familyAt: familyOfStruct,
  };
}

function integer(size: number, max: number, min: number, field: Pick<Field<number>, "read">, put: Put): Field<number> {
  return {
    size,
    read: field.read,
    write(octets, at, value, name) {
      if (value === undefined) return;
      if (!Number.isInteger(value) || value < min || value > max) {
        throw new InvalidValueError(name, value, `whole numbers from ${min} to ${max}`);
      }
      put(octets, at, value);
    },
  };
}

type Put = (octets: Octets, at: number, value: number) => void;

/** An octet. */
export const u8 = integer(1, 0xff, 0, { read: (o, at) => o.view.getUint8(at) }, (o, at, v) => o.view.setUint8(at, v));

/** 16 bits in host order. */
export const u16 = integer(2, 0xffff, 0, { read: (o, at) => o.view.getUint16(at, HOST_LITTLE_ENDIAN) }, (o, at, v) =>
  o.view.setUint16(at, v, HOST_LITTLE_ENDIAN),
);

/** 16 bits in network order: ports. */
export const u16be = integer(2, 0xffff, 0, { read: (o, at) => o.view.getUint16(at) }, (o, at, v) =>
  o.view.setUint16(at, v),
);

/** 32 bits in host order. */
export const u32 = integer(
  4,
  0xffffffff,
  0,
  { read: (o, at) => o.view.getUint32(at, HOST_LITTLE_ENDIAN) },
  (o, at, v) => o.view.setUint32(at, v, HOST_LITTLE_ENDIAN),
);

/** 32 bits in network order: SPIs. */
export const u32be = integer(4, 0xffffffff, 0, { read: (o, at) => o.view.getUint32(at) }, (o, at, v) =>
  o.view.setUint32(at, v),
);

/** Signed 32 bits in host order: interface indexes. */
export const s32 = integer(
  4,
  0x7fffffff,
  -0x80000000,
  { read: (o, at) => o.view.getInt32(at, HOST_LITTLE_ENDIAN) },
  (o, at, v) => o.view.setInt32(at, v, HOST_LITTLE_ENDIAN),
);

const U64_MAX = 0xffffffffffffffffn;

/** A 64-bit counter in host order. */
export const u64: Field<bigint> = {
  size: 8,
  read: (octets, at) => octets.view.getBigUint64(at, HOST_LITTLE_ENDIAN),
  write(octets, at, value, name) {
    if (value !== undefined) putU64(octets, at, value, name);
  },
};

/** A 64-bit limit in host order; `undefined` is XFRM_INF, no limit. */
export const u64Limit: Field<bigint> = {
  size: 8,
  read(octets, at) {
    const limit = octets.view.getBigUint64(at, HOST_LITTLE_ENDIAN);
    return limit === U64_MAX ? undefined : limit;
  },
  write(octets, at, value, name) {
    putU64(octets, at, value ?? U64_MAX, name);
  },
};

function putU64(octets: Octets, at: number, value: bigint, name: string): void {
  if (typeof value !== "bigint" || value < 0n || value > U64_MAX) {
    throw new InvalidValueError(name, value, "bigints from 0n to 18446744073709551615n");
  }
  octets.view.setBigUint64(at, value, HOST_LITTLE_ENDIAN);
}

/** 64 bits of seconds in host order. Zero, and what no number holds exactly (285 million years), reads as `undefined`: none. */
export const seconds: Field<number> = {
  size: 8,
  read(octets, at) {
    const value = octets.view.getBigUint64(at, HOST_LITTLE_ENDIAN);
    return value === 0n || value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(value);
  },
  write(octets, at, value, name) {
    if (value === undefined) return;
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new InvalidValueError(name, value, `whole seconds from 0 to ${Number.MAX_SAFE_INTEGER}`);
    }
    octets.view.setBigUint64(at, BigInt(value), HOST_LITTLE_ENDIAN);
  },
};

/** An xfrm_address_t: 16 octets, of which IPv4 uses the first four. In a structure of no family it reads as `undefined`. */
export const address: Field<string> = {
  size: 16,
  isAddress: true,
  read: (octets, at, family) =>
    family === AF_INET || family === AF_INET6 ? readAddress(octets, at, family) : undefined,
  write(octets, at, value, name) {
    if (value !== undefined) writeAddress(octets, at, value, name);
  },
};

/** The 16-bit address family of a structure: 2 (IPv4), 10 (IPv6) or 0 (none). */
export const family: Field<number> = {
  size: 2,
  read(octets, at) {
    const value = octets.view.getUint16(at, HOST_LITTLE_ENDIAN);
    if (value !== AF_UNSPEC && value !== AF_INET && value !== AF_INET6) {
      throw new MalformedMessageError("address family", at, "0, 2 (IPv4) or 10 (IPv6)", value);
    }
    return value;
  },
  write(octets, at, value, name) {
    if (value === undefined) return;
    if (value !== AF_UNSPEC && value !== AF_INET && value !== AF_INET6) {
      throw new InvalidValueError(name, value, "0, 2 (IPv4), 10 (IPv6)");
    }
    octets.view.setUint16(at, value, HOST_LITTLE_ENDIAN);
  },
};

/** A number with names. A number without a name reads as itself, so that a newer kernel's values are kept. */
export function choice<Name extends string>(
  base: Field<number>,
  numbers: Readonly<Record<Name, number>>,
): Field<Name | number> {
  const names = new Map<number, Name>();
  for (const name of Object.keys(numbers) as Name[]) names.set(numbers[name], name);
  return {
    size: base.size,
    read(octets, at, family) {
      const number = base.read(octets, at, family);
      return number === undefined ? undefined : (names.get(number) ?? number);
    },
    write(octets, at, value, field) {
      const number = typeof value === "string" ? numbers[value] : value;
      if (value !== undefined && number === undefined) {
        throw new InvalidValueError(field, value, Object.keys(numbers).join(", "));
      }
      base.write(octets, at, number, field);
    },
  };
}

/** A number that is true when it is not zero. */
export function flag(base: Field<number>): Field<boolean> {
  return {
    size: base.size,
    read: (octets, at, family) => base.read(octets, at, family) !== 0,
    write(octets, at, value, name) {
      base.write(octets, at, value === true ? 1 : 0, name);
    },
  };
}

/** A number that is `value` when not given. */
export function withDefault<T>(field: Field<T>, value: T): Field<T> {
  return { ...field, write: (octets, at, given, name) => field.write(octets, at, given ?? value, name) };
}

/** An address whose family stands `delta` octets behind it, for structures that hold addresses of two families. */
export function addressBeside(delta: number): Field<string> {
  return {
    size: address.size,
    read: (octets, at) => address.read(octets, at, family.read(octets, at + delta, AF_UNSPEC) ?? AF_UNSPEC),
    write(octets, at, value, name) {
      if (value === undefined) return;
      octets.view.setUint16(at + delta, writeAddress(octets, at, value, name), HOST_LITTLE_ENDIAN);
    },
  };
}

/** Octets of fixed number kept as they are. */
export function octetString(size: number): Field<Uint8Array> {
  return {
    size,
    read: (octets, at) => octets.slice(at, at + size),
    write(octets, at, value, name) {
      if (value === undefined) return;
      if (value.length !== size) throw new InvalidValueError(name, value.length, `${size} octets`);
      octets.bytes.set(value, at);
    },
  };
}
