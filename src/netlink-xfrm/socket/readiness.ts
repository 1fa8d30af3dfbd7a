import koffi from "koffi";

/**
 * Tells when a descriptor is readable, on Node's own event loop: `koffi.node.poll`, which is uv_poll. A thread in poll(2)
 * (`koffi` async calls) would hold one of libuv's four threads, and would hang `process.exit` (seen on Node 20).
 */
export class Readiness {
  readonly #onReadable: () => void;
  readonly #handle: ReturnType<typeof koffi.node.poll>;
  #scheduled = false;
  #closed = false;

  /** Calls `onReadable` as long as there is something to read: at most once in a turn of the event loop. */
  constructor(fd: number, onReadable: () => void) {
    this.#onReadable = onReadable;
    this.#handle = koffi.node.poll(fd, { readable: true }, () => this.#fired());
  }

  /** No call comes after this. */
  close(): void {
    this.#closed = true;
    this.#handle.close();
  }

  /**
   * The poll's callback runs outside Node's callback scope (neither promises nor exceptions would be looked after), so the
   * work is done in an immediate, which comes before the loop polls again.
   */
  #fired(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#closed) return;
      // libuv stops polling a descriptor in error, which an overrun netlink socket is until the error has been read.
      // Starting a poll that goes on changes nothing.
      this.#handle.start({ readable: true }, () => this.#fired());
      this.#onReadable();
    });
  }
}
