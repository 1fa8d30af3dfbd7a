import { describe, expect, test } from "vitest";
import { isakmpNotify } from "../../../src/ikev1/payloads.ts";
import { encodeMessage } from "../../../src/wire/ikev1/message.ts";
import { doi, exchangeType, protocolId } from "../../../src/wire/ikev1/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev1/registry/notify.ts";
import { desired, type PeerOptions, peer, timing } from "./desired.ts";
import { carryThrough, install, Nat } from "./nat.ts";
import { a, b, connected, ends, expectRest, facing, gre, type Pair, reasons, standing, subnets } from "./pair.ts";
import { carry } from "./world.ts";

const options: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256"] };

/** Octets that name the ISAKMP SA of `one`, from `two` or from whoever pretends to be it. */
function inject({ one }: Pair, octets: Uint8Array): void {
  const at = (address: string) => ({ address, port: 500 });
  one.handle({ kind: "datagram", octets, path: { local: at(a), remote: at(b) } });
}

function cookies({ one }: Pair) {
  const [sa] = one.peer().ikeSas;
  return { initiatorCookie: BigInt(`0x${sa?.initiatorSpi}`), responderCookie: BigInt(`0x${sa?.responderSpi}`) };
}

describe("dead peer detection", () => {
  test("a silent peer that lives is asked, answers, and stays", () => {
    const pair = connected(options);
    const before = pair.one.sent.length;
    pair.world.run(120_000);
    expectRest(pair);
    expect(pair.one.sent.length).toBeGreaterThan(before);
    expect(reasons(pair.one)).toEqual([]);
  });

  test("a peer that vanished is given up, and called again until it is back", () => {
    const pair = connected(options);
    pair.world.guarded.push(...gre(pair));
    pair.two.crash();
    pair.world.run(90_000);
    expect(pair.one.peer().state).toBe("connecting");
    expect(reasons(pair.one)).toContain("no-answer");
    expect(standing(pair.one)).toEqual([]);
    pair.two.configure(facing(b, { ...options, initiate: false }));
    pair.world.run(90_000);
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
  });
});

test("a peer that restarted takes the place of its former self, and no packet passes in clear", () => {
  const pair = connected(options);
  pair.world.guarded.push(...gre(pair));
  pair.one.crash();
  pair.one.configure(facing(a, options));
  pair.world.run(60_000);
  expectRest(pair);
  for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
});

test("a caller that replaces its ISAKMP SA with a peer that has lost all: the peer asks for what its former run left", () => {
  const pair = ends();
  pair.one.configure(facing(a, options));
  pair.two.configure(facing(b, { ...options, initiate: false }));
  pair.world.run(5_000);
  const before = pair.one.peer().children[0]?.sas[0]?.spiIn;
  pair.world.guarded.push(...gre(pair));
  pair.world.carried.push(...gre(pair));
  pair.two.crash();
  pair.two.configure(facing(b, { ...options, initiate: false }));
  pair.one.handle({ kind: "rekey", peer: "peer", what: "ike" });
  pair.world.run(60_000);
  expectRest(pair);
  expect(pair.one.peer().children[0]?.sas[0]?.spiIn).not.toBe(before);
});

test("both ends call at once: one ISAKMP SA and one pair are left", () => {
  const pair = ends();
  pair.one.configure(facing(a, options));
  pair.two.configure(facing(b, options));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(120_000);
  expectRest(pair);
  for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
});

