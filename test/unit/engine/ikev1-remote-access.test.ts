/** IKEv1's callers from anywhere: XAuth and mode config, both roles, between two engines. */
import { describe, expect, it, test } from "vitest";
import { anonymous } from "../../../src/negotiate/identity.ts";
import type { SecretDesired } from "../../../src/sa/desired.ts";
import type { InnerAddressDesired, XauthDesired } from "../../../src/sa/remote-access.ts";
import { exchangeType } from "../../../src/wire/ikev1/registry/message.ts";
import { host, signing, trusting } from "./certificates.ts";
import { desired, nullRound, type PeerOptions, peer, timing } from "./desired.ts";
import { a, b, c, ends, facing, type Pair, type PairOptions, policies, reasons, standing } from "./pair.ts";
import { carry, type End, type Flow, type Network } from "./world.ts";

const main: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256"] };
const pool = { address: "10.9.0.0", length: 29 };
const inside = { address: "10.1.0.0", length: 16 };
/** Both ends' lines name the pool: what is asked for is one address of it. */
const callerLine: PeerOptions = { protect: [{ kind: "tunnel", local: pool, remote: inside }] };
const gatewayLine: PeerOptions = { protect: [{ kind: "tunnel", local: inside, remote: pool }] };

function password(text: string): SecretDesired {
  return { name: "file:alice.password", octets: Buffer.from(text) };
}

const alice: XauthDesired = { kind: "client", user: "alice", password: password("open sesame") };
const users: XauthDesired = {
  kind: "server",
  users: [
    { name: "bob", password: password("another word") },
    { name: "carol", password: password("another word") },
    { name: "alice", password: password("open sesame") },
  ],
};
const asks: InnerAddressDesired = { kind: "client", by: "pull" };
const waits: InnerAddressDesired = { kind: "client", by: "push" };
const gives: InnerAddressDesired = { kind: "server", by: "pull", pool };
const sends: InnerAddressDesired = { kind: "server", by: "push", pool };

const modes = [
  ["main mode", {}],
  ["aggressive mode", { ikev1: "aggressive" }],
] as const satisfies readonly (readonly [string, PeerOptions])[];

/** `one` is the caller, `two` the gateway. */
function pairOf(one: PeerOptions, two: PeerOptions, options: PairOptions = {}, wait = 15_000): Pair {
  const pair = ends(options);
  pair.one.configure(facing(a, { ...main, ...callerLine, ...one }));
  pair.two.configure(facing(b, { ...main, ...gatewayLine, initiate: false, ...two }));
  pair.world.guarded.push(...inner(pair));
  pair.world.run(wait);
  return pair;
}

function inner({ one, two }: Pick<Pair, "one" | "two">, address = "10.9.0.1"): Flow[] {
  return [
    { from: one, to: two, packet: { source: address, destination: "10.1.0.6", protocol: 6 } },
    { from: two, to: one, packet: { source: "10.1.0.6", destination: address, protocol: 6 } },
  ];
}

function expectInside(pair: Pair, address = "10.9.0.1"): void {
  for (const flow of inner(pair, address)) expect(carry(flow)).toBe("protected, delivered");
  expect(
    carry({ from: pair.one, to: pair.two, packet: { source: "10.9.0.2", destination: "10.1.0.6", protocol: 6 } }),
  ).toBe("out: XfrmOutPolBlock");
  for (const end of [pair.one, pair.two]) {
    expect(end.peer().state).toBe("up");
    expect(end.peer().ikeSas).toHaveLength(1);
    expect(standing(end)).toHaveLength(2);
  }
}

function typesOf(end: End): number[] {
  return end.sent.map(({ octets }) => octets[18] ?? 0);
}

