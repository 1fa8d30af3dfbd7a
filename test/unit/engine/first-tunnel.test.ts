import { describe, expect, test, vi } from "vitest";
import { notify } from "../../../src/ikev2/payloads.ts";
import * as protection from "../../../src/ikev2/protected-message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import type { PeerOptions } from "./desired.ts";
import { a, b, connected, ends, expectRest, facing, gre, reasons, subnets, vxlan } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { carry, type End, type Network } from "./world.ts";

vi.mock("../../../src/ikev2/protected-message.ts", { spy: true });

const net = (local: string): PeerOptions => {
  const mine = { address: local === a ? "10.1.0.0" : "10.2.0.0", length: 16 };
  const theirs = { address: local === a ? "10.2.0.0" : "10.1.0.0", length: 16 };
  return { protect: [{ kind: "tunnel", local: mine, remote: theirs }] };
};

describe("a tunnel comes up", () => {
  test("for GRE: locked before, protected after", () => {
    const pair = ends();
    pair.one.configure(facing(a));
    pair.two.configure(facing(b, { initiate: false }));
    pair.world.guarded.push(...gre(pair));
    for (const flow of gre(pair)) expect(carry(flow)).toBe("out: XfrmOutPolBlock");
    pair.world.run(5_000);
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  test("for VXLAN: two children from one line, both directions and their answers protected", () => {
    const pair = connected({ protect: [{ kind: "vxlan" }] });
    expectRest(pair, 2);
    for (const flow of vxlan(pair)) expect(carry(flow)).toBe("protected, delivered");
  });

  test("for VXLAN, GRE and Geneve on another port at once", () => {
    const pair = connected({ protect: [{ kind: "vxlan" }, { kind: "gre" }, { kind: "geneve", port: 7000 }] });
    expectRest(pair, 5);
    for (const flow of [...vxlan(pair), ...gre(pair), ...vxlan(pair, 7000)])
      expect(carry(flow)).toBe("protected, delivered");
  });

  test("from net to net, with a route where the host has an address inside", () => {
    const pair = ends({ one: { addresses: ["10.1.0.1"] }, two: { addresses: ["10.2.0.1"] } });
    pair.one.configure(facing(a, net(a)));
    pair.two.configure(facing(b, { ...net(b), initiate: false }));
    pair.world.guarded.push(...subnets(pair));
    pair.world.run(5_000);
    expectRest(pair);
    for (const flow of subnets(pair)) expect(carry(flow)).toBe("protected, delivered");
    expect(pair.one.kernel.routes).toHaveLength(1);
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.world.run(5_000);
    expect(pair.one.kernel.routes).toEqual([]);
    expect(pair.two.kernel.routes).toEqual([]);
  });

  test.each<[string, PeerOptions]>([
    ["ESP with CBC and HMAC", { esp: ["aes256-sha256"] }],
    ["AH", { ah: ["sha256"] }],
    ["extended sequence numbers", { esp: ["aes128gcm16-esn"] }],
    ["a key exchange of each child's own", { esp: ["aes128gcm16-x25519"], protect: [{ kind: "vxlan" }] }],
    ["IKE with CBC", { ike: ["aes128-sha256-prfsha256-x25519"] }],
    ["IKE over ECP and AES-256", { ike: ["aes256gcm16-prfsha384-ecp384"] }],
  ])("with %s", (_, options) => {
    const pair = connected(options);
    expectRest(pair, options.protect === undefined ? 1 : 2);
    for (const flow of options.protect === undefined ? gre(pair) : vxlan(pair))
      expect(carry(flow)).toBe("protected, delivered");
    const sa = pair.one.kernel.journal.flatMap((request) => (request.kind === "installSa" ? [request.sa] : []));
    expect(sa.every(({ esn }) => esn === (options.esp?.[0]?.endsWith("esn") ?? false))).toBe(true);
  });

  test("without a child where none is configured", () => {
    const pair = connected({ protect: [] });
    expectRest(pair, 0);
  });
});

describe("the responder wants another key exchange method", () => {
  test("in IKE_SA_INIT: one more round trip", () => {
    const pair = ends();
    pair.one.configure(facing(a, { ike: ["aes128gcm16-prfsha256-x25519-ecp256"] }));
    pair.two.configure(facing(b, { ike: ["aes128gcm16-prfsha256-ecp256"], initiate: false }));
    pair.world.run(5_000);
    expectRest(pair);
    expect(pair.one.sent).toHaveLength(3);
    expect(pair.one.peer().ikeSas[0]?.proposal).toContain("ecp256");
  });

  test("in CREATE_CHILD_SA: the other child comes up with it", () => {
    const protect = [{ kind: "vxlan" }] as const;
    const pair = ends();
    pair.one.configure(facing(a, { protect, esp: ["aes128gcm16-x25519-ecp256"] }));
    pair.two.configure(facing(b, { protect, esp: ["aes128gcm16-ecp256"], initiate: false }));
    pair.world.run(5_000);
    expectRest(pair, 2);
    for (const flow of vxlan(pair)) expect(carry(flow)).toBe("protected, delivered");
  });
});

describe("the responder asks for a cookie", () => {
  test("and says so three times: the request is made anew once", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    for (let n = 0; n < 3; n += 1) puppet.answerInit(() => [notify(notifyType.COOKIE, Buffer.alloc(16, 1))]);
    expect(one.sent).toHaveLength(2);
    puppet.answerInit();
    puppet.answerAuth();
    expect(one.peer().state).toBe("up");
  });

  test("because it is under attack: the tunnel comes up all the same", () => {
    const pair = ends();
    pair.two.configure(facing(b, { initiate: false }));
    for (let n = 0; n < 32; n += 1) new Puppet(pair.two, a, "initiator", BigInt(n + 1)).init();
    pair.one.configure(facing(a));
    pair.world.run(5_000);
    expectRest(pair);
    expect(pair.one.sent).toHaveLength(3);
  });
});

/** Datagrams of an undisturbed set-up with two children. */
const usual = 6;

describe("whatever the network does to one datagram of the handshake, the tunnel comes up", () => {
  const disturbances: readonly [string, number, (index: number) => Network][] = [
    ["lost", 20_000, (n) => (_, index) => (index === n ? [] : [10])],
    ["lost twice", 30_000, (n) => (_, index) => (index === n || index === n + 1 ? [] : [10])],
    ["repeated at once", 5_000, (n) => (_, index) => (index === n ? [10, 10] : [10])],
    ["repeated later", 5_000, (n) => (_, index) => (index === n ? [10, 300] : [10])],
    ["repeated after all is over", 20_000, (n) => (_, index) => (index === n ? [10, 9_000] : [10])],
    ["late, so that its repetition overtakes it", 20_000, (n) => (_, index) => (index === n ? [1_500] : [10])],
    ["three times in one instant", 5_000, (n) => (_, index) => (index === n ? [10, 10, 10] : [10])],
  ];
  const delays = [
    {},
    { one: { kernelDelay: 7, computeDelay: 25 }, two: { kernelDelay: 7, computeDelay: 25 } },
  ] as const;
  test.each(disturbances)("%s", (_, wait, network) => {
    for (let n = 0; n < usual; n += 1) {
      for (const options of delays) {
        const pair = ends({ ...options, network: network(n) });
        pair.one.configure(facing(a, { protect: [{ kind: "vxlan" }] }));
        pair.two.configure(facing(b, { protect: [{ kind: "vxlan" }], initiate: false }));
        pair.world.run(30);
        pair.world.guarded.push(...vxlan(pair));
        pair.world.run(wait);
        expectRest(pair, 2);
        expect(pair.one.sent.length + pair.two.sent.length).toBeGreaterThanOrEqual(usual);
        for (const flow of vxlan(pair)) expect(carry(flow)).toBe("protected, delivered");
      }
    }
  });

  test("every datagram of a long conversation comes twice, in any order", () => {
    const pair = connected(
      { protect: [{ kind: "vxlan" }, { kind: "gre" }] },
      { network: (_, i) => [10, 15 + (i % 7) * 10] },
    );
    expectRest(pair, 3);
  });
});

test("a repeated request is answered with the same octets, without being decrypted again", () => {
  const pair = connected({}, { network: () => [10, 200, 400] });
  const opened = vi.mocked(protection.openMessage);
  opened.mockClear();
  pair.world.run(29_000);
  expectRest(pair);
  const response = 0x20;
  const last = (end: End, flag: number) =>
    end.sent.filter(({ octets }) => ((octets[19] ?? 0) & response) === flag).at(-1);
  const request = last(pair.one, 0);
  if (request === undefined) throw new Error("nothing was sent");
  const answer = last(pair.two, response)?.octets;
  const before = pair.two.sent.length;
  opened.mockClear();
  pair.two.handle({
    kind: "datagram",
    octets: request.octets,
    path: { local: request.path.remote, remote: request.path.local },
  });
  expect(opened).not.toHaveBeenCalled();
  expect(pair.two.sent).toHaveLength(before + 1);
  expect(pair.two.sent.at(-1)?.octets).toEqual(answer);
});

test("a peer that never answers is called again and again, with growing waits, and the status says so", () => {
  const pair = ends({ network: () => [] });
  pair.one.configure(facing(a));
  pair.two.configure(facing(b, { initiate: false }));
  pair.world.guarded.push(...gre(pair));
  pair.world.run(400_000);
  const status = pair.one.peer();
  expect(status).toMatchObject({ state: "connecting", reason: { code: "no-answer", exchange: "IKE_SA_INIT" } });
  expect(status.attempts).toBeGreaterThan(4);
  expect(status.attempts).toBeLessThan(14);
  expect(reasons(pair.one)).toEqual(["no-answer"]);
});
