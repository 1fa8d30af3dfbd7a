import { describe, expect, it } from "vitest";
import { KernelExecutor } from "../../../src/daemon/kernel-executor.ts";
import type { Kernel, KernelAnswer, KernelRequest } from "../../../src/kernel/port.ts";

/** A kernel that answers request n as `script[n]` says: at once, or when it is let. */
class ScriptedKernel implements Kernel {
  readonly asked: KernelRequest["kind"][] = [];
  readonly #script: (KernelAnswer | Promise<KernelAnswer>)[];

  constructor(script: (KernelAnswer | Promise<KernelAnswer>)[]) {
    this.#script = script;
  }

  request(request: KernelRequest): KernelAnswer | Promise<KernelAnswer> {
    this.asked.push(request.kind);
    return this.#script[this.asked.length - 1] ?? done;
  }

  onEvent(): void {}
  close(): void {}
}

const done: KernelAnswer = { kind: "done" };
const refused: KernelAnswer = {
  kind: "refused",
  refusal: { request: "listSas", errno: "EPERM", said: "Operation not permitted" },
};
const sas: KernelRequest = { kind: "listSas" };
const policies: KernelRequest = { kind: "listPolicies" };

function executor(...script: (KernelAnswer | Promise<KernelAnswer>)[]) {
  const kernel = new ScriptedKernel(script);
  const answers: [number, KernelAnswer["kind"][]][] = [];
  const subject = new KernelExecutor(kernel, (id, list) => answers.push([id, list.map((answer) => answer.kind)]));
  return { kernel, answers, subject };
}

describe("kernel effects", () => {
  it("are answered at once by a kernel that answers at once", () => {
    const { answers, subject } = executor();
    subject.execute(1, [sas, policies]);
    expect(answers).toEqual([[1, ["done", "done"]]]);
  });

  it("end at the first refusal, and the next effect is carried out all the same", () => {
    const { kernel, answers, subject } = executor(done, refused);
    subject.execute(1, [sas, sas, policies, policies]);
    subject.execute(2, [policies]);
    expect(answers).toEqual([
      [1, ["done", "refused"]],
      [2, ["done"]],
    ]);
    expect(kernel.asked).toEqual(["listSas", "listSas", "listPolicies"]);
  });

  it("keep their order behind an answer that takes its time", async () => {
    let settle: (answer: KernelAnswer) => void = () => undefined;
    const late = new Promise<KernelAnswer>((resolve) => {
      settle = resolve;
    });
    const { kernel, answers, subject } = executor(late, done, refused);
    subject.execute(1, [sas, sas]);
    subject.execute(2, [policies, policies]);
    let idle = false;
    const whenIdle = subject.whenIdle().then(() => {
      idle = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect({ asked: kernel.asked, answers, idle }).toEqual({ asked: ["listSas"], answers: [], idle: false });
    settle(done);
    await whenIdle;
    expect(kernel.asked).toEqual(["listSas", "listSas", "listPolicies"]);
    expect(answers).toEqual([
      [1, ["done", "done"]],
      [2, ["refused"]],
    ]);
  });

  it("do not grow the stack, however many follow from an answer", () => {
    const kernel = new ScriptedKernel([]);
    let depth = 0;
    let deepest = 0;
    const subject: KernelExecutor = new KernelExecutor(kernel, (id) => {
      depth += 1;
      deepest = Math.max(deepest, depth);
      if (id < 100_000) subject.execute(id + 1, [sas]);
      depth -= 1;
    });
    subject.execute(1, [sas]);
    expect(kernel.asked.length).toBe(100_000);
    expect(deepest).toBe(1);
  });

  it("with no request at all are answered with no answer", () => {
    const { answers, subject } = executor();
    subject.execute(1, []);
    expect(answers).toEqual([[1, []]]);
  });
});