describe.each(modes)("%s", (_, mode) => {
  it.each([
    ["pull", asks, gives],
    ["push", waits, sends],
  ] as const)(
    "mode config, %s: the caller has an address of the pool, and nothing but that is protected",
    (_how, ours, theirs) => {
      const pair = pairOf({ ...mode, innerAddress: ours }, { ...mode, innerAddress: theirs });
      expectInside(pair);
    },
  );

  it("XAuth: whoever logs in gets what is protected, and is known by its name", () => {
    const pair = pairOf({ ...mode, xauth: alice, innerAddress: asks }, { ...mode, xauth: users, innerAddress: gives });
    expectInside(pair);
    expect(pair.two.peer().ikeSas[0]?.remoteId).toBe("alice");
    expect(pair.one.peer().ikeSas[0]?.remoteId).toBe(`gw-${b}`);
  });

  it("XAuth behind RSA signatures", () => {
    const auth = (id: string) => ({ local: [signing([host(id, "rsa")])], remote: [trusting()] });
    const pair = pairOf(
      { ...mode, xauth: alice, innerAddress: waits, auth: auth(`gw-${a}`) },
      { ...mode, xauth: users, innerAddress: sends, auth: auth(`gw-${b}`) },
    );
    expectInside(pair);
  });

  it("XAuth where the gateway calls", () => {
    const pair = pairOf(
      { ...mode, xauth: alice, innerAddress: asks, initiate: false },
      { ...mode, xauth: users, innerAddress: gives, initiate: true },
    );
    expectInside(pair);
  });

  it("whichever of its first twelve datagrams is lost", () => {
    for (const [ours, theirs] of [
      [asks, gives],
      [waits, sends],
    ] as const) {
      for (let n = 0; n < 12; n += 1) {
        const network: Network = (_datagram, index) => (index === n ? [] : [10]);
        const pair = pairOf(
          { ...mode, xauth: alice, innerAddress: ours },
          { ...mode, xauth: users, innerAddress: theirs },
          { network },
          40_000,
        );
        expectInside(pair);
      }
    }
  });

  it("messages that come twice, and late answers", () => {
    const slow = { computeDelay: 700 };
    const pair = pairOf(
      { ...mode, xauth: alice, innerAddress: asks },
      { ...mode, xauth: users, innerAddress: gives },
      { one: slow, two: slow, network: () => [10, 35] },
    );
    expectInside(pair);
  });

  it.each<[string, XauthDesired, object]>([
    ["a wrong password", { ...alice, password: password("open barley") }, { why: "wrong-password", user: "alice" }],
    ["an unknown user", { ...alice, user: "mallory" }, { why: "unknown-user", user: "mallory" }],
  ])("%s: refused with its reason at both ends, and nothing stays", (_what, xauth, like) => {
    const pair = pairOf(
      { ...mode, xauth, innerAddress: asks },
      { ...mode, xauth: users, innerAddress: gives },
      {},
      900,
    );
    expect(pair.two.peer().reason).toMatchObject({ code: "login-failed", remote: a, ...like });
    expect(pair.one.peer().reason).toMatchObject({ code: "peer-refused-login", user: (like as { user: string }).user });
    for (const end of [pair.one, pair.two]) {
      expect(end.peer().ikeSas).toEqual([]);
      expect(end.peer().children.flatMap(({ sas }) => sas)).toEqual([]);
      expect(standing(end)).toEqual([]);
      expect(typesOf(end)).not.toContain(exchangeType.QUICK_MODE);
    }
    for (const flow of inner(pair)) expect(carry(flow)).toBe("out: XfrmOutPolBlock");
  });
});

test("nobody's password is in a log or a status", () => {
  const pair = pairOf({ xauth: { ...alice, password: password("open barley") } }, { xauth: users });
  for (const end of [pair.one, pair.two]) {
    const said = JSON.stringify([end.log, end.peer()], (_key, value) =>
      typeof value === "bigint" ? `${value}` : value,
    );
    for (const word of ["open barley", "open sesame", "another word"]) expect(said).not.toContain(word);
  }
});

test("after five wrong passwords none is looked at for a minute, though it be right", () => {
  const eager = { timing: { ...timing, retryFirst: 500, retryLongest: 500 } };
  const pair = ends();
  const wrong: XauthDesired = { ...alice, password: password("open barley") };
  const caller = (xauth: XauthDesired) => facing(a, { ...main, ...callerLine, ...eager, xauth });
  pair.one.configure(caller(wrong));
  pair.two.configure(facing(b, { ...main, ...gatewayLine, xauth: users, initiate: false }));
  pair.world.run(10_000);
  const why = pair.two.log.flatMap(({ reason }) => (reason?.code === "login-failed" ? [reason.why] : []));
  expect(why.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "wrong-password"));
  expect(new Set(why.slice(5))).toEqual(new Set(["too-many-failures"]));
  pair.one.configure(caller(alice));
  pair.world.run(10_000);
  expect(pair.two.peer().ikeSas).toEqual([]);
  pair.world.run(60_000);
  expect(pair.two.peer().ikeSas).toHaveLength(1);
});

