/** Lifetimes as IKEv1's attributes say them: a type, then its duration, as often as there are types (RFC 2407 4.5, RFC 2409 appendix A). */
import { type Attribute, attributeNumber, numericAttribute } from "../wire/ikev1/payloads/attribute.ts";
import { lifeType } from "../wire/ikev1/registry/phase1.ts";

export interface Lifetimes {
  readonly seconds: number | undefined;
  readonly kilobytes: number | undefined;
}

/** The shortest of each kind; a duration without a type before it is one of seconds. */
export function readLifetimes(attributes: readonly Attribute[], typeNumber: number, durationNumber: number): Lifetimes {
  let type: number | undefined = lifeType.SECONDS;
  let seconds: number | undefined;
  let kilobytes: number | undefined;
  for (const attribute of attributes) {
    const number = attributeNumber(attribute);
    if (attribute.type === typeNumber) type = number;
    if (attribute.type !== durationNumber || number === undefined || number === 0) continue;
    if (type === lifeType.SECONDS) seconds = Math.min(seconds ?? number, number);
    else if (type === lifeType.KILOBYTES) kilobytes = Math.min(kilobytes ?? number, number);
  }
  return { seconds, kilobytes };
}

/** The attributes that say so many seconds. */
export function secondsAttributes(seconds: number, typeNumber: number, durationNumber: number): Attribute[] {
  return [numericAttribute(typeNumber, lifeType.SECONDS), numericAttribute(durationNumber, seconds)];
}
