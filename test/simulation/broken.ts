/** What must hold at every moment of every story. */
export type Invariant =
  | "no clear packet"
  | "no packet lost in peace"
  | "both ends agree"
  | "nothing stays beyond its time"
  | "what is configured stands once"
  | "comes to an end"
  | "every datagram can be read"
  | "nothing throws";

/** An invariant that does not hold. */
export class Broken extends Error {
  override readonly name = "Broken";
  readonly invariant: Invariant;
  /** In ms of the world's clock. */
  readonly at: number;

  constructor(invariant: Invariant, at: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.invariant = invariant;
    this.at = at;
  }
}
