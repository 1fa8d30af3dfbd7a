/** How two ends prove who they are: several rounds (RFC 4739), NULL authentication (RFC 7619), and IKE_AUTH without a child (RFC 6023). */
import { describe, expect, it } from "vitest";
import { makeIdentity } from "../../../src/negotiate/identity.ts";
import type { RoundDesired } from "../../../src/sa/desired.ts";
import { flag } from "../../../src/wire/ikev2/header.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { desired, nullRound, type PeerOptions, peer, pskRound } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, type Pair, type PairOptions, reasons, standing } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import type { End } from "./world.ts";

const user = (psk = "the user's own"): RoundDesired => ({
  ...pskRound(psk),
  id: makeIdentity("email", "user@example"),
});
const operator = (psk = "the operator's own"): RoundDesired => ({
  ...pskRound(psk),
  id: makeIdentity("fqdn", "operator"),
});

/** `one` calls `two`, each with its own options. */
function pairOf(one: PeerOptions, two: PeerOptions, options: PairOptions = {}): Pair {
  const pair = ends(options);
  pair.one.configure(facing(a, one));
  pair.two.configure(facing(b, { initiate: false, ...two }));
  if (one.protect?.length !== 0) pair.world.guarded.push(...gre(pair));
  pair.world.run(15_000);
  return pair;
}

/** The requests of one kind that an end has sent, each once. */
function requests(end: End, type: number): Set<string> {
  const sent = end.sent.filter(({ octets }) => octets[18] === type && ((octets[19] ?? 0) & flag.response) === 0);
  return new Set(sent.map(({ octets }) => Buffer.from(octets).toString("hex")));
}

