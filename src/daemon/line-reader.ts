/** Cuts a stream of octets into lines of bounded length. */

export type LineEvent = { readonly kind: "line"; readonly text: string } | { readonly kind: "too-long" };

export class LineReader {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #length = 0;

  /** `limit` counts the octets of one line without its newline. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The lines that `chunk` completes; after `too-long` the stream must be given up. */
  push(chunk: Buffer): LineEvent[] {
    const events: LineEvent[] = [];
    let rest = chunk;
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      if (!this.#keep(rest.subarray(0, end))) return [...events, { kind: "too-long" }];
      events.push({ kind: "line", text: Buffer.concat(this.#pieces).toString("utf8") });
      this.#pieces = [];
      this.#length = 0;
      rest = rest.subarray(end + 1);
    }
    return this.#keep(rest) ? events : [...events, { kind: "too-long" }];
  }

  #keep(piece: Buffer): boolean {
    this.#length += piece.length;
    if (this.#length > this.#limit) return false;
    if (piece.length > 0) this.#pieces.push(piece);
    return true;
  }
}

const newline = 0x0a;
