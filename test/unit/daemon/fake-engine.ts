import type { EnginePort } from "../../../src/daemon/event-loop.ts";
import type { Urgency } from "../../../src/engine/engine.ts";
import type { Effect, EngineEvent } from "../../../src/engine/io.ts";
import type { Status } from "../../../src/engine/status.ts";

/** An engine that notes what it hears and answers by a script. */
export class FakeEngine implements EnginePort {
  readonly heard: EngineEvent[] = [];
  readonly times: number[] = [];
  deadline: number | undefined;
  snapshot: Status = { peers: [], locks: [] };
  script: (event: EngineEvent) => Effect[] = () => [];

  handle(event: EngineEvent, now: number): Effect[] {
    this.heard.push(event);
    this.times.push(now);
    return this.script(event);
  }

  nextDeadline(): number | undefined {
    return this.deadline;
  }

  urgency(): Urgency {
    return "session";
  }

  status(): Status {
    return this.snapshot;
  }

  get kinds(): string[] {
    return this.heard.map((event) => event.kind);
  }
}
