/** Distinguished names as people write and read them (RFC 4514), in the order of the octets. */
import { readElement } from "../asn1/element.ts";
import { Asn1Error } from "../asn1/error.ts";
import { attributeKeyword, typeOfKeyword } from "./attribute-types.ts";
import { type DistinguishedName, type NameAttribute, nameLimits, readValue } from "./distinguished-name.ts";

/** `C=CH, O=Example, CN=gw-a`: the most significant first, as certificates have it. */
export function formatName(name: DistinguishedName): string {
  return name.map((attributes) => attributes.map(formatAttribute).join("+")).join(", ");
}

/** What is wrong with a text that should be a name, or the name. Attributes stand in the order of the certificate. */
export function parseName(written: string): { readonly name: DistinguishedName } | { readonly wrong: string } {
  const name: NameAttribute[][] = [];
  for (const relative of split(written, ",")) {
    const attributes: NameAttribute[] = [];
    for (const part of split(relative, "+")) {
      const equals = part.indexOf("=");
      const keyword = part.slice(0, Math.max(0, equals)).trim();
      const type = /^\d+(\.\d+)+$/.test(keyword) ? keyword : typeOfKeyword(keyword);
      if (type === undefined)
        return { wrong: `"${part.trim()}" does not begin with the type of an attribute: ${known}, or its numbers` };
      const value = parseValue(part.slice(equals + 1));
      if (value.value === "") return { wrong: `"${part.trim()}" has no value` };
      attributes.push({ type, ...value });
    }
    name.push(attributes);
  }
  const { relativeNames, attributes: most } = nameLimits;
  if (name.length > relativeNames || name.some(({ length }) => length > most))
    return { wrong: `has more attributes than a name may have (${relativeNames})` };
  return { name };
}

const known = "CN, O, OU, C, L, ST, DC, UID, E, serialNumber";

function formatAttribute({ type, value, element }: NameAttribute): string {
  return `${attributeKeyword(type) ?? type}=${element === undefined ? escaped(value) : value}`;
}

/** RFC 4514 2.4, so that a value cannot pass for two attributes; control characters as hexadecimal digits. */
function escaped(value: string): string {
  const inner = value
    .replace(/[\\,+"<>;=]/g, "\\$&")
    .replace(/\p{C}/gu, escapedOctets)
    .replace(/^[ #]/, "\\$&");
  return value.length > 1 && value.endsWith(" ") ? `${inner.slice(0, -1)}\\ ` : inner;
}

function escapedOctets(character: string): string {
  return [...Buffer.from(character)].map((octet) => `\\${octet.toString(16).padStart(2, "0")}`).join("");
}

/** At separators that no backslash escapes. */
function split(written: string, separator: string): string[] {
  const parts = [""];
  for (let at = 0; at < written.length; at++) {
    const character = written[at] ?? "";
    const last = parts.length - 1;
    if (character === separator) parts.push("");
    else if (character === "\\") parts[last] += character + (written[++at] ?? "");
    else parts[last] += character;
  }
  return parts;
}

/** RFC 4514 2.4: `#` and hexadecimal digits are an element; else a text. */
function parseValue(written: string): Omit<NameAttribute, "type"> {
  const value = trimmed(written);
  return (
    (/^#([0-9a-fA-F]{2})+$/.test(value) ? valueOfElement(value.slice(1)) : undefined) ?? { value: unescaped(value) }
  );
}

/** Blanks around it go, but not one that a backslash escapes. */
function trimmed(written: string): string {
  const start = written.trimStart();
  const end = start.trimEnd();
  const isEscaped = end.length < start.length && /(?<!\\)(\\\\)*\\$/.test(end);
  return isEscaped ? start.slice(0, end.length + 1) : end;
}

function valueOfElement(digits: string): Omit<NameAttribute, "type"> | undefined {
  try {
    return readValue(readElement(Buffer.from(digits, "hex"), { octets: 1024, elements: 64, depth: 4 }));
  } catch (error) {
    if (error instanceof Asn1Error) return undefined;
    throw error;
  }
}

function unescaped(value: string): string {
  return value.replace(/((?:\\[0-9a-fA-F]{2})+)|\\(.)/gs, (_, octets?: string, character?: string) =>
    octets === undefined ? (character ?? "") : Buffer.from(octets.replaceAll("\\", ""), "hex").toString(),
  );
}
