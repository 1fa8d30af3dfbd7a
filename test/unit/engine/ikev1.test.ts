import { describe, expect, test } from "vitest";
import { type PeerOptions, timing } from "./desired.ts";
import {
  a,
  b,
  connected,
  ends,
  expectRest,
  facing,
  gre,
  type Pair,
  reasons,
  standing,
  subnets,
  vxlan,
} from "./pair.ts";
import { carry, type Network } from "./world.ts";

const main: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-modp2048"], esp: ["aes128-sha256"] };
const aggressive: PeerOptions = { ...main, ikev1: "aggressive" };

const net = (local: string): PeerOptions => {
  const mine = { address: local === a ? "10.1.0.0" : "10.2.0.0", length: 16 };
  const theirs = { address: local === a ? "10.2.0.0" : "10.1.0.0", length: 16 };
  return { protect: [{ kind: "tunnel", local: mine, remote: theirs }] };
};

/** The exchange types of the messages that were sent, and their major versions. */
function sentTypes({ one, two }: Pair): { readonly types: number[]; readonly versions: number[] } {
  const octets = [...one.sent, ...two.sent].map((datagram) => datagram.octets);
  return {
    types: [...new Set(octets.map((message) => message[18] ?? 0))].sort((x, y) => x - y),
    versions: [...new Set(octets.map((message) => (message[17] ?? 0) >> 4))],
  };
}

