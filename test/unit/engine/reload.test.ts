import { describe, expect, it } from "vitest";
import type { XauthDesired } from "../../../src/sa/remote-access.ts";
import { desired, type PeerOptions, peer, pskRound, timing } from "./desired.ts";
import { a, b, c, ends, expectRest, facing, standing } from "./pair.ts";

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

describe("a file that is loaded anew while a caller proves itself", () => {
  const password = { name: "file:alice.password", octets: Buffer.from("open sesame") };
  const client: XauthDesired = { kind: "client", user: "alice", password };
  const server: XauthDesired = { kind: "server", users: [{ name: "alice", password }] };
  const [ike, esp] = [["aes128-sha256-ecp256"], ["aes128-sha256"]];
  const main: PeerOptions = { ikev1: "main", ike, esp };
  const aggressive: PeerOptions = { ikev1: "aggressive", ike, esp };
  const rounds = [pskRound(), pskRound("another secret of some length", "second.psk")] as const;

  /** The first is the caller's section, the second that of who is called. */
  const calls: [string, PeerOptions, PeerOptions][] = [
    ["IKEv2, in two rounds", { auth: { local: rounds, remote: rounds } }, { auth: { local: rounds, remote: rounds } }],
    ["main mode", main, main],
    ["aggressive mode", aggressive, aggressive],
    ["main mode, the caller logs in", { ...main, xauth: client }, { ...main, xauth: server }],
    ["main mode, the called end logs in", { ...main, xauth: server }, { ...main, xauth: client }],
    ["aggressive mode, the called end logs in", { ...aggressive, xauth: server }, { ...aggressive, xauth: client }],
  ];
  /** In ms: a way takes 10, a computation 4. */
  const moments = Array.from({ length: 25 }, (_, index) => index * 6);

  function calling(own: PeerOptions, theirs: PeerOptions, moment: number) {
    const pair = ends({ one: { computeDelay: 4 }, two: { computeDelay: 4 } });
    pair.two.configure(facing(b, { ...theirs, initiate: false }));
    pair.one.configure(facing(a, own));
    pair.world.run(moment);
    return pair;
  }

  it.each(calls)("%s: it is taken out, and nothing of it comes to stand at any moment", (_, own, theirs) => {
    for (const moment of moments) {
      const { world, one, two } = calling(own, theirs, moment);
      two.configure(desired([]));
      world.run(500);
      two.configure(facing(b, { ...theirs, initiate: false, timing: { ...timing, liveness: 40_000 } }));
      world.run(60_000);
      expectRest({ world, one, two });
    }
  });

  it.each(calls)("%s: with another secret, what the old one proves counts no more at any moment", (_, own, theirs) => {
    const other = [pskRound("a secret that nobody else has")];
    for (const moment of moments) {
      const { world, one, two } = calling(own, theirs, moment);
      two.configure(facing(b, { ...theirs, initiate: false, auth: { local: other, remote: other } }));
      world.run(30_000);
      expect([moment, two.peer().state, two.peer().ikeSas, standing(two)]).toEqual([moment, "waiting", [], []]);
      // In aggressive mode the caller proves itself last, and is told nothing: it learns from the silence.
      expect([moment, standing(one)]).toEqual([moment, []]);
    }
  });
});