test("whoever has the secret alone gets nothing, in either version of IKE", () => {
  const plain = pairOf({}, { xauth: users }, {}, 3_000);
  expect(reasons(plain.two)).toContain("no-common-proposal");
  const { ikev1: _off, ...newer } = main;
  const pair = ends();
  const ike = ["aes128-sha256-ecp256"];
  pair.one.configure(facing(a, { ...newer, ...callerLine, ike }));
  pair.two.configure(facing(b, { ...main, ...gatewayLine, ike, xauth: users, initiate: false }));
  pair.world.run(3_000);
  expect(pair.two.log.map(({ reason }) => reason)).toContainEqual(
    expect.objectContaining({
      code: "unknown-peer",
      rejected: [{ peer: "peer", field: "IKE version", wanted: "IKEv1 with XAuth", seen: "IKEv2" }],
    }),
  );
  for (const end of [plain.one, plain.two, pair.one, pair.two]) expect(standing(end)).toEqual([]);
});

test("callers from anywhere: each its own address and its own traffic, until there are no more", () => {
  const { world, one, two } = ends();
  const third = world.add(c);
  const small = { address: "10.9.0.0", length: 30 };
  const gateway = peer(b, a, {
    ...main,
    ...gatewayLine,
    remote: "any",
    remoteId: undefined,
    initiate: false,
    xauth: users,
    innerAddress: { ...gives, pool: small },
  });
  two.configure(desired([gateway]));
  const caller = (local: string, xauth: XauthDesired) =>
    desired([peer(local, b, { ...main, ...callerLine, localId: "road", xauth, innerAddress: asks })]);
  one.configure(caller(a, alice));
  third.configure(caller(c, { kind: "client", user: "bob", password: password("another word") }));
  world.run(5_000);
  expect(
    two
      .peer()
      .ikeSas.map(({ remoteId }) => remoteId)
      .sort(),
  ).toEqual(["alice", "bob"]);
  for (const [from, address] of [
    [one, "10.9.0.1"],
    [third, "10.9.0.2"],
  ] as const) {
    for (const flow of inner({ one: from, two }, address)) expect(carry(flow)).toBe("protected, delivered");
  }
  const fourth = world.add("192.0.2.4");
  fourth.configure(caller("192.0.2.4", { kind: "client", user: "carol", password: password("another word") }));
  world.run(3_000);
  expect(fourth.peer().reason).toMatchObject({ code: "inner-address-unusable", wanted: ["10.9.0.0/29"] });
  expect(reasons(two)).toContain("pool-exhausted");
  // Bob goes: his address is free for somebody else, and nobody else's traffic is touched.
  third.handle({ kind: "down", peer: "peer" });
  world.run(70_000);
  for (const flow of inner({ one: fourth, two }, "10.9.0.2")) expect(carry(flow)).toBe("protected, delivered");
  for (const flow of inner({ one, two })) expect(carry(flow)).toBe("protected, delivered");
});

test("an address that no line has is not used", () => {
  const elsewhere = { address: "10.8.0.0", length: 29 };
  const pair = pairOf({ innerAddress: asks }, { innerAddress: { ...gives, pool: elsewhere } }, {}, 900);
  expect(pair.one.peer().reason).toEqual({
    code: "inner-address-unusable",
    given: "10.8.0.1",
    wanted: ["10.9.0.0/29"],
  });
  expect(standing(pair.one)).toEqual([]);
});

test("nobody gets the traffic of an address that it was not given", () => {
  const pair = pairOf({}, { innerAddress: gives });
  expect(
    pair.two.log.flatMap(({ reason }) => (reason?.code === "selectors-do-not-fit" ? [reason.difference] : [])),
  ).toContain("no address inside has been given");
  expect(standing(pair.two)).toEqual([]);
});

test("phase 1 is replaced with another login, the same address, and no packet lost", () => {
  const short = { timing: { ...timing, ikeRekey: 60_000, ikeLifetime: 120_000 } };
  for (const [ours, theirs] of [
    [
      { xauth: alice, innerAddress: asks },
      { xauth: users, innerAddress: gives },
    ],
    [
      { xauth: alice, innerAddress: waits },
      { xauth: users, innerAddress: sends },
    ],
    // Each is asked for something by the other.
    [
      { xauth: users, innerAddress: asks },
      { xauth: alice, innerAddress: gives },
    ],
  ] as const) {
    const pair = pairOf({ ...short, ...ours }, { ...short, ...theirs }, {}, 10_000);
    const before = standing(pair.one).map(({ spi }) => spi);
    const logins = () => typesOf(pair.two).filter((type) => type === exchangeType.TRANSACTION).length;
    const first = logins();
    for (let i = 0; i < 200; i += 1) {
      pair.world.run(1_000);
      for (const flow of inner(pair)) expect(carry(flow)).toBe("protected, delivered");
    }
    expect(logins()).toBeGreaterThan(first);
    expect(standing(pair.one).map(({ spi }) => spi)).toEqual(before);
    expectInside(pair);
  }
});

