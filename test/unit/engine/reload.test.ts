import { describe, expect, it } from "vitest";
import { desired, peer, timing } from "./desired.ts";
import { a, b, c, ends, facing } from "./pair.ts";

describe("a file that is loaded anew while a peer's section stays as it was", () => {
  /** The called end, whose other peer changes. */
  const called = (liveness: number) =>
    desired([
      peer(b, a, { initiate: false }),
      peer(b, c, { name: "other", initiate: false, timing: { ...timing, liveness } }),
    ]);

  it("has that peer's next call belong to it: it is up, has its IKE SA, and goes down when it is told to", () => {
    const { world, one, two } = ends();
    two.configure(called(30_000));
    one.configure(facing(a));
    world.run(5_000);
    one.handle({ kind: "down", peer: "peer" });
    world.run(5_000);
    two.configure(called(40_000));
    one.handle({ kind: "up", peer: "peer" });
    world.run(5_000);
    expect(one.peer().state).toBe("up");
    expect(two.peer()).toMatchObject({ state: "up", ikeSas: [{ role: "responder" }] });
    two.handle({ kind: "down", peer: "peer" });
    world.run(5_000);
    expect(two.peer()).toMatchObject({ state: "down", ikeSas: [] });
  });
});
