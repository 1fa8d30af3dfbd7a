/** A kernel that refuses installation steps and keeps soft expires to itself. */
import type { Kernel, KernelAnswer, KernelEvent, KernelRequest } from "../../kernel/port.ts";
import type { InstallationStep, KernelImpairment, SoftExpireImpairment } from "./impairment.ts";
import type { Occurrences } from "./occurrences.ts";

export class ImpairedKernel implements Kernel {
  readonly #kernel: Kernel;
  readonly #refusals: Occurrences<KernelImpairment>;
  readonly #softExpires: Occurrences<SoftExpireImpairment>;

  constructor(kernel: Kernel, refusals: Occurrences<KernelImpairment>, softExpires: Occurrences<SoftExpireImpairment>) {
    this.#kernel = kernel;
    this.#refusals = refusals;
    this.#softExpires = softExpires;
  }

  request(request: KernelRequest): KernelAnswer | Promise<KernelAnswer> {
    const step = stepOf(request);
    const isRefused = step !== undefined && this.#refusals.hits((one) => one.step === step).length > 0;
    if (!isRefused) return this.#kernel.request(request);
    return { kind: "refused", refusal: { request: request.kind, errno: "ENOMEM", said: "impaired for a test" } };
  }

  onEvent(listener: (event: KernelEvent) => void): void {
    this.#kernel.onEvent((event) => {
      const isSoft = event.kind === "expire" && !event.hard;
      if (!isSoft || this.#softExpires.hits(() => true).length === 0) listener(event);
    });
  }

  close(): void {
    this.#kernel.close();
  }
}

/** The step of an installation that a request is; a policy that locks is none. */
function stepOf(request: KernelRequest): InstallationStep | undefined {
  if (request.kind === "allocateSpi") return "allocate-spi";
  if (request.kind === "installSa") return request.sa.direction === "in" ? "install-inbound" : "install-outbound";
  if (request.kind === "setPolicy" && request.policy.action.kind === "protected") return "set-policy";
  return undefined;
}
