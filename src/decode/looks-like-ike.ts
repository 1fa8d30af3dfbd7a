import { exchangeType as ikev1Exchange } from "../wire/ikev1/registry/message.ts";
import { exchangeType as ikev2Exchange } from "../wire/ikev2/registry/message.ts";

const headerLength = 28;
const known: Readonly<Record<number, ReadonlySet<number>>> = {
  1: new Set<number>(Object.values(ikev1Exchange)),
  2: new Set<number>(Object.values(ikev2Exchange)),
};

/** Whether octets on any port are an IKE message: the version, the exchange, the length and the SPIs all fit. */
export function looksLikeIke(octets: Buffer): boolean {
  if (octets.length < headerLength) return false;
  const version = octets.readUInt8(17);
  if ((version & 0x0f) !== 0 || known[version >> 4]?.has(octets.readUInt8(18)) !== true) return false;
  return octets.readUInt32BE(24) === octets.length && (octets.readUInt32BE(0) !== 0 || octets.readUInt32BE(4) !== 0);
}
