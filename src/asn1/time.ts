/** UTCTime and GeneralizedTime as RFC 5280 4.1.2.5 has them. */
import type { Element } from "./element.ts";
import { Asn1Error } from "./error.ts";
import { universal } from "./fields.ts";

/** ms since 1970. Throws Asn1Error for another form than YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ. */
export function time(element: Element, what: string): number {
  const short = element.tag === universal.utcTime;
  if (element.tagClass !== "universal" || element.constructed || !(short || element.tag === universal.generalizedTime))
    throw new Asn1Error("structure", `${what} is no time`);
  const digits = element.contents;
  const length = short ? 13 : 15;
  if (digits.length !== length || digits[length - 1] !== zulu) throw badTime(what);
  const number = (at: number): number => {
    const tens = (digits[at] ?? 0) - zero;
    const ones = (digits[at + 1] ?? 0) - zero;
    if (tens < 0 || tens > 9 || ones < 0 || ones > 9) throw badTime(what);
    return tens * 10 + ones;
  };
  const rest = short ? 2 : 4;
  // RFC 5280 4.1.2.5.1: two digits stand for 1950 to 2049.
  const year = short ? number(0) + (number(0) >= 50 ? 1900 : 2000) : number(0) * 100 + number(2);
  const [month, day] = [number(rest), number(rest + 2)];
  const [hour, minute, second] = [number(rest + 4), number(rest + 6), number(rest + 8)];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!exists || hour > 23 || minute > 59 || second > 59) throw badTime(what);
  return date.getTime();
}

function badTime(what: string): Asn1Error {
  return new Asn1Error("structure", `${what} is no time in the form that certificates have`);
}

const zero = 0x30;
const zulu = 0x5a;