test("a gateway that asks nobody to log in is given up", () => {
  const pair = pairOf(
    { xauth: alice },
    { xauth: users },
    { network: ({ octets }) => (octets[18] === 6 || octets[18] === 5 ? [] : [10]) },
    45_000,
  );
  expect(pair.one.log.map(({ reason }) => reason)).toContainEqual(
    expect.objectContaining({ code: "no-answer", exchange: "XAuth" }),
  );
  for (const end of [pair.one, pair.two]) expect(standing(end)).toEqual([]);
  expect(policies(pair.one).every(({ action }) => action.kind === "locked")).toBe(true);
});

describe.each(modes)("hybrid authentication in %s", (_, mode) => {
  const caller: PeerOptions = { auth: { local: [nullRound], remote: [trusting()] }, xauth: alice, innerAddress: asks };
  const gateway: PeerOptions = {
    auth: { local: [signing([host(`gw-${b}`, "rsa")])], remote: [nullRound] },
    xauth: users,
    innerAddress: gives,
    remoteId: undefined,
  };

  it.each([
    ["the caller", {}, {}],
    ["the gateway", { initiate: false }, { initiate: true }],
  ])("%s begins: the gateway signs, the caller logs in", (_who, one, two) => {
    const pair = pairOf({ ...mode, ...caller, ...one }, { ...mode, ...gateway, ...two });
    expectInside(pair);
    expect(pair.two.peer().ikeSas[0]?.remoteId).toBe("alice");
    expect(pair.one.peer().ikeSas[0]?.remoteId).toBe(`gw-${b}`);
  });

  it("who has no identity says none", () => {
    const pair = ends();
    const nobody = { ...peer(a, b, { ...main, ...callerLine, ...mode, ...caller }), localId: anonymous };
    pair.one.configure(desired([nobody]));
    pair.two.configure(facing(b, { ...main, ...gatewayLine, initiate: false, ...mode, ...gateway }));
    pair.world.run(15_000);
    expectInside(pair);
  });

  it("a gateway with a certificate of somebody else's is told no password", () => {
    const pair = pairOf(
      { ...mode, ...caller },
      { ...mode, ...gateway, auth: { local: [signing([host("gw-evil", "rsa")])], remote: [nullRound] } },
      {},
      5_000,
    );
    expect(pair.one.peer().reason).toMatchObject({ code: "identity-not-in-certificate" });
    expect(typesOf(pair.one)).not.toContain(exchangeType.TRANSACTION);
    expect(standing(pair.two)).toEqual([]);
  });

  it("who does not log in gets nothing", () => {
    const wrong: XauthDesired = { ...alice, password: password("open barley") };
    const pair = pairOf({ ...mode, ...caller, xauth: wrong }, { ...mode, ...gateway }, {}, 900);
    expect(pair.two.peer().reason).toMatchObject({ code: "login-failed", why: "wrong-password" });
    expect([...standing(pair.one), ...standing(pair.two)]).toEqual([]);
  });
});

test("one user at a time, where its section says so", () => {
  const { world, one, two } = ends();
  const third = world.add(c);
  const gateway = { ...main, ...gatewayLine, remoteId: undefined, initiate: false, xauth: users, innerAddress: gives };
  two.configure(desired([peer(b, a, { ...gateway, remote: "any", unique: "keep" })]));
  const caller = (local: string) =>
    desired([peer(local, b, { ...main, ...callerLine, localId: "road", xauth: alice, innerAddress: asks })]);
  one.configure(caller(a));
  world.run(2_000);
  third.configure(caller(c));
  world.run(900);
  expect(two.peer().reason).toMatchObject({ code: "already-connected", identity: "alice", from: `${a}:500` });
  expect(third.peer().reason).toMatchObject({ code: "peer-refused-login" });
  for (const flow of inner({ one, two })) expect(carry(flow)).toBe("protected, delivered");
});
