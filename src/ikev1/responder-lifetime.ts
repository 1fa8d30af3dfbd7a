/** RESPONDER-LIFETIME (RFC 2407 4.6.3.1): who answers keeps an SA for less time than it was offered for, and says so. */
import { type Lifetimes, readLifetimes, secondsAttributes } from "../negotiate/ikev1-lifetime.ts";
import { WireError } from "../wire/error.ts";
import { decodeAttributes, encodeAttributes } from "../wire/ikev1/payloads/attribute-list.ts";
import type { NPayload } from "../wire/ikev1/payloads/notification.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { doi, protocolId } from "../wire/ikev1/registry/message.ts";
import { notifyType } from "../wire/ikev1/registry/notify.ts";
import { phase1Attribute } from "../wire/ikev1/registry/phase1.ts";
import { phase2Attribute } from "../wire/ikev1/registry/phase2.ts";
import { all } from "./payloads.ts";

/** RFC 2407 4.5: what is meant where no lifetime is offered, in seconds. */
const unsaidSeconds = 28_800;

const [type1, duration1] = [phase1Attribute.LIFE_TYPE, phase1Attribute.LIFE_DURATION];
const [type2, duration2] = [phase2Attribute.SA_LIFE_TYPE, phase2Attribute.SA_LIFE_DURATION];

/** What to say of an SA that was offered for `offered` seconds and lives for `own`; nothing where that is no shorter. */
export function shorterLifetime(
  protocol: number,
  spi: Uint8Array,
  offered: number | undefined,
  own: number,
): readonly NPayload[] {
  if (own === 0 || own >= (offered ?? unsaidSeconds)) return [];
  const isIsakmp = protocol === protocolId.ISAKMP;
  const attributes = isIsakmp ? secondsAttributes(own, type1, duration1) : secondsAttributes(own, type2, duration2);
  const data = encodeAttributes(attributes);
  return [{ isakmp: "N", doi: doi.IPSEC, protocolId: protocol, spi, type: notifyType.RESPONDER_LIFETIME, data }];
}

/**
 * The lifetimes that a notify says; undefined where it is another, or cannot be read. Of an ISAKMP SA they are said in the
 * numbers of either phase: the RFC does not tell which.
 */
export function lifetimesOf({ type, protocolId: protocol, data }: NPayload): Lifetimes | undefined {
  if (type !== notifyType.RESPONDER_LIFETIME) return undefined;
  try {
    const attributes = decodeAttributes(data);
    const ipsec = readLifetimes(attributes, type2, duration2);
    if (protocol !== protocolId.ISAKMP) return ipsec;
    const isakmp = readLifetimes(attributes, type1, duration1);
    return isakmp.seconds === undefined ? ipsec : isakmp;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** The shortest lifetimes of those agreed on and those that the payloads say of that protocol. */
export function shortest<T extends Lifetimes>(agreed: T, payloads: readonly Payload[], protocol: number): T {
  let { seconds, kilobytes } = agreed;
  for (const notify of all(payloads, "N")) {
    const said = notify.protocolId === protocol ? lifetimesOf(notify) : undefined;
    seconds = lesser(seconds, said?.seconds);
    kilobytes = lesser(kilobytes, said?.kilobytes);
  }
  return { ...agreed, seconds, kilobytes };
}

/** The lesser of two numbers either of which may be missing. */
export function lesser(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
