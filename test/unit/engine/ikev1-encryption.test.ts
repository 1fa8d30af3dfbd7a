/** Phase 1 of IKEv1 in which both ends prove themselves by what they can decrypt (RFC 2409 5.2, 5.3), in both modes. */
import { describe, expect, it } from "vitest";
import { computeHere } from "../../../src/daemon/compute.ts";
import type { EncryptionMethod } from "../../../src/negotiate/isakmp-methods.ts";
import type { ComputeJob, ComputeResult } from "../../../src/sa/compute.ts";
import type { XauthDesired } from "../../../src/sa/remote-access.ts";
import { host, signing, trusting } from "./certificates.ts";
import type { PeerOptions } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, type Pair, type PairOptions, reasons, standing } from "./pair.ts";
import { carry, type Network } from "./world.ts";

const [idA, idB] = [`gw-${a}`, `gw-${b}`];
const main: PeerOptions = { ikev1: "main", ike: ["aes256-sha1-modp2048"], esp: ["aes128-sha256"] };
const certificateOf = (id: string, issuer = "root") => host(id, "rsa", { issuer });

/** Who has which key, and whose it believes the other's to be. */
function auth(own: string, other: ReturnType<typeof certificateOf>): PeerOptions["auth"] {
  return { local: [signing([certificateOf(own)])], remote: [trusting({ authorities: [], listed: [other] })] };
}

function encrypting(
  proveBy: EncryptionMethod,
  one: PeerOptions = {},
  two: PeerOptions = {},
  options: PairOptions = {},
  wait = 15_000,
): Pair {
  const pair = ends(options);
  pair.one.configure(facing(a, { ...main, proveBy, ...withAuth(idA, certificateOf(idB)), ...one }));
  pair.two.configure(facing(b, { ...main, proveBy, ...withAuth(idB, certificateOf(idA)), initiate: false, ...two }));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(wait);
  return pair;
}

function withAuth(own: string, other: ReturnType<typeof certificateOf>): PeerOptions {
  const value = auth(own, other);
  return value === undefined ? {} : { auth: value };
}

const word = (text: string) => ({ name: "file:alice.password", octets: Buffer.from(text) });
const alice: XauthDesired = { kind: "client", user: "alice", password: word("open sesame") };
const mallory: XauthDesired = { kind: "client", user: "alice", password: word("open rice") };
const users: XauthDesired = { kind: "server", users: [{ name: "alice", password: word("open sesame") }] };

/** Everything that was sent, as one string of octets. */
function wire({ one, two }: Pair): Buffer {
  return Buffer.concat([...one.sent, ...two.sent].map(({ octets }) => octets));
}

const ways = (["encryption", "revised-encryption"] as const).flatMap((proveBy) =>
  (["main", "aggressive"] as const).map((ikev1) => [proveBy, ikev1] as const),
);

describe.each(ways)("%s in %s mode", (proveBy, ikev1) => {
  const pairOf = (one: PeerOptions = {}, two: PeerOptions = {}, options: PairOptions = {}, wait?: number) =>
    encrypting(proveBy, { ikev1, ...one }, { ikev1, ...two }, options, wait);

  it.each(["aes256-sha1-modp2048", "aes128-sha256-ecp256", "3des-sha512-modp2048"])("both ends with %s", (ike) => {
    const pair = pairOf({ ike: [ike] }, { ike: [ike] });
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    expect([pair.one.peer(), pair.two.peer()].map(({ ikeSas }) => ikeSas[0]?.remoteId)).toEqual([idB, idA]);
    // Nobody who listens learns who speaks.
    expect(wire(pair).includes(idA)).toBe(false);
    expect(wire(pair).includes(idB)).toBe(false);
  });

  it("late answers, messages that come twice", () => {
    const slow = { computeDelay: 700 };
    expectRest(pairOf({}, {}, { one: slow, two: slow, network: () => [10, 35] }));
  });

  it("whichever of its first eight datagrams is lost", () => {
    for (let n = 0; n < 8; n += 1) {
      const network: Network = (_datagram, index) => (index === n ? [] : [10]);
      const slow = { computeDelay: 25 };
      expectRest(pairOf({}, {}, { network, one: slow, two: slow }, 40_000));
    }
  });

  it("who has another key than it is known by gets nothing, and neither does its caller", () => {
    const other = withAuth(idA, certificateOf(idB, "other"));
    const pair = pairOf(other, {}, {}, 20_000);
    expect(pair.one.peer().state).not.toBe("up");
    expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
  });

  it("an answer is for the very key that the caller is known by", () => {
    const pair = pairOf({}, withAuth(idB, certificateOf(idA, "other")), {}, 20_000);
    expect(pair.two.peer().state).not.toBe("up");
    expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
  });

  it("what cannot be decrypted is answered as what can, and proves nothing", () => {
    const answers = (spoil: (plaintexts: readonly Uint8Array[]) => readonly Uint8Array[]) => {
      const compute = (job: ComputeJob): ComputeResult => {
        const result = computeHere(job);
        return result.kind === "decrypted" ? { ...result, plaintexts: spoil(result.plaintexts) } : result;
      };
      return pairOf({}, {}, { two: { compute } }, 3_000);
    };
    // Of another length than a nonce has, too.
    for (const length of [1, 7, 32, 240]) {
      const pair = answers(([, ...rest]) => [new Uint8Array(length).fill(1), ...rest]);
      expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
      if (proveBy === "encryption") expect(pair.two.sent.length).toBeGreaterThanOrEqual(2);
    }
  });

  it.each([
    ["the caller", { xauth: alice }, { xauth: users }, "alice"],
    ["who is called", { xauth: users }, { xauth: alice }, "alice"],
  ] as const)("XAuth after it: %s logs in", (who, one, two, name) => {
    const pair = pairOf(one, two);
    expectRest(pair);
    const asker = who === "the caller" ? pair.two : pair.one;
    expect(asker.peer().ikeSas[0]?.remoteId).toBe(name);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  it.each([
    ["another password", { xauth: mallory }, { xauth: users }, "login-failed"],
    ["no login at all", {}, { xauth: users }, "no-common-proposal"],
  ] as const)("XAuth after it, with %s: nothing stands", (_, one, two, reason) => {
    const pair = pairOf(one, two, {}, 5_000);
    expect(reasons(pair.two)).toContain(reason);
    expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
  });

  it("both phases are replaced", () => {
    const pair = pairOf();
    for (const end of [pair.one, pair.two]) {
      end.handle({ kind: "rekey", peer: "peer", what: "ike" });
      pair.world.run(30_000);
      expectRest(pair);
    }
  });
});

it("is no method of those who sign", () => {
  const pair = ends();
  pair.one.configure(facing(a, { ...main, proveBy: "encryption", ...withAuth(idA, certificateOf(idB)) }));
  pair.two.configure(facing(b, { ...main, ...withAuth(idB, certificateOf(idA)), initiate: false }));
  pair.world.run(3_000);
  expect(reasons(pair.two)).toContain("no-common-proposal");
  expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
});