describe("several rounds of authentication", () => {
  it.each([
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
    [3, 1],
    [1, 3],
    [2, 3],
  ])("the caller proves itself in %i, the called in %i", (ours, theirs) => {
    const calling = [pskRound(), user(), operator()].slice(0, ours);
    const called = [pskRound(), operator(), user()].slice(0, theirs);
    const pair = pairOf({ auth: { local: calling, remote: called } }, { auth: { local: called, remote: calling } });
    expectRest(pair);
    expect(requests(pair.one, exchangeType.IKE_AUTH).size).toBe(Math.max(ours, theirs));
    expect(pair.two.peer().ikeSas[0]?.remoteId).toBe(`gw-${a}`);
  });

  it("survives the loss of every first copy, and messages that come twice", () => {
    const seen = new Set<string>();
    const network: PairOptions["network"] = ({ octets }) => {
      const key = Buffer.from(octets).toString("hex");
      if (seen.has(key)) return [10, 35];
      seen.add(key);
      return [];
    };
    const auth = { local: [pskRound(), user()], remote: [pskRound(), operator()] };
    const pair = pairOf({ auth }, { auth: { local: auth.remote, remote: auth.local } }, { network });
    expectRest(pair);
  });

  it.each([
    ["caller's", { local: [pskRound(), user("wrong")], remote: [pskRound()] }, "two", "user@example"],
    ["called's", { local: [pskRound()], remote: [pskRound(), operator("wrong")] }, "one", "operator"],
  ] as const)("a wrong secret in the %s second round: no SA at either end", (_, auth, where, identity) => {
    const right = { local: [pskRound()], remote: [pskRound(), operator()] };
    const called =
      where === "two"
        ? { local: [pskRound()], remote: [pskRound(), user()] }
        : { local: right.remote, remote: right.local };
    const pair = pairOf({ auth }, { auth: called });
    const end = pair[where];
    expect(end.peer().reason ?? end.log.find(({ reason }) => reason?.code === "wrong-secret")?.reason).toMatchObject({
      code: "wrong-secret",
      identity,
    });
    expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
    expect(end.log.map(({ event }) => event)).not.toContain("child-sa-up");
  });

  it("another identity in the second round is refused though the secret is right", () => {
    const pair = pairOf(
      { auth: { local: [pskRound(), { ...user(), id: makeIdentity("email", "else@example") }], remote: [pskRound()] } },
      { auth: { local: [pskRound()], remote: [pskRound(), user()] } },
    );
    expect(pair.two.peer().reason).toMatchObject({ wanted: "user@example", seen: "else@example" });
    expect(standing(pair.two)).toEqual([]);
  });

  it.each([
    ["fewer", [pskRound()], [pskRound(), user()]],
    ["more", [pskRound(), user()], [pskRound()]],
  ])("%s rounds than the section asks for are refused", (_, local, remote) => {
    const pair = pairOf({ auth: { local, remote: [pskRound()] } }, { auth: { local: [pskRound()], remote } });
    expect(reasons(pair.two)).toContain("wrong-auth-rounds");
    expect(standing(pair.one)).toEqual([]);
  });

  it("the first round alone opens nothing, however often it is said", () => {
    const world = ends();
    const { one } = world;
    one.configure(facing(a, { initiate: false, auth: { local: [pskRound()], remote: [pskRound(), user()] } }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    const child = one.engine.status().peers.length === 1 ? facing(a).peers[0]?.children[0] : undefined;
    const supported = { kind: "N", protocolId: 0, spi: Buffer.alloc(0), data: Buffer.alloc(0) } as const;
    const answer = puppet.request(exchangeType.IKE_AUTH, [
      ...puppet.authPayloads({ child }),
      { ...supported, type: notifyType.MULTIPLE_AUTH_SUPPORTED },
      { ...supported, type: notifyType.ANOTHER_AUTH_FOLLOWS },
    ]);
    expect(answer?.map(({ kind }) => kind)).toEqual(["IDr", "AUTH"]);
    expect(one.peer().ikeSas).toEqual([]);
    expect(puppet.request(exchangeType.CREATE_CHILD_SA, [])).toBeUndefined();
    puppet.nextMessageId -= 1;
    // The last round without its proof.
    expect(puppet.request(exchangeType.IKE_AUTH, [])).toMatchObject([{ kind: "N", type: notifyType.INVALID_SYNTAX }]);
    expect(standing(one)).toEqual([]);
  });
});

describe("NULL authentication", () => {
  const proven = { local: [pskRound()], remote: [pskRound()] };

  it.each([
    ["neither end proves itself", [nullRound], [nullRound]],
    ["the caller alone proves itself", [pskRound()], [nullRound]],
    ["the called alone proves itself", [nullRound], [pskRound()]],
  ])("%s, where both sections say so; the log says it too", (_, local, remote) => {
    const nobody = { remoteId: undefined };
    const pair = pairOf({ ...nobody, auth: { local, remote } }, { ...nobody, auth: { local: remote, remote: local } });
    expectRest(pair);
    for (const [end, round] of [
      [pair.one, remote[0]],
      [pair.two, local[0]],
    ] as const) {
      const up = end.log.find(({ event }) => event === "ike-sa-up");
      expect(up?.level).toBe(round?.credential.kind === "null" ? "warn" : "info");
      if (round?.credential.kind === "null") expect(up?.facts?.identity).toMatch(/^unauthenticated/);
    }
  });

  it.each([
    ["who proves nothing", { auth: { local: [nullRound], remote: [pskRound()] } }, { auth: proven }],
    ["who proves itself where nobody is to", { auth: proven }, { auth: { local: [pskRound()], remote: [nullRound] } }],
  ])("%s is refused", (_, one, two) => {
    const pair = pairOf({ ...one, remoteId: undefined }, { ...two, remoteId: undefined });
    expect(reasons(pair.one)).toEqual(["peer-refused-authentication"]);
    expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
  });

  it("a called end that proves nothing is refused by who asks for a proof", () => {
    const pair = pairOf(
      { remoteId: undefined, auth: proven },
      { remoteId: undefined, auth: { local: [nullRound], remote: [pskRound()] } },
    );
    expect(pair.one.log.map(({ reason }) => reason)).toContainEqual(
      expect.objectContaining({ code: "wrong-auth-method", wanted: "pre-shared key" }),
    );
    expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
  });

  const anybody = (options: PeerOptions = {}) =>
    peer(a, b, {
      name: "anybody",
      remote: "any",
      remoteId: undefined,
      initiate: false,
      auth: { local: [pskRound()], remote: [nullRound] },
      ...options,
    });

  it("an identity that nobody proves is never taken for the peer that has it", () => {
    const { one, world } = ends();
    one.configure(desired([peer(a, b, { initiate: false }), anybody({ protect: [{ kind: "vxlan", port: 4789 }] })]));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ unauthenticated: true, id: `gw-${b}` }));
    world.run(100);
    expect(one.peer().ikeSas).toEqual([]);
    expect(one.peer("anybody").ikeSas).toMatchObject([{ remoteId: `unauthenticated, claims gw-${b}` }]);
  });

  it("never gets what another peer's section protects, not by CREATE_CHILD_SA either, and does get the rest", () => {
    const { one } = ends();
    const nobody = anybody({ protect: [{ kind: "gre" }, { kind: "vxlan", port: 4789 }] });
    one.configure(desired([peer(a, b, { initiate: false }), nobody]));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    const [child, vxlan] = nobody.children;
    const answer = puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ unauthenticated: true, child }));
    expect(answer?.at(-1)).toMatchObject({ kind: "N", type: notifyType.TS_UNACCEPTABLE });
    if (child === undefined || vxlan === undefined) throw new Error("no children");
    const nonce = { kind: "Nonce", data: Buffer.alloc(32, 7) } as const;
    const again = puppet.request(exchangeType.CREATE_CHILD_SA, [...puppet.childPayloads(child, 0x4000), nonce]);
    expect(again).toMatchObject([{ kind: "N", type: notifyType.TS_UNACCEPTABLE }]);
    expect(standing(one)).toEqual([]);
    puppet.request(exchangeType.CREATE_CHILD_SA, [...puppet.childPayloads(vxlan, 0x4001), nonce]);
    expect(standing(one)).toHaveLength(2);
  });

  it("never gets what a section protects that is broken", () => {
    const { one } = ends();
    const nobody = anybody();
    one.configure({ ...desired([nobody]), locked: [peer(a, b, { initiate: false })] });
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    const child = nobody.children[0];
    puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ unauthenticated: true, child }));
    expect(reasons(one)).toContain("unauthenticated-overlap");
    expect(standing(one)).toEqual([]);
  });

  it("INITIAL_CONTACT of who proves nothing removes nothing; what is stale makes room", () => {
    const { one, world } = ends();
    one.configure(desired([anybody()]));
    const call = (spi: bigint): void => {
      const puppet = new Puppet(one, b, "initiator", spi);
      puppet.init();
      const contact = {
        kind: "N",
        protocolId: 0,
        spi: Buffer.alloc(0),
        data: Buffer.alloc(0),
        type: notifyType.INITIAL_CONTACT,
      } as const;
      puppet.inject(puppet.seal(exchangeType.IKE_AUTH, [...puppet.authPayloads({ unauthenticated: true }), contact]));
    };
    for (let spi = 1n; spi <= 6n; spi += 1n) call(spi);
    expect(one.peer("anybody").ikeSas).toHaveLength(4);
    // Nobody answers for those four: they were asked when more came, and go.
    world.run(40_000);
    expect(one.peer("anybody").ikeSas).toEqual([]);
    call(9n);
    expect(one.peer("anybody").ikeSas).toHaveLength(1);
  });
});

