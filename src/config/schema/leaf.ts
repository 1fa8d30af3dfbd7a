/** How the schema reads one value: a reader that gives what it means, or says what is wrong and what is possible. */
import { z } from "zod";
import { quote } from "../problem.ts";

/** `offset`: characters into the text at which it goes wrong. */
export type Reading<T> = { readonly value: T } | { readonly wrong: string; readonly offset?: number };

/** A schema of one value, of whatever YAML type. The reader sees `undefined` where the key is missing. */
export function leaf<T>(read: (value: unknown) => Reading<T>): z.ZodType<T> {
  return z.unknown().transform((value, context): T => {
    const reading = read(value);
    if ("value" in reading) return reading.value;
    context.issues.push({ code: "custom", message: reading.wrong, input: value, params: { offset: reading.offset } });
    return z.NEVER;
  });
}

/** A leaf whose YAML value must be text. `what` says what it is: "an address". */
export function textLeaf<T>(what: string, read: (text: string) => Reading<T>): z.ZodType<T> {
  return leaf((value) => {
    if (typeof value === "string" && value.trim() !== "") return read(value.trim());
    const quotes = typeof value === "number" || typeof value === "boolean" ? " (put the text in quotes)" : "";
    return { wrong: `${notThis(what, value)}${quotes}` };
  });
}

/** Whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number, unit = ""): z.ZodType<number> {
  const what = `a whole number from ${min} to ${max}${unit === "" ? "" : ` (${unit})`}`;
  return leaf((value) => {
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return { value };
    return { wrong: notThis(what, value) };
  });
}

/** One word of a closed list. */
export function oneOf<T extends string>(words: readonly T[]): z.ZodType<T> {
  const what = `one of ${words.join(", ")}`;
  return leaf((value): Reading<T> => {
    const word = words.find((known) => known === value);
    if (word !== undefined) return { value: word };
    return { wrong: typeof value === "string" ? `is ${what}, not ${quote(value)}` : notThis(what, value) };
  });
}

/** One value or a list of them, as a list. */
export function oneOrMany<T>(item: z.ZodType<T>, what: string, most = longestList): z.ZodType<T[]> {
  return z.preprocess(
    (value) => (Array.isArray(value) ? value : [value]),
    z.array(item).min(1, `needs at least one ${what}`).max(most, `has more than ${most} entries`),
  );
}

/**
 * A section with exactly these keys. For an unknown key zod's message holds the keys that are possible: the sentence is
 * made where the key's place is known (`shape.ts`).
 */
export function section<S extends z.core.$ZodLooseShape>(shape: S) {
  const keys = Object.keys(shape).join(", ");
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys" ? keys : `needs a section with ${keys}, ${seen(issue.input)}`,
  });
}

/** `needs an address, not the number 5`. */
export function notThis(what: string, value: unknown): string {
  return value === undefined ? `is missing: give ${what}` : `needs ${what}, ${seen(value)}`;
}

/** Kinds alone, never the value of a text: that may be a secret in the wrong place. */
export function seen(value: unknown): string {
  if (value === null || value === undefined) return "but has no value";
  if (Array.isArray(value)) return "not a list";
  if (typeof value === "object") return "not a section of keys";
  if (typeof value === "number") return `not the number ${value}`;
  if (typeof value === "boolean") return `not ${value}`;
  return typeof value === "string" && value.trim() === "" ? "not empty text" : "not text";
}

const longestList = 1024;
