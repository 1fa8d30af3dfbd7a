/** What a ladder shows of a capture: lanes, and arrows between them. */
import type { Decoded, Tone } from "../decoded.ts";

/** Arrows of one ladder; a capture of an hour is no picture. */
const maxArrows = 2000;
const maxLanes = 16;

/** One message. */
export interface Arrow {
  readonly number: number;
  readonly time: number | undefined;
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly remark: string | undefined;
  readonly tone: Tone;
  /** Packets that this arrow stands for: ESP in one direction is drawn as one. */
  count: number;
}

/** The picture, without its lines. */
export interface Ladder {
  readonly lanes: readonly string[];
  readonly arrows: readonly Arrow[];
  /** Messages that found no place. */
  readonly left: number;
}

/** Collects arrows as packets are decoded. */
export class LadderBuilder {
  readonly #lanes: string[] = [];
  readonly #arrows: Arrow[] = [];
  #left = 0;

  add(decoded: Decoded): void {
    const [from, to] = [this.#lane(decoded.path.source), this.#lane(decoded.path.destination)];
    if (from === undefined || to === undefined || this.#arrows.length >= maxArrows) {
      this.#left += 1;
      return;
    }
    const label = labelOf(decoded);
    const last = this.#arrows.at(-1);
    if (decoded.kind !== "ike" && last?.label === label && last.from === from && last.tone === decoded.tone) {
      last.count += 1;
      return;
    }
    const { number, time, remark, tone } = decoded;
    this.#arrows.push({ number, time, from, to, label, remark, tone, count: 1 });
  }

  finish(): Ladder {
    return { lanes: this.#lanes, arrows: this.#arrows, left: this.#left };
  }

  #lane(address: string): number | undefined {
    const known = this.#lanes.indexOf(address);
    if (known >= 0) return known;
    return this.#lanes.length < maxLanes ? this.#lanes.push(address) - 1 : undefined;
  }
}

function labelOf({ kind, summary }: Decoded): string {
  if (kind === "ike") return summary;
  return summary.replace(/ #\d+:.*$/, "");
}
