/** Which pieces of src a run went through that no run before did, as V8 counts them. */
import { Session } from "node:inspector";

/** Block coverage of the files below `src/`, from the first call of {@link begin} on. */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();

  /** How many pieces have been seen. */
  get size(): number {
    return this.#seen.size;
  }

  begin(): void {
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  }

  /** How many pieces are new since the last call. The inspector answers within the call. */
  takeNew(): number {
    let fresh = 0;
    this.#session.post("Profiler.takePreciseCoverage", (error, answer) => {
      if (error !== null) return;
      for (const script of answer.result) {
        if (!script.url.includes("/src/")) continue;
        for (const { ranges } of script.functions) {
          for (const { startOffset, endOffset, count } of ranges) {
            const key = `${script.scriptId}:${startOffset}:${endOffset}`;
            if (count === 0 || this.#seen.has(key)) continue;
            this.#seen.add(key);
            fresh += 1;
          }
        }
      }
    });
    return fresh;
  }

  end(): void {
    this.#session.post("Profiler.stopPreciseCoverage");
    this.#session.disconnect();
  }
}
