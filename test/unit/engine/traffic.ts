/** Packets that both ends send all the time, each on its way for a while: what arrives, and what does not. */
import { isProtected } from "../../../src/kernel/simulated/packet.ts";
import type { Pair } from "./pair.ts";
import type { Flow, World } from "./world.ts";

/** A packet that did not arrive, and why. */
export interface Loss {
  readonly at: number;
  readonly from: string;
  readonly why: string;
}

export class Traffic {
  sent = 0;
  readonly #lost: Loss[] = [];
  readonly #world: World;
  readonly #flows: readonly Flow[];
  readonly #until: number;
  readonly #delay: (n: number) => number;

  /** Every `interval` ms one packet of each flow until `until`; the n-th is on its way for `delay(n)` ms. */
  constructor(
    { world }: Pick<Pair, "world">,
    flows: readonly Flow[],
    until: number,
    delay: (n: number) => number = () => 10,
    interval = 3,
  ) {
    this.#world = world;
    this.#flows = flows;
    this.#until = until;
    this.#delay = delay;
    this.#tick(interval);
  }

  /** What was lost, one line for each cause. */
  get losses(): string[] {
    const causes = new Map<string, Loss[]>();
    for (const loss of this.#lost) {
      const cause = `from ${loss.from}, ${loss.why}`;
      causes.set(cause, [...(causes.get(cause) ?? []), loss]);
    }
    return [...causes].map(([cause, all]) => `${cause}: ${all.length}, sent ${all[0]?.at} to ${all.at(-1)?.at}`);
  }

  #tick(interval: number): void {
    for (const flow of this.#flows) this.#send(flow);
    if (this.#world.now + interval <= this.#until) this.#world.schedule(interval, () => this.#tick(interval));
  }

  #send({ from, to, packet }: Flow): void {
    const sentAt = this.#world.now;
    const lose = (why: string) => this.#lost.push({ at: sentAt, from: from.address, why });
    this.sent += 1;
    const out = from.kernel.send(packet);
    if (out.kind === "clear") throw new Error(`at ${sentAt}: ${from.address} sends in clear`);
    if (out.kind === "dropped") return void lose(`out: ${out.reason}`);
    if (!isProtected(out.packet)) throw new Error("a packet in clear");
    this.#world.schedule(this.#delay(this.sent), () => {
      const input = to.kernel.receive(out.packet);
      if (input.kind === "dropped") lose(`in: ${input.reason}`);
    });
  }
}
