/** Holds a part of the file against its schema: the values that are right, and a finding for all that is not. */
import type { z } from "zod";
import { nearestWord } from "./nearest.ts";
import { errorAt, type Finding, type KeyPath, quote } from "./problem.ts";
import { seen } from "./schema/leaf.ts";
import { refusedValue } from "./yaml-source.ts";

type Shape = z.core.$ZodLooseShape;

/** Each value on its own: a wrong key costs that key, not its neighbours. */
export type Values<S extends Shape> = { readonly [K in keyof S]?: NonNullable<z.output<S[K]>> };

export interface Shaped<S extends Shape> {
  readonly values: Values<S>;
  readonly findings: readonly Finding[];
}

/** Reads one section of the file. A section without any key is as good as none. */
export function readSection<S extends Shape>(section: z.ZodObject<S>, value: unknown, path: KeyPath): Shaped<S> {
  if (value === null || value === undefined || value === refusedValue) return { values: {}, findings: [] };
  const keys = Object.keys(section.shape);
  if (!isSection(value)) {
    return { values: {}, findings: [errorAt(path, `needs a section with ${keys.join(", ")}, ${seen(value)}`)] };
  }
  const findings: Finding[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, given] of Object.entries(value)) {
    const schema: z.core.$ZodType | undefined = Object.hasOwn(section.shape, key) ? section.shape[key] : undefined;
    if (schema === undefined) findings.push(unknownKey([...path, key], key, keys));
    else if (given !== refusedValue) {
      const result = (schema as z.ZodType).safeParse(given);
      if (result.success) values[key] = result.data;
      else findings.push(...result.error.issues.flatMap((issue) => issueFindings(issue, [...path, key], given)));
    }
  }
  // The schema of each key gave its value, so the values are of the shape's types.
  return { values: values as Values<S>, findings };
}

export function isSection(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `auth` and `xauth` may hold a secret where a key belongs, so what it does not know is not repeated. */
export function unknownKey(path: KeyPath, key: string, possible: readonly string[]): Finding {
  const near = nearestWord(key, possible);
  const name = (path.includes("auth") || path.includes("xauth")) && near === undefined ? "" : ` ${quote(key)}`;
  const guess = near === undefined ? "." : `, did you mean ${near}?`;
  const shown = name === "" ? path.slice(0, -1) : path;
  return errorAt(shown, `unknown key${name}${guess} Possible here: ${possible.join(", ")}`, { atKey: name !== "" });
}

function issueFindings(issue: z.core.$ZodIssue, base: KeyPath, given: unknown): Finding[] {
  const path = [...base, ...issue.path.filter((step) => typeof step !== "symbol")];
  if (valueAt(given, issue.path) === refusedValue) return [];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey([...path, key], key, issue.message.split(", ")));
  }
  const offset: unknown = issue.code === "custom" ? issue.params?.offset : undefined;
  return [errorAt(path, issue.message, typeof offset === "number" ? { offset } : {})];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const step of path) {
    // A value that stands for a list of one has no index of its own in the file.
    if (Array.isArray(found)) found = found[Number(step)];
    else if (isSection(found)) found = found[String(step)];
  }
  return found;
}