describe("what is not protected changes nothing", () => {
  const none = new Uint8Array(0);
  const both = (pair: Pair) => {
    const { initiatorCookie, responderCookie } = cookies(pair);
    const octets = Buffer.alloc(16);
    octets.writeBigUInt64BE(initiatorCookie, 0);
    octets.writeBigUInt64BE(responderCookie, 8);
    return octets;
  };
  test.each([
    [
      "a DELETE of the ISAKMP SA",
      (pair: Pair) =>
        ({ isakmp: "D", doi: doi.IPSEC, protocolId: protocolId.ISAKMP, spiSize: 16, spis: [both(pair)] }) as const,
    ],
    ["AUTHENTICATION-FAILED", () => isakmpNotify(notifyType.AUTHENTICATION_FAILED)],
    ["INITIAL-CONTACT", () => isakmpNotify(notifyType.INITIAL_CONTACT, none, none)],
    ["INVALID-COOKIE", () => isakmpNotify(notifyType.INVALID_COOKIE)],
  ])("%s", (_, payload) => {
    const pair = connected(options);
    const before = { status: pair.one.peer(), sent: pair.one.sent.length, sas: standing(pair.one) };
    const header = { ...cookies(pair), exchangeType: exchangeType.INFORMATIONAL, flags: 0, messageId: 77 };
    inject(pair, encodeMessage(header, [payload(pair)]));
    inject(pair, encodeMessage({ ...header, messageId: 0 }, [payload(pair)]));
    expect(pair.one.peer()).toEqual(before.status);
    expect(pair.one.sent).toHaveLength(before.sent);
    expect(standing(pair.one)).toEqual(before.sas);
  });

  test("a message of the peer's, played again: nothing is sent, nothing changes", () => {
    const pair = connected(options);
    pair.two.handle({ kind: "rekey", peer: "peer", what: "children" });
    pair.world.run(60_000);
    const quick = pair.two.sent.map(({ octets }) => octets).filter((octets) => octets[18] === exchangeType.QUICK_MODE);
    const before = { sent: pair.one.sent.length, reserved: pair.one.reserved.length };
    for (const octets of quick) inject(pair, octets);
    expect(pair.one.sent).toHaveLength(before.sent);
    expect(pair.one.reserved).toHaveLength(before.reserved);
  });

  test("octets that carry an exchange's message ID do not break its chain of IVs", () => {
    const pair = ends();
    pair.one.configure(facing(a, options));
    pair.two.configure(facing(b, { ...options, initiate: false }));
    // Before each message of quick mode, the same with another last block; of phase 1 HASH covers the identity alone.
    const handle = pair.one.handle.bind(pair.one);
    pair.one.handle = (event) => {
      if (event.kind === "datagram" && event.octets[18] === exchangeType.QUICK_MODE) {
        const forged = Uint8Array.from(event.octets);
        forged[forged.length - 1] = (forged[forged.length - 1] ?? 0) ^ 0xff;
        handle({ ...event, octets: forged });
      }
      handle(event);
    };
    pair.world.run(5_000);
    expectRest(pair);
  });
});

describe("through a NAT", () => {
  const natAddress = "198.51.100.1";
  const tunnel = {
    kind: "tunnel",
    local: { address: "10.1.0.0", length: 16 },
    remote: { address: "10.2.0.0", length: 16 },
  } as const;
  const shapes: readonly (readonly [string, PeerOptions, PeerOptions])[] = [
    ["a tunnel", { protect: [tunnel] }, { protect: [{ ...tunnel, local: tunnel.remote, remote: tunnel.local }] }],
    ["GRE in transport mode", {}, {}],
  ];
  test.each((["main", "aggressive"] as const).flatMap((mode) => shapes.map((shape) => [mode, ...shape] as const)))(
    "%s mode: %s goes in UDP to port 4500, and its mapping is kept alive",
    (ikev1, what, ours, theirs) => {
      const pair = ends();
      const nat = new Nat(pair.world, natAddress, [a], 30_000);
      install(pair.world, nat);
      for (const end of [pair.one, pair.two]) end.kernel.encapsulationPorts.add(4500);
      pair.one.configure(facing(a, { ...options, ikev1, ...ours }));
      pair.two.configure(
        desired([peer(b, natAddress, { ...options, ikev1, ...theirs, remoteId: `gw-${a}`, initiate: false })]),
      );
      pair.world.run(100_000);
      expect(pair.one.peer().ikeSas).toMatchObject([{ natLocal: true, natRemote: false, local: `${a}:4500` }]);
      expect(pair.two.peer().ikeSas).toMatchObject([{ natLocal: false, natRemote: true }]);
      const flows =
        what === "a tunnel"
          ? subnets(pair)
          : [{ from: pair.one, to: pair.two, packet: { source: a, destination: b, protocol: 47 } }];
      for (const flow of flows) expect(carryThrough([nat], flow)).toBe("protected, delivered");
      expect(pair.one.sent.filter(({ octets }) => octets.length === 1).length).toBeGreaterThan(0);
    },
  );

  test("a NAT that forgot its mapping: the peer is followed to where it is seen now", () => {
    const pair = ends();
    const nat = new Nat(pair.world, natAddress, [a]);
    install(pair.world, nat);
    pair.one.configure(facing(a, options));
    pair.two.configure(desired([peer(b, natAddress, { ...options, remoteId: `gw-${a}`, initiate: false })]));
    pair.world.run(10_000);
    const before = pair.two.peer().ikeSas[0]?.remote;
    nat.restart();
    pair.one.handle({ kind: "rekey", peer: "peer", what: "children" });
    pair.world.run(60_000);
    expect(pair.two.peer().ikeSas[0]?.remote).not.toBe(before);
    expect(pair.two.peer().state).toBe("up");
  });
});

test("a lifetime that the peer wants shorter than we do counts", () => {
  const pair = ends();
  pair.one.configure(facing(a, { ...options, hardSeconds: 80_000, soft: { seconds: 40_000 } }));
  pair.two.configure(facing(b, { ...options, hardSeconds: 400, soft: { seconds: 380 }, initiate: false, timing }));
  pair.world.run(5_000);
  const before = pair.one.peer().children[0]?.sas[0]?.spiIn;
  pair.world.run(395_000);
  expect(pair.one.peer().children[0]?.sas[0]?.spiIn).not.toBe(before);
  expect(reasons(pair.two)).not.toContain("lifetime-over");
});
