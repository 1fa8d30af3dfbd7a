import { type Codec, type Described, type Step, struct } from "../../codec.ts";

/**
 * One payload, declared once: notation, number, and its body in both directions. The discriminator is `isakmp`, where
 * IKEv2's payloads have `kind`: neither can be taken for the other.
 */
export interface PayloadDescription<T> {
  readonly isakmp: string;
  readonly type: number;
  readonly body: Codec<T>;
}

/** The payload object that a description reads and writes. */
export type PayloadOf<D> = D extends PayloadDescription<infer T> ? T : never;

type Payload<K extends string, S extends readonly Step<unknown>[]> = { readonly isakmp: K } & Described<S>;

/** Sets the discriminator first; writing has nothing to do, the payload's number says it. */
function discriminator<const K extends string>(isakmp: K): Step<{ readonly isakmp: K }> {
  return {
    read(_, into) {
      into.isakmp = isakmp;
    },
    write() {},
  };
}

/** Describes a payload; `steps` are its body after the generic payload header. */
export function payload<const K extends string, const S extends readonly Step<unknown>[]>(
  isakmp: K,
  type: number,
  ...steps: S
): PayloadDescription<{ [P in keyof Payload<K, S>]: Payload<K, S>[P] }> {
  const body = struct(discriminator(isakmp), ...(steps as readonly Step<unknown>[])) as Codec<unknown>;
  return { isakmp, type, body: body as Codec<{ [P in keyof Payload<K, S>]: Payload<K, S>[P] }> };
}
