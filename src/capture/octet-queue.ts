/** Octets that arrive in chunks and are taken in pieces; what has been taken is not kept. */
export class OctetQueue {
  #pending: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** No more will be pushed. */
  ended = false;

  /** Octets that wait. */
  get length(): number {
    return this.#pending.length - this.#at;
  }

  push(chunk: Uint8Array): void {
    if (this.length === 0) this.#pending = chunk;
    else this.#pending = Buffer.concat([this.#pending.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** The next `count` octets without taking them; undefined until there are as many. */
  peek(count: number): Buffer | undefined {
    if (this.length < count) return undefined;
    return Buffer.from(this.#pending.buffer, this.#pending.byteOffset + this.#at, count);
  }

  /** Takes the next `count` octets; undefined, and nothing taken, until there are as many. */
  take(count: number): Buffer | undefined {
    const octets = this.peek(count);
    if (octets !== undefined) this.#at += count;
    return octets;
  }
}
