/** Elements to values of the types that certificates are made of. Everything here throws Asn1Error. */
import { ObjectIdentifier } from "asn1js";
import type { Element } from "./element.ts";
import { Asn1Error } from "./error.ts";

export const universal = {
  boolean: 1,
  integer: 2,
  bitString: 3,
  octetString: 4,
  null: 5,
  oid: 6,
  enumerated: 10,
  utf8String: 12,
  sequence: 16,
  set: 17,
  printableString: 19,
  teletexString: 20,
  ia5String: 22,
  utcTime: 23,
  generalizedTime: 24,
  universalString: 28,
  bmpString: 30,
} as const;

/** Takes the elements of a SEQUENCE one by one; `end` says that there are no more. */
export class Fields {
  readonly #elements: readonly Element[];
  readonly #what: string;
  #next = 0;

  constructor(sequence: Element | undefined, what: string) {
    this.#elements = sequenceOf(sequence, what);
    this.#what = what;
  }

  /** The next element, whatever it is. */
  any(what: string): Element {
    const element = this.#elements[this.#next];
    if (element === undefined) throw new Asn1Error("structure", `${this.#what} has no ${what}`);
    this.#next += 1;
    return element;
  }

  /** The next element if it has this universal tag. */
  optional(tag: number): Element | undefined {
    const element = this.#elements[this.#next];
    if (element?.tagClass !== "universal" || element.tag !== tag) return undefined;
    this.#next += 1;
    return element;
  }

  /** The next element if it has this context tag. */
  context(tag: number): Element | undefined {
    const element = this.#elements[this.#next];
    if (element?.tagClass !== "context" || element.tag !== tag) return undefined;
    this.#next += 1;
    return element;
  }

  end(): void {
    if (this.#next < this.#elements.length) throw new Asn1Error("structure", `${this.#what} has an element too many`);
  }
}

/** The elements of a SEQUENCE or SEQUENCE OF. */
export function sequenceOf(element: Element | undefined, what: string): readonly Element[] {
  return expect(element, universal.sequence, true, what).children;
}

/** The elements of a SET OF. */
export function setOf(element: Element, what: string): readonly Element[] {
  return expect(element, universal.set, true, what).children;
}

/** The one element inside an explicit tag. */
export function explicit(element: Element, what: string): Element {
  const [inner, second] = element.children;
  if (!element.constructed || inner === undefined || second !== undefined)
    throw new Asn1Error("structure", `${what} holds not one element`);
  return inner;
}

/** The same contents under a universal tag: what IMPLICIT took away (X.680 31.2.7). */
export function implicit(element: Element, tag: number): Element {
  return { ...element, tagClass: "universal", tag };
}

export function oid(element: Element, what: string): string {
  expect(element, universal.oid, false, what);
  if (!(element.block instanceof ObjectIdentifier)) throw new Asn1Error("structure", `${what} is no object identifier`);
  if (element.contents.length > 64) throw new Asn1Error("too-large", `${what} has an overlong object identifier`);
  return element.block.getValue();
}

/** DER has one form of TRUE (X.690 11.1). */
export function boolean(element: Element, what: string): boolean {
  const { contents } = expect(element, universal.boolean, false, what);
  if (contents.length !== 1 || (contents[0] !== 0 && contents[0] !== 0xff))
    throw new Asn1Error("structure", `${what} is no BOOLEAN of DER`);
  return contents[0] === 0xff;
}

/** The octets of an INTEGER in the shortest form of two's complement (X.690 8.3.2). */
export function integerOctets(element: Element, what: string): Uint8Array {
  const { contents } = expect(element, universal.integer, false, what);
  const [first, second = 0] = contents;
  if (first === undefined) throw new Asn1Error("structure", `${what} is an empty INTEGER`);
  if (contents.length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)))
    throw new Asn1Error("structure", `${what} is an INTEGER with an octet too many`);
  return contents;
}

/** A number from 0 on; whatever is longer than four octets is refused. */
export function smallInteger(element: Element, what: string): number {
  const octets = integerOctets(element, what);
  if (octets.length > 4 || (octets[0] ?? 0) >= 0x80) throw new Asn1Error("structure", `${what} is out of range`);
  return octets.reduce((value, octet) => value * 256 + octet, 0);
}

/** An ENUMERATED of one octet. */
export function enumerated(element: Element, what: string): number {
  const { contents } = expect(element, universal.enumerated, false, what);
  const [value = 0x80] = contents;
  if (contents.length !== 1 || value >= 0x80) throw new Asn1Error("structure", `${what} is out of range`);
  return value;
}

export function octetString(element: Element, what: string): Uint8Array {
  return expect(element, universal.octetString, false, what).contents;
}

/** A BIT STRING of whole octets, as signatures and keys are. */
export function bitStringOctets(element: Element, what: string): Uint8Array {
  const { contents } = expect(element, universal.bitString, false, what);
  if (contents[0] !== 0) throw new Asn1Error("structure", `${what} is a BIT STRING that ends within an octet`);
  return contents.subarray(1);
}

/** The numbers of the bits that are one (X.680 22.6: bit 0 is the first). */
export function namedBits(element: Element, what: string): ReadonlySet<number> {
  const { contents } = expect(element, universal.bitString, false, what);
  const unused = contents[0];
  if (unused === undefined || unused > 7 || contents.length > 5 || (contents.length === 1 && unused > 0))
    throw new Asn1Error("structure", `${what} is no BIT STRING of names`);
  const bits = new Set<number>();
  const count = (contents.length - 1) * 8 - unused;
  for (let bit = 0; bit < count; bit++) {
    if (((contents[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0) bits.add(bit);
  }
  return bits;
}

/** The element, if it has this universal tag and form. */
export function expect(element: Element | undefined, tag: number, constructed: boolean, what: string): Element {
  if (element === undefined) throw new Asn1Error("structure", `${what} is missing`);
  if (element.tagClass !== "universal" || element.tag !== tag || element.constructed !== constructed)
    throw new Asn1Error("structure", `${what} has another type than it must have`);
  return element;
}
