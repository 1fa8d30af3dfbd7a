/** Reading JSON whose shape is somebody else's: every look is a question. */

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether it is an object, not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The objects of a list; of anything else none. */
export function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The first of those members that is a string. */
export function text(object: JsonObject, ...names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = object[name];
    if (typeof value === "string") return value;
  }
  return undefined;
}

/** The first of those members that is a number, or a string of decimal digits. */
export function number(object: JsonObject, ...names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = object[name];
    if (typeof value === "number") return value;
    if (typeof value === "string" && /^\d+$/.test(value)) return Number(value);
  }
  return undefined;
}

/** The first of those members that is hex, without "0x", blanks and colons, in lower case and whole octets. */
export function hex(object: JsonObject, ...names: readonly string[]): string | undefined {
  const value = text(object, ...names);
  if (value === undefined) return undefined;
  const digits = value.replace(/^0x/i, "").replace(/[\s:]/g, "").toLowerCase();
  if (!/^[0-9a-f]*$/.test(digits)) return undefined;
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}
