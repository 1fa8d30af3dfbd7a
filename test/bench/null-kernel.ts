/** A kernel that does nothing and says that it did: what a handshake costs without one. */
import type { Kernel, KernelAnswer, KernelRequest } from "../../src/kernel/port.ts";

/** Answers every request at once, as a kernel that has nothing and takes everything. */
export class NullKernel implements Kernel {
  #spi = 0x1000;

  request(request: KernelRequest): KernelAnswer {
    switch (request.kind) {
      case "allocateSpi":
        this.#spi += 1;
        return { kind: "spi", spi: this.#spi };
      case "querySa":
        return { kind: "usage", usage: { ...request.sa, reqid: 0, bytes: 0n, packets: 0n } };
      case "querySas":
        return { kind: "usages", usages: request.sas.map((sa) => ({ ...sa, reqid: 0, bytes: 0n, packets: 0n })) };
      case "probe":
        return { kind: "abilities", abilities: { natKeepalive: false } };
      case "listSas":
        return { kind: "sas", sas: [] };
      case "listPolicies":
        return { kind: "policies", policies: [] };
      default:
        return { kind: "done" };
    }
  }

  /** It has nothing to report. */
  onEvent(): void {}

  close(): void {}
}
