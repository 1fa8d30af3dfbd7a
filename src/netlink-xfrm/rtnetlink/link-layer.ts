import type { AttributeCodec } from "../codec/attribute.ts";
import { InvalidValueError, MalformedMessageError } from "../errors.ts";

/** MAX_ADDR_LEN of the kernel. */
const MAX_OCTETS = 32;

/** A link-layer address as "02:00:00:00:00:01"; 32 octets at most. */
export const linkLayerAddress: AttributeCodec<string> = {
  read(octets, start, end, _context, name) {
    if (end - start > MAX_OCTETS) {
      throw new MalformedMessageError(name, start, `at most ${MAX_OCTETS} octets`, end - start);
    }
    const parts: string[] = [];
    for (let at = start; at < end; at++) parts.push(octets.view.getUint8(at).toString(16).padStart(2, "0"));
    return parts.join(":");
  },
  write(writer, type, value, name) {
    const parts = value.split(":");
    const octets = parts.map((part) => Number.parseInt(part, 16));
    const good = parts.length <= MAX_OCTETS && parts.every((part, i) => part === hex(octets[i]));
    if (!good) throw new InvalidValueError(name, value, 'an address such as "02:00:00:00:00:01"');
    writer.octets.bytes.set(octets, writer.attribute(type, octets.length, name));
  },
};

function hex(octet: number | undefined): string {
  return (octet ?? Number.NaN).toString(16).padStart(2, "0");
}