describe("IKE_AUTH without a Child SA", () => {
  it.each([
    ["prefer", "allow", 2],
    ["prefer", "prefer", 2],
    ["prefer", "never", 0],
    ["allow", "allow", 0],
    ["never", "allow", 0],
    ["allow", "never", 0],
  ] as const)("caller: %s, called: %s", (one, two, created) => {
    const protect = [{ kind: "gre" }, { kind: "ipip" }] as const;
    const pair = pairOf({ childless: one, protect }, { childless: two, protect });
    expectRest(pair, 2);
    // With IKE_AUTH carrying the first child, CREATE_CHILD_SA carries the others.
    expect(requests(pair.one, exchangeType.CREATE_CHILD_SA).size).toBe(created === 0 ? 1 : created);
  });

  it("a called end that never takes one says so to nobody and answers INVALID_SYNTAX", () => {
    const { one } = ends();
    one.configure(facing(a, { initiate: false, childless: "never" }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    const announced = puppet.clearPayloads().map((payload) => (payload.kind === "N" ? payload.type : 0));
    expect(announced).not.toContain(notifyType.CHILDLESS_IKEV2_SUPPORTED);
    const answer = puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads());
    expect(answer).toMatchObject([{ kind: "N", type: notifyType.INVALID_SYNTAX }]);
    expect(one.peer().ikeSas).toEqual([]);
  });

  it("without a child to ask for, a caller that never sends one ends the IKE SA", () => {
    const pair = pairOf({ childless: "never", protect: [] }, { protect: [] });
    expect(reasons(pair.one)).toContain("childless-refused");
    expect(requests(pair.one, exchangeType.IKE_AUTH).size).toBe(0);
  });
});