describe("phase 1 with a pre-shared key, then quick mode", () => {
  test.each([
    ["main", main, [2, 32]],
    ["aggressive", aggressive, [4, 32]],
  ] as const)(
    "%s mode for GRE: locked before, protected after, and nothing but IKEv1 is spoken",
    (_, options, types) => {
      const pair = ends();
      pair.one.configure(facing(a, options));
      pair.two.configure(facing(b, { ...options, initiate: false }));
      pair.world.guarded.push(...gre(pair));
      for (const flow of gre(pair)) expect(carry(flow)).toBe("out: XfrmOutPolBlock");
      pair.world.run(5_000);
      expectRest(pair);
      for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
      expect(sentTypes(pair)).toEqual({ types, versions: [1] });
      const up = pair.two.log.find(({ event }) => event === "ike-sa-up");
      expect(up).toMatchObject({
        level: options === main ? "info" : "warn",
        facts: { version: `IKEv1 ${options.ikev1} mode` },
      });
    },
  );

  test("for VXLAN: two children from one line, both directions and their answers protected", () => {
    const pair = connected({ ...main, protect: [{ kind: "vxlan" }] });
    expectRest(pair, 2);
    for (const flow of vxlan(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  test("from net to net in tunnel mode", () => {
    const pair = ends();
    pair.one.configure(facing(a, { ...main, ...net(a) }));
    pair.two.configure(facing(b, { ...main, ...net(b), initiate: false }));
    pair.world.guarded.push(...subnets(pair));
    pair.world.run(5_000);
    expectRest(pair);
    for (const flow of subnets(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  test.each<[string, PeerOptions]>([
    ["perfect forward secrecy", { esp: ["aes256-sha384-modp3072"] }],
    ["perfect forward secrecy on a curve", { esp: ["aes128-sha256-ecp256"] }],
    ["AES-GCM in ESP", { esp: ["aes256gcm16"] }],
    ["extended sequence numbers", { esp: ["aes128-sha256-esn"] }],
    ["AH", { ah: ["sha256"] }],
    ["AES-256, SHA-512 and a curve in phase 1", { ike: ["aes256-sha512-ecp521"] }],
    ["SHA-1 and 3DES", { ike: ["3des-sha1-modp2048"], esp: ["3des-sha1"] }],
  ])("with %s", (_, options) => {
    const pair = connected({ ...main, ...options });
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  test("a section that accepts IKEv1 takes main mode, and calls with IKEv2 itself", () => {
    const pair = ends();
    const ike = ["aes128-sha256-modp2048"];
    pair.one.configure(facing(a, main));
    pair.two.configure(facing(b, { ...main, ikev1: "accept", initiate: false }));
    pair.world.run(5_000);
    expectRest(pair);
    expect(sentTypes(pair).versions).toEqual([1]);
    const other = connected({ ikev1: "accept", ike });
    expectRest(other);
    expect(sentTypes(other).versions).toEqual([2]);
  });
});

describe("IKEv1 is off unless a peer's section asks for it", () => {
  test.each([
    ["main mode, where the section has no ikev1", main, {}, 1],
    ["aggressive mode, where the section has no ikev1", aggressive, {}, 1],
    ["aggressive mode, where main mode is asked for", aggressive, { ikev1: "main" }, 1],
    ["aggressive mode, where calls are accepted", aggressive, { ikev1: "accept" }, 1],
  ] as const)("%s: refused, said, and no key exchange is done", (_, ours, theirs, told) => {
    const pair = ends();
    pair.one.configure(facing(a, ours));
    const { ikev1: _off, ...rest } = main;
    pair.two.configure(facing(b, { ...rest, ...theirs, initiate: false }));
    pair.world.guarded.push(...gre(pair));
    pair.world.run(3_500);
    const refusals = pair.two.log.filter(({ reason }) => reason?.code === "unknown-peer");
    expect(refusals).toHaveLength(told);
    expect(refusals[0]?.reason).toMatchObject({ rejected: [{ peer: "peer", field: "IKE version" }] });
    expect(pair.one.peer()).toMatchObject({ state: "connecting", reason: { code: "peer-error" } });
    expect(standing(pair.two)).toEqual([]);
  });
});

/** Datagrams of an undisturbed set-up in main mode with two children: six, and two times three. */
const usual = 12;

describe("whatever the network does to one datagram of the handshake, the tunnel comes up", () => {
  const disturbances: readonly [string, number, (index: number) => Network][] = [
    ["lost", 25_000, (n) => (_, index) => (index === n ? [] : [10])],
    ["lost twice", 40_000, (n) => (_, index) => (index === n || index === n + 1 ? [] : [10])],
    ["repeated at once", 5_000, (n) => (_, index) => (index === n ? [10, 10] : [10])],
    ["repeated later", 5_000, (n) => (_, index) => (index === n ? [10, 300] : [10])],
    ["repeated after all is over", 20_000, (n) => (_, index) => (index === n ? [10, 9_000] : [10])],
    ["late, so that its repetition overtakes it", 25_000, (n) => (_, index) => (index === n ? [1_500] : [10])],
    ["three times in one instant", 5_000, (n) => (_, index) => (index === n ? [10, 10, 10] : [10])],
  ];
  const delays = [
    {},
    { one: { kernelDelay: 7, computeDelay: 25 }, two: { kernelDelay: 7, computeDelay: 25 } },
  ] as const;
  const modes = [
    ["main mode", { ...main, ike: ["aes128-sha256-ecp256"] }],
    ["aggressive mode", { ...aggressive, ike: ["aes128-sha256-ecp256"] }],
  ] as const;
  test.each(modes.flatMap(([mode, options]) => disturbances.map((row) => [mode, ...row, options] as const)))(
    "%s: %s",
    (_mode, _what, wait, network, options) => {
      for (let n = 0; n < usual; n += 1) {
        for (const delay of delays) {
          const pair = ends({ ...delay, network: network(n) });
          pair.one.configure(facing(a, { ...options, protect: [{ kind: "vxlan" }] }));
          pair.two.configure(facing(b, { ...options, protect: [{ kind: "vxlan" }], initiate: false }));
          pair.world.run(30);
          pair.world.guarded.push(...vxlan(pair));
          pair.world.run(wait);
          expectRest(pair, 2);
          for (const flow of vxlan(pair)) expect(carry(flow), `datagram ${n}`).toBe("protected, delivered");
        }
      }
    },
  );
});

describe("a network that delivers everything twice", () => {
  test.each([
    ["main mode", main],
    ["aggressive mode", aggressive],
  ])("%s: repeats are answered, and not repeats of repeats", (_, options) => {
    const slow = { computeDelay: 300, kernelDelay: 5 };
    const pair = connected(
      { ...options, ike: ["aes128-sha256-ecp256"] },
      { network: () => [10, 35], one: slow, two: slow },
    );
    expectRest(pair);
    // Nine or ten messages, and the repeats of those that seem lost.
    expect(pair.one.sent.length + pair.two.sent.length).toBeLessThan(40);
  });
});

describe("what does not fit is refused, and says why", () => {
  test("two secrets: both ends name them", () => {
    const pair = ends();
    pair.one.configure(facing(a, { ...main, psk: "one secret" }));
    pair.two.configure(facing(b, { ...main, psk: "another secret", initiate: false }));
    pair.world.guarded.push(...gre(pair));
    pair.world.run(40_000);
    expect(reasons(pair.two)).toContain("wrong-secret");
    expect(standing(pair.two)).toEqual([]);
  });

  test("two secrets in aggressive mode: the end that called names its own", () => {
    const pair = ends();
    pair.one.configure(facing(a, { ...aggressive, psk: "one secret" }));
    pair.two.configure(facing(b, { ...aggressive, psk: "another secret", initiate: false }));
    pair.world.run(5_000);
    expect(reasons(pair.one)).toContain("wrong-secret");
  });

  test("no common proposal in phase 1: the responder names both lists, the initiator its own", () => {
    const pair = ends();
    pair.one.configure(facing(a, main));
    pair.two.configure(facing(b, { ...main, ike: ["aes256-sha512-modp4096"], initiate: false }));
    pair.world.run(5_000);
    expect(pair.two.log.find(({ reason }) => reason?.code === "no-common-proposal")?.reason).toMatchObject({
      ours: ["aes256-prfsha512-modp4096"],
      theirs: [expect.stringContaining("aes128-prfsha256-modp2048")],
    });
    expect(pair.one.peer().reason).toMatchObject({ code: "peer-refused-proposal", protocol: "ike" });
  });

  test("no common proposal in phase 2", () => {
    const pair = connected({ ...main }, {}, 0);
    pair.two.configure(facing(b, { ...main, esp: ["aes256-sha512"], initiate: false }));
    pair.world.run(3_000);
    expect(reasons(pair.two)).toContain("no-common-proposal");
    expect(pair.one.peer().children[0]?.reason).toMatchObject({ code: "peer-refused-proposal", protocol: "esp" });
  });

  test("one end wants perfect forward secrecy", () => {
    const pair = connected({ ...main, esp: ["aes128-sha256-modp2048"] }, {}, 0);
    pair.two.configure(facing(b, { ...main, initiate: false }));
    pair.world.run(3_000);
    expect(reasons(pair.two)).toContain("no-common-proposal");
    expect(standing(pair.two)).toEqual([]);
  });

  test("nets that are not the same: nothing is narrowed", () => {
    const pair = ends();
    const wide = {
      kind: "tunnel",
      local: { address: "10.0.0.0", length: 8 },
      remote: { address: "10.2.0.0", length: 16 },
    } as const;
    pair.one.configure(facing(a, { ...main, protect: [wide] }));
    pair.two.configure(facing(b, { ...main, ...net(b), initiate: false }));
    pair.world.run(3_000);
    expect(reasons(pair.two)).toContain("selectors-do-not-fit");
    expect(pair.one.peer().children[0]?.reason).toMatchObject({ code: "peer-refused-selectors" });
  });

  test("another identity than the one that is configured", () => {
    const pair = connected({ ...main }, {}, 0);
    pair.two.configure(facing(b, { ...main, localId: "somebody-else", initiate: false }));
    pair.world.run(3_000);
    expect(reasons(pair.one)).toContain("wrong-identity");
  });
});

test("up asks for a child at once, however long its retry would wait after the peer deleted it", () => {
  const pair = ends();
  const patient = { ...main, initiate: false, timing: { ...timing, retryFirst: 60_000 } };
  pair.one.configure(facing(a, patient));
  pair.two.configure(facing(b, patient));
  pair.two.handle({ kind: "up", peer: "peer" });
  pair.world.run(2_000);
  expectRest(pair);
  pair.two.handle({ kind: "down", peer: "peer" });
  pair.world.run(1_000);
  pair.two.crash();
  pair.two.configure(facing(b, patient));
  pair.one.handle({ kind: "up", peer: "peer" });
  pair.world.run(5_000);
  expectRest(pair);
});

test("down: the peer is told of both, and its SAs go", () => {
  const pair = connected(main);
  pair.world.guarded.push(...gre(pair));
  pair.one.handle({ kind: "down", peer: "peer" });
  pair.world.run(100);
  expect(standing(pair.one)).toEqual([]);
  expect(pair.two.peer().ikeSas).toEqual([]);
  expect(standing(pair.two)).toEqual([]);
});

test("a peer that never answers is called again and again, with growing waits, and the status says so", () => {
  const pair = ends({ network: () => [] });
  pair.one.configure(facing(a, main));
  pair.two.configure(facing(b, { ...main, initiate: false }));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(400_000);
  expect(pair.one.peer()).toMatchObject({ state: "connecting", reason: { code: "no-answer", exchange: "main mode" } });
  expect(reasons(pair.one)).toEqual(["no-answer"]);
});
