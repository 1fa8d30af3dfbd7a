/** What can still be said of an IKE message that does not decode: its header, and its payloads up to where it breaks. */
import { nameOf as ikev1NameOf } from "../wire/ikev1/registry/names.ts";
import { nameOf as ikev2NameOf } from "../wire/ikev2/registry/names.ts";
import { type Field, field, hexOf, spi64 } from "./field.ts";

const headerLength = 28;
const maxPayloads = 64;
const maxShown = 256;

/** Never throws, whatever the octets are. */
export function damagedFields(octets: Buffer): Field[] {
  if (octets.length < headerLength) return [field("octets", hexOf(octets))];
  const version = octets.readUInt8(17);
  const names = version >> 4 === 1 ? ikev1NameOf : ikev2NameOf;
  const header = field("header", undefined, [
    field("initiator's SPI", spi64(octets.readBigUInt64BE(0))),
    field("responder's SPI", spi64(octets.readBigUInt64BE(8))),
    field("version", `${version >> 4}.${version & 0x0f}`),
    field("exchange", names.exchange(octets.readUInt8(18))),
    field("flags", octets.readUInt8(19)),
    field("message ID", octets.readUInt32BE(20)),
    field("length", octets.readUInt32BE(24)),
  ]);
  const payloads: Field[] = [];
  let type = octets.readUInt8(16);
  let at = headerLength;
  while (type !== 0 && at + 4 <= octets.length && payloads.length < maxPayloads) {
    const length = octets.readUInt16BE(at + 2);
    if (length < 4) {
      payloads.push(field(names.payload(type), `length ${length}`));
      break;
    }
    const body = octets.subarray(at + 4, Math.min(at + length, octets.length));
    const cut = at + length > octets.length ? ` of ${length - 4} octets` : "";
    payloads.push(field(names.payload(type), `${hexOf(body.subarray(0, maxShown))}${cut}`));
    type = octets.readUInt8(at);
    at += length;
  }
  return [header, ...payloads];
}
