/** Our last message of phase 1: repeated until it is answered by who began, said again when asked by who answers (RFC 2408 2.8). */
import type { Reason } from "../negotiate/reason.ts";
import type { Datagrams } from "../sa/datagrams.ts";
import { phase1 } from "./exchanges/table.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";

export class Phase1Message {
  readonly #sa: IkeV1Sa;
  #octets: Datagrams | undefined;
  #firstSent = 0;
  #attempts = 0;
  /** Why it may be going unanswered, as far as is known. */
  #noted: Reason | undefined;
  /** An error notify that came in clear while our proof went unanswered. */
  #said: string | undefined;

  constructor(sa: IkeV1Sa) {
    this.#sa = sa;
  }

  /** A responder never repeats it by itself: nobody has shown yet to be where the messages come from. */
  send(octets: Buffer): void {
    const { host, path, role, fragmentation } = this.#sa;
    this.#octets = fragmentation.datagrams(octets);
    this.#firstSent = host.now();
    this.#attempts = 1;
    host.send(this.#octets, path);
    if (role === "initiator") this.#schedule();
  }

  /** The peer has it, and has gone on: only what answers that is said again. Two ends would otherwise repeat to each other for ever. */
  arrived(): void {
    this.#octets = undefined;
  }

  /** The peer does not seem to have it. */
  sayAgain(): void {
    if (this.#octets !== undefined) this.#sa.host.send(this.#octets, this.#sa.path);
  }

  /** Nothing is to be repeated by itself any more. */
  settle(): void {
    this.#sa.host.disarm(this.#sa, "phase1");
  }

  note(reason: Reason): void {
    this.#noted = reason;
  }

  /** Somebody says in clear that there is an error: where our proof is out, that stands beside what is known. */
  heard(notify: string): void {
    this.#said = notify;
  }

  /** The time for the answer is over. */
  repeat(): void {
    const { host, peer } = this.#sa;
    if (peer === undefined || this.#octets === undefined) return;
    // Whether the host still refuses to send is about to be seen.
    const noted = this.#noted;
    if (noted?.code === "send-failed") this.#noted = undefined;
    if (this.#attempts > peer.timing.retransmitTries) return this.#giveUp(noted, this.#attempts);
    this.#attempts += 1;
    host.log({
      level: "debug",
      event: "retransmit",
      peer: peer.name,
      facts: { exchange: this.#exchange, attempt: this.#attempts },
    });
    this.sayAgain();
    this.#schedule();
  }

  /** Whoever called has not gone on. */
  endHalfOpen(): void {
    this.#firstSent = this.#sa.createdAt;
    this.#giveUp(this.#noted, 0);
  }

  #giveUp(noted: Reason | undefined, attempts: number): void {
    const { host, path } = this.#sa;
    const seconds = Math.round((host.now() - this.#firstSent) / 1000);
    const said = this.#said === undefined ? {} : { said: this.#said };
    const proof = phase1[this.#sa.state.kind]?.unbelieved?.(this.#sa);
    const unbelieved = proof === undefined ? {} : { unbelieved: { ...proof, ...said } };
    const remote = path.remote.address;
    this.#sa.end(noted ?? { code: "no-answer", exchange: this.#exchange, remote, attempts, seconds, ...unbelieved });
  }

  get #exchange(): string {
    return this.#sa.mode === "main" ? "main mode" : "aggressive mode";
  }

  #schedule(): void {
    const { host, peer } = this.#sa;
    if (peer === undefined) return;
    const wait = peer.timing.retransmitFirst * peer.timing.retransmitFactor ** (this.#attempts - 1);
    host.arm(this.#sa, "phase1", host.now() + wait);
  }
}
