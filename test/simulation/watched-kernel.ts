import type { KernelAnswer, KernelRequest } from "../../src/kernel/port.ts";
import { SimulatedKernel } from "../../src/kernel/simulated/simulated-kernel.ts";

/** Who looks on. Asked only about requests that may change what becomes of packets. */
export interface KernelWatch {
  before(request: KernelRequest): void;
  after(request: KernelRequest, answer: KernelAnswer): void;
}

const changing: ReadonlySet<KernelRequest["kind"]> = new Set(["installSa", "deleteSa", "setPolicy", "deletePolicy"]);

/** A kernel whose every change is looked at, from immediately before to immediately after. */
export class WatchedKernel extends SimulatedKernel {
  watch: KernelWatch | undefined;

  override request(request: KernelRequest): KernelAnswer {
    // Nobody reads it here, and the story may be long.
    this.journal.length = 0;
    if (this.watch === undefined || !changing.has(request.kind)) return super.request(request);
    this.watch.before(request);
    const answer = super.request(request);
    this.watch.after(request, answer);
    return answer;
  }
}
