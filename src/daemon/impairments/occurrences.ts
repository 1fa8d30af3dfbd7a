/** Counts how often the things came that impairments are about, and says which are hit. */
import type { MessageKind, Which } from "./impairment.ts";

/** One impairment with its count. */
interface Counted<T> {
  readonly impairment: T;
  readonly text: string;
  count: number;
}

export class Occurrences<T extends { readonly which: Which }> {
  readonly #counted: Counted<T>[] = [];
  readonly #tell: (text: string, count: number) => void;

  /** `tell` hears of each hit: the impairment as it was written, and which occurrence, counted from 1. */
  constructor(tell: (text: string, count: number) => void) {
    this.#tell = tell;
  }

  add(impairment: T, text: string): void {
    this.#counted.push({ impairment, text, count: 0 });
  }

  /** Counts something for all impairments that are about it, and returns those that it hits. */
  hits(isAbout: (impairment: T) => boolean): T[] {
    const hit: T[] = [];
    for (const counted of this.#counted) {
      const { impairment, text } = counted;
      if (!isAbout(impairment)) continue;
      counted.count += 1;
      if (counted.count < impairment.which.first || counted.count > impairment.which.last) continue;
      this.#tell(text, counted.count);
      hit.push(impairment);
    }
    return hit;
  }
}

/** Whether a message of that exchange type is of the kind. */
export function isOfKind(kind: MessageKind, type: number, isResponse: boolean): boolean {
  return (
    (kind.exchangeType === undefined || kind.exchangeType === type) &&
    (kind.isResponse === undefined || kind.isResponse === isResponse)
  );
}
