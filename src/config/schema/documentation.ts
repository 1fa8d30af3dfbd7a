import { z } from "zod";

/** What the reference page says about one key. */
export interface KeyDocumentation {
  /** The values possible. */
  readonly type: string;
  /** What holds where the key is absent; undefined where it must be given, empty where there is nothing to say. */
  readonly default?: string;
  readonly meaning: string;
  /** YAML, the key included. */
  readonly example: string;
}

/** The documentation of every key, kept beside its schema: the reference is generated from it. */
export const documentation = z.registry<KeyDocumentation>();

/** Gives a key's schema its documentation. */
export function documented<S extends z.ZodType>(schema: S, key: KeyDocumentation): S {
  documentation.add(schema, key);
  return schema;
}
