/** Carries the engine's kernel requests out, strictly in order, one effect after the other. */
import type { Kernel, KernelAnswer, KernelRequest } from "../kernel/port.ts";

interface Job {
  readonly id: number;
  readonly requests: readonly KernelRequest[];
}

/** Takes an effect's answers: one for each request carried out, the last one refused where not all were. */
export type AnswerListener = (id: number, answers: readonly KernelAnswer[]) => void;

export class KernelExecutor {
  readonly #kernel: Kernel;
  readonly #answered: AnswerListener;
  readonly #jobs: Job[] = [];
  readonly #idle: (() => void)[] = [];
  #busy = false;

  constructor(kernel: Kernel, answered: AnswerListener) {
    this.#kernel = kernel;
    this.#answered = answered;
  }

  /** Answers before it returns where the kernel answers at once and nothing older is outstanding. */
  execute(id: number, requests: readonly KernelRequest[]): void {
    this.#jobs.push({ id, requests });
    if (!this.#busy) this.#work();
  }

  /** Resolves when every request has been answered. */
  async whenIdle(): Promise<void> {
    if (!this.#busy && this.#jobs.length === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #work(): void {
    this.#busy = true;
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      const answers: KernelAnswer[] = [];
      const pending = this.#advance(job, answers);
      if (pending !== undefined) {
        void this.#finishLater(job, answers, pending);
        return;
      }
      this.#answered(job.id, answers);
    }
    this.#busy = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Carries requests out while the kernel answers at once; what it promises instead is returned. */
  #advance(job: Job, answers: KernelAnswer[]): Promise<KernelAnswer> | undefined {
    while (answers.length < job.requests.length && answers.at(-1)?.kind !== "refused") {
      const request = job.requests[answers.length];
      if (request === undefined) return undefined;
      const answer = this.#kernel.request(request);
      if (answer instanceof Promise) return answer;
      answers.push(answer);
    }
    return undefined;
  }

  async #finishLater(job: Job, answers: KernelAnswer[], first: Promise<KernelAnswer>): Promise<void> {
    for (let pending: Promise<KernelAnswer> | undefined = first; pending !== undefined; ) {
      answers.push(await pending);
      pending = this.#advance(job, answers);
    }
    this.#answered(job.id, answers);
    this.#work();
  }
}
