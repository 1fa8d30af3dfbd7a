import { type Codec, type Described, type Step, struct } from "../../codec.ts";

/** Where a payload may stand: in clear, or inside SK. */
export type Place = "clear" | "protected";

/** What every payload may carry, whatever its kind; both are ignored on receipt and kept for re-encoding (RFC 7296 3.2). */
export interface Generic {
  /** The critical bit, set on a payload that needs none (RFC 7296 2.5). */
  readonly critical?: true;
  /** The seven RESERVED bits of the generic payload header, when not zero. */
  readonly reserved?: number;
}

/** One payload, declared once: number, notation, where it may stand, and its body in both directions. */
export interface PayloadDescription<T> {
  readonly kind: string;
  readonly type: number;
  readonly places: readonly Place[];
  readonly body: Codec<T>;
  /** How the body is read where it stands in clear, if more is demanded of it there. */
  readonly bodyInClear?: Codec<T>;
}

/** The payload object that a description reads and writes. */
export type PayloadOf<D> = D extends PayloadDescription<infer T> ? T : never;

type Payload<K extends string, S extends readonly Step<unknown>[]> = { readonly kind: K } & Described<S> & Generic;

/** Sets the discriminator first; writing has nothing to do, the payload's number says it. */
function discriminator<const K extends string>(kind: K): Step<{ readonly kind: K }> {
  return {
    read(_, into) {
      into.kind = kind;
    },
    write() {},
  };
}

/** Describes a payload; `steps` are its body after the generic payload header. */
export function payload<const K extends string, const S extends readonly Step<unknown>[]>(
  kind: K,
  type: number,
  places: readonly Place[],
  ...steps: S
): PayloadDescription<{ [P in keyof Payload<K, S>]: Payload<K, S>[P] }> {
  const body = struct(discriminator(kind), ...(steps as readonly Step<unknown>[])) as Codec<unknown>;
  return { kind, type, places, body: body as Codec<{ [P in keyof Payload<K, S>]: Payload<K, S>[P] }> };
}
