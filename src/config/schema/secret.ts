import type { z } from "zod";
import { leaf, seen } from "./leaf.ts";

/** A pre-shared key as the file gives it: octets, or the name of the file that holds them. */
export type SecretText =
  | { readonly kind: "inline"; readonly octets: Uint8Array; readonly hint?: string }
  | { readonly kind: "file"; readonly name: string };

/** `file:NAME`, `hex:…`, `base64:…`, or the key itself as text. No sentence quotes the value. */
export const secret: z.ZodType<SecretText> = leaf((value) => {
  if (typeof value !== "string") return { wrong: `needs ${forms}, ${withoutValue(value)}` };
  if (value === "") return { wrong: `is empty: give ${forms}` };
  const [, form = "", rest = ""] = /^(file|hex|base64):(.*)$/s.exec(value) ?? [];
  switch (form) {
    case "file": {
      const name = rest.trim();
      if (name === "" || name.includes("\0")) return { wrong: "names no file after file:" };
      return { value: { kind: "file", name } };
    }
    case "hex":
      if (!/^([0-9a-fA-F]{2})+$/.test(rest)) return { wrong: "needs an even number of hexadecimal digits after hex:" };
      return { value: { kind: "inline", octets: Uint8Array.from(Buffer.from(rest, "hex")) } };
    case "base64":
      if (!/^[A-Za-z0-9+/]+={0,2}$/.test(rest) || rest.length % 4 !== 0) {
        return { wrong: "needs base64 with its padding after base64:" };
      }
      return { value: { kind: "inline", octets: Uint8Array.from(Buffer.from(rest, "base64")) } };
    default:
      return { value: inlineText(value) };
  }
});

function inlineText(text: string): SecretText {
  const octets = new TextEncoder().encode(text);
  // strongSwan's files write keys so; taken for text the two ends would not agree.
  if (/^0x[0-9a-fA-F]+$/.test(text))
    return {
      kind: "inline",
      octets,
      hint: "starts with 0x and is taken as text: for hexadecimal octets write hex: and the digits",
    };
  if (/^0s[A-Za-z0-9+/=]+$/.test(text))
    return {
      kind: "inline",
      octets,
      hint: "starts with 0s and is taken as text: for base64 write base64: and the text",
    };
  return { kind: "inline", octets };
}

function withoutValue(value: unknown): string {
  if (typeof value === "number") return "not a number (put text that looks like a number in quotes)";
  return typeof value === "boolean" ? "not yes or no (put the text in quotes)" : seen(value);
}

const forms = "file:NAME, hex:…, base64:… or the key as text";
