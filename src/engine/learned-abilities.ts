/** What the kernel can do, once somebody wanted to know. */
import type { KernelAbilities } from "../kernel/port.ts";
import type { Outbox } from "./outbox.ts";

export class LearnedAbilities {
  readonly #outbox: Outbox;
  #known: KernelAbilities | undefined;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Whether it keeps NAT mappings alive by itself; what is not known yet counts as missing. */
  get keepsAlive(): boolean {
    return this.#known?.natKeepalive === true;
  }

  /** Asks the kernel, once. */
  learn(): void {
    if (this.#known !== undefined) return;
    this.#known = { natKeepalive: false };
    this.#outbox.kernel([{ kind: "probe" }], ([answer]) => {
      if (answer?.kind === "abilities") this.#known = answer.abilities;
    });
  }
}
