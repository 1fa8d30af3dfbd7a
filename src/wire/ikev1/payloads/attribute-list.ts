import { list } from "../../codec.ts";
import { Reader } from "../../reader.ts";
import { Writer } from "../../writer.ts";
import { limits } from "../limits.ts";
import { type Attribute, attribute } from "./attribute.ts";

const attributes = list(attribute, { label: "attribute", max: limits.transformAttributes });
const writer = new Writer(limits.message);

/** Reads a list of data attributes that stands alone, as a notify's data (RFC 2407 4.6.3.1). Throws {@link WireError}. */
export function decodeAttributes(octets: Uint8Array): readonly Attribute[] {
  const r = new Reader(octets);
  const read = attributes.read(r, "attributes");
  r.end();
  return read;
}

/** Writes such a list. Throws {@link WireError} (`unencodable`). */
export function encodeAttributes(list: readonly Attribute[]): Buffer {
  writer.begin();
  attributes.write(writer, list, "attributes");
  return writer.finish();
}
