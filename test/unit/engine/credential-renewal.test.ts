/** Credentials that change while a tunnel stands: renewed certificates, authorities that overlap, those that are trusted no more. */
import { describe, expect, it } from "vitest";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import type { DesiredState } from "../../../src/sa/desired.ts";
import { host, root, signing, trusting } from "./certificates.ts";
import { pskRound } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, reasons } from "./pair.ts";

const [idA, idB] = [`gw-${a}`, `gw-${b}`];

const caller = (own: Certificate, trusted: readonly Certificate[] = [root()]): DesiredState =>
  facing(a, { auth: { local: [signing([own])], remote: [trusting({ authorities: trusted })] } });

const called = (own: Certificate, trusted: readonly Certificate[] = [root()]): DesiredState =>
  facing(b, { initiate: false, auth: { local: [signing([own])], remote: [trusting({ authorities: trusted })] } });

function connected() {
  const pair = ends();
  pair.one.configure(caller(host(idA)));
  pair.two.configure(called(host(idB)));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(15_000);
  expectRest(pair);
  pair.world.carried.push(...gre(pair));
  return pair;
}

const renewed = () => host(idA, "p256", { name: "renewed-a" });
const silent = (pair: ReturnType<typeof connected>, act: () => void) => {
  const before = [pair.one.sent.length, pair.two.sent.length, pair.one.mostRequests, pair.two.mostRequests];
  const log = pair.one.log.length + pair.two.log.length;
  act();
  pair.world.run(1_000);
  expect([pair.one.sent.length, pair.two.sent.length, pair.one.mostRequests, pair.two.mostRequests]).toEqual(before);
  expect(pair.one.log.length + pair.two.log.length).toBe(log);
};

describe("credentials that change while a tunnel stands", () => {
  it("the same files, read anew: no datagram, no request", () => {
    const pair = connected();
    silent(pair, () => {
      pair.one.configure(caller(host(idA)));
      pair.two.configure(called(host(idB)));
    });
  });

  it("a renewed certificate: nothing now, and used from the next authentication on", () => {
    const pair = connected();
    silent(pair, () => pair.one.configure(caller(renewed())));
    expect(pair.one.peer().ikeSas).toHaveLength(1);
    const old = pair.one.peer().ikeSas[0]?.initiatorSpi;
    // The peer trusts this very certificate alone: the old one would not do.
    const only = trusting({ listed: [renewed()] });
    pair.world.carried.length = 0;
    pair.two.configure(facing(b, { initiate: false, auth: { local: [signing([host(idB)])], remote: [only] } }));
    pair.world.run(30_000);
    expectRest(pair);
    expect(pair.one.peer().ikeSas[0]?.initiatorSpi).not.toBe(old);
    expect(reasons(pair.two)).not.toContain("certificate-refused");
  });

  it("a renewed certificate while the peer calls: the call goes on", () => {
    for (let moment = 0; moment < 60; moment += 2) {
      const pair = ends({ one: { computeDelay: 4 }, two: { computeDelay: 4 } });
      pair.two.configure(called(host(idB)));
      pair.one.configure(caller(host(idA)));
      pair.world.run(moment);
      pair.two.configure(called(host(idB, "p256", { name: "renewed-b" })));
      // Less than a caller waits that was turned away.
      pair.world.run(700);
      expectRest(pair);
    }
  });

  it("a new authority beside the old one: nothing now, and both hold", () => {
    const pair = connected();
    const other = root("other-root");
    silent(pair, () => pair.two.configure(called(host(idB), [root(), other])));
    pair.world.carried.length = 0;
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.world.run(1_000);
    const elsewhere = signing([host(idA, "p256", { issuer: "other-root" })], { others: [other] });
    pair.one.configure(facing(a, { auth: { local: [elsewhere], remote: [trusting()] } }));
    pair.one.handle({ kind: "up", peer: "peer" });
    pair.world.run(15_000);
    expectRest(pair);
  });

  it("an authority that is trusted no more: both ends prove themselves anew, and who has nothing else is out", () => {
    const pair = connected();
    pair.world.carried.length = 0;
    pair.two.configure(called(host(idB), [root("other-root")]));
    pair.world.run(10_000);
    expect(pair.two.peer()).toMatchObject({ reason: { code: "certificate-refused" } });
    expect(pair.two.peer().ikeSas).toEqual([]);
  });

  it("a secret in the place of a certificate: anew, at once", () => {
    const pair = connected();
    pair.world.carried.length = 0;
    const auth = { local: [pskRound()], remote: [pskRound()] };
    pair.two.configure(facing(b, { initiate: false, auth }));
    pair.one.configure(facing(a, { auth }));
    pair.world.run(30_000);
    expectRest(pair);
  });
});
