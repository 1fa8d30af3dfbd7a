/** A failure that is the operator's business: a sentence, and the exit status that goes with it. */

/** `message` says what is wrong and what to do; more lines may follow in `details`. */
export class Failure extends Error {
  override readonly name = "Failure";
  /** 1: it failed. 2: usage or configuration error. */
  readonly exitStatus: 1 | 2;
  readonly details: readonly string[];

  constructor(exitStatus: 1 | 2, message: string, details: readonly string[] = []) {
    super(message);
    this.exitStatus = exitStatus;
    this.details = details;
  }
}
