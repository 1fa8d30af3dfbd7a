import type { KernelAnswer, KernelEvent, KernelRequest } from "../port.ts";
import { refused } from "../request-check.ts";

/** Which request a fault is for: its kind, or whatever a test looks at. */
export type RequestMatch = KernelRequest["kind"] | ((request: KernelRequest) => boolean);

export interface FaultOptions {
  /** How many matching requests fail; 1 when left out. */
  readonly times?: number;
  /** The request is carried out and only its answer is lost, as with ETIMEDOUT. */
  readonly carriedOut?: boolean;
}

interface Fault {
  readonly matches: (request: KernelRequest) => boolean;
  readonly errno: string;
  readonly carriedOut: boolean;
  left: number;
}

/** Faults that a test injects: refused requests and lost events. */
export class Faults {
  #faults: Fault[] = [];
  #losses: { matches: (event: KernelEvent) => boolean; left: number; told: boolean }[] = [];

  failNext(match: RequestMatch, errno: string, { times = 1, carriedOut = false }: FaultOptions = {}): void {
    const matches = typeof match === "function" ? match : (request: KernelRequest) => request.kind === match;
    this.#faults.push({ matches, errno, carriedOut, left: times });
  }

  /** The next `count` events of a kind are lost; `told`: an overrun is reported in place of the first. */
  loseNext(kind: KernelEvent["kind"] | "any", count: number, told: boolean): void {
    this.#losses.push({ matches: (event) => kind === "any" || event.kind === kind, left: count, told });
  }

  /** The fault for this request, used up by asking. */
  take(request: KernelRequest): { answer: KernelAnswer; carriedOut: boolean } | undefined {
    const fault = this.#faults.find((candidate) => candidate.matches(request));
    if (fault === undefined) return undefined;
    fault.left -= 1;
    if (fault.left <= 0) this.#faults = this.#faults.filter((other) => other !== fault);
    const answer = refused(request.kind, fault.errno, `injected: ${fault.errno}`);
    return { answer, carriedOut: fault.carriedOut };
  }

  /** What is heard of an event: itself, an overrun, or nothing. */
  hear(event: KernelEvent): KernelEvent | undefined {
    const loss = this.#losses.find((candidate) => candidate.matches(event));
    if (loss === undefined) return event;
    loss.left -= 1;
    const { told } = loss;
    loss.told = false;
    if (loss.left <= 0) this.#losses = this.#losses.filter((other) => other !== loss);
    return told ? { kind: "overrun" } : undefined;
  }

  /** Faults that no request has met yet. */
  get pending(): number {
    return this.#faults.length;
  }
}
