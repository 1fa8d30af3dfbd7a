/** Redirect (RFC 5685): at the start, after both have proved who they are, and while a tunnel stands. */
import { describe, expect, it } from "vitest";
import { find, findNotify } from "../../../src/ikev2/payloads.ts";
import { redirectPayload } from "../../../src/ikev2/redirect.ts";
import { makeIdentity } from "../../../src/negotiate/identity.ts";
import type { Gateway } from "../../../src/sa/desired.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { desired, type PeerOptions, peer, pskRound } from "./desired.ts";
import { a, b, c, reasons, standing } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { type End, type Flow, World } from "./world.ts";

const at = (address: string): Gateway => ({ kind: "address", address });
const settings = { follow: true, names: [{ name: "gw-c.example", addresses: [c] }], to: undefined, grace: 60_000 };
const protect = [{ kind: "tunnel", local: net("10.1.0.0"), remote: net("10.2.0.0"), protocol: 0 }] as const;
const mirrored = [{ kind: "tunnel", local: net("10.2.0.0"), remote: net("10.1.0.0"), protocol: 0 }] as const;

function net(address: string) {
  return { address, length: 16 };
}

interface Three {
  readonly world: World;
  readonly caller: End;
  readonly first: End;
  readonly second: End;
}

/** A caller of two gateways that serve the same network under the same name. */
function three(caller: PeerOptions = {}, first: PeerOptions = {}, second: PeerOptions = {}): Three {
  const world = new World();
  const ends = { world, caller: world.add(a), first: world.add(b), second: world.add(c) };
  const gateway = { localId: "gateway", initiate: false, protect: mirrored };
  ends.first.configure(desired([peer(b, a, { ...gateway, redirect: settings, ...first })]));
  ends.second.configure(desired([peer(c, a, { ...gateway, redirect: settings, ...second })]));
  ends.caller.configure(
    desired([peer(a, b, { remote: [b, c], remoteId: "gateway", protect, redirect: settings, ...caller })]),
  );
  world.run(5_000);
  return ends;
}

const to = (gateway: Gateway) => ({ redirect: { ...settings, to: gateway } });
const remotes = ({ caller }: Three) => caller.peer().ikeSas.map(({ remote }) => remote);

function flow({ caller }: Three, gateway: End): Flow[] {
  return [
    { from: caller, to: gateway, packet: { source: "10.1.0.5", destination: "10.2.0.6", protocol: 6 } },
    { from: gateway, to: caller, packet: { source: "10.2.0.6", destination: "10.1.0.5", protocol: 6 } },
  ];
}

/** Answers IKE_SA_INIT with that alone, as who makes no IKE SA: the responder's SPI is zero. */
function turnAway(puppet: Puppet, payload: Payload): void {
  puppet.theirSpi = decodeMessage(puppet.received()).header.initiatorSpi;
  const octets = puppet.clear(true, [payload]);
  octets.fill(0, 8, 16);
  puppet.inject(octets);
}

describe("a gateway that sends callers to another one", () => {
  it.each([
    ["by its address", at(c)],
    ["by its name", { kind: "name", name: "GW-C.example" } as const],
  ])("at the start, %s: without a trace of its own", (_, gateway) => {
    const ends = three({}, to(gateway));
    expect(remotes(ends)).toEqual([`${c}:500`]);
    expect(ends.first.peer().ikeSas).toEqual([]);
    expect(ends.first.sent).toHaveLength(1);
    expect(standing(ends.second)).toHaveLength(2);
    const request = ends.caller.sent.find(({ path }) => path.remote.address === c);
    const from = findNotify(decodeMessage(request?.octets ?? Buffer.alloc(0)).payloads, notifyType.REDIRECTED_FROM);
    expect(from?.data).toEqual(Uint8Array.of(1, 4, 192, 0, 2, 2));
  });

  it("only who says that it can be sent: the others are served", () => {
    const ends = three({ redirect: { ...settings, follow: false } }, to(at(c)));
    expect(remotes(ends)).toEqual([`${b}:500`]);
  });

  it("after both have proved who they are, where that decides", () => {
    const world = new World();
    const [caller, first, second] = [world.add(a), world.add(b), world.add(c)];
    const gateway = { localId: "gateway", initiate: false, protect: mirrored, redirect: settings };
    const another = { ...gateway, name: "another", remoteId: "another", protect: [] };
    first.configure(desired([peer(b, a, { ...gateway, ...to(at(c)) }), peer(b, a, another)]));
    second.configure(desired([peer(c, a, gateway)]));
    caller.configure(desired([peer(a, b, { remote: [b, c], remoteId: "gateway", protect, redirect: settings })]));
    world.run(10_000);
    expect(caller.peer().ikeSas.map(({ remote }) => remote)).toEqual([`${c}:500`]);
    expect(first.peer().ikeSas).toEqual([]);
    expect(first.log.filter(({ event }) => event === "child-sa-up")).toEqual([]);
    expect(first.log.map(({ event }) => event)).toContain("ike-sa-up");
    expect(first.reserved).toEqual([]);
  });

  it("in several rounds too, after the last", () => {
    const local = [pskRound(), { ...pskRound("more"), id: makeIdentity("fqdn", "operator") }];
    const called = { auth: { local: [pskRound()], remote: local } };
    const ends = three({ auth: { local, remote: [pskRound()] } }, { ...called, ...to(at(c)) }, called);
    expect(remotes(ends)).toEqual([`${c}:500`]);
  });

  it("while the tunnel stands: the new one stands before the old one goes", () => {
    const ends = three();
    const { world, caller, first, second } = ends;
    expect(remotes(ends)).toEqual([`${b}:500`]);
    let served = 0;
    const check = world.check.bind(world);
    world.check = (event, end) => {
      check(event, end);
      const [out] = flow(ends, first);
      if (out !== undefined && caller.kernel.send(out.packet).kind === "protected") served += 1;
      else throw new Error(`at ${world.now}: nothing protects what the caller sends`);
    };
    first.handle({ kind: "redirect", peer: "peer", to: at(c) });
    world.run(10_000);
    expect(served).toBeGreaterThan(10);
    expect(remotes(ends)).toEqual([`${c}:500`]);
    expect(first.peer().redirectTo).toBe(c);
    expect(standing(first)).toEqual([]);
    for (const one of flow(ends, second)) expect(one.from.kernel.wouldPass(one.packet)).not.toBe("clear");
  });

  it("to another address of the same host: who is there stays there", () => {
    const world = new World();
    const [caller, gateway] = [world.add(a), world.add(b, { addresses: [c] })];
    const transmit = world.transmit.bind(world);
    world.transmit = (datagram) => {
      const { remote, local } = datagram.path;
      if (remote.address !== c) return transmit(datagram);
      const { octets } = datagram;
      world.schedule(10, () => gateway.handle({ kind: "datagram", octets, path: { local: remote, remote: local } }));
    };
    const grace = { ...settings, grace: 5_000 };
    const own = { localId: "gateway", initiate: false, protect: mirrored, redirect: grace, local: undefined };
    gateway.configure(desired([peer(b, a, own)]));
    caller.configure(desired([peer(a, b, { remote: [b, c], remoteId: "gateway", protect, redirect: settings })]));
    world.run(5_000);
    gateway.handle({ kind: "redirect", peer: "peer", to: at(c) });
    world.run(4_000);
    expect(caller.peer().ikeSas.map(({ remote }) => remote)).toEqual([`${c}:500`]);
    const [stands] = caller.peer().ikeSas;
    world.run(60_000);
    expect(caller.peer().ikeSas.map(({ initiatorSpi }) => initiatorSpi)).toEqual([stands?.initiatorSpi]);
    expect(reasons(gateway)).not.toContain("redirected");
  });

  it("closes what is still there when the grace is over, unless callers may stay again", () => {
    const blind: PeerOptions = { redirect: { ...settings, grace: 5_000 } };
    const { world, first } = three({}, blind);
    world.network = ({ path }) => (path.local.address === c || path.remote.address === c ? [] : [10]);
    first.handle({ kind: "redirect", peer: "peer", to: at(c) });
    world.run(4_000);
    expect(first.peer().ikeSas).toHaveLength(1);
    first.handle({ kind: "redirect", peer: "peer", to: undefined });
    world.run(4_000);
    expect(first.peer().ikeSas).toHaveLength(1);
    first.handle({ kind: "redirect", peer: "peer", to: at(c) });
    world.run(6_000);
    expect(first.peer().ikeSas).toEqual([]);
    expect(reasons(first)).toContain("redirected");
  });
});

describe("a caller that is sent to another gateway", () => {
  /** A caller whose IKE_SA_INIT a puppet at `b` has. */
  function called(options: PeerOptions = {}) {
    const world = new World();
    const caller = world.add(a);
    caller.configure(desired([peer(a, b, { remote: [b, c], redirect: settings, ...options })]));
    const puppet = new Puppet(caller, b, "responder");
    const nonce = find(decodeMessage(puppet.received()).payloads, "Nonce")?.data ?? Buffer.alloc(0);
    const calls = (address: string) => caller.sent.filter(({ path }) => path.remote.address === address).length;
    return { world, caller, puppet, nonce, calls };
  }

  it.each([
    ["another nonce", (nonce: Uint8Array) => Buffer.alloc(nonce.length, 1)],
    ["a part of the nonce", (nonce: Uint8Array) => nonce.subarray(1)],
    ["the nonce and more", (nonce: Uint8Array) => Buffer.concat([nonce, Buffer.alloc(1)])],
    ["no nonce", () => Buffer.alloc(0)],
  ])("does not hear who repeats %s: nothing changes, nothing is said", (_, change) => {
    const { caller, puppet, nonce, calls } = called();
    const before = caller.log.length;
    turnAway(puppet, redirectPayload(at(c), change(nonce)));
    expect([calls(c), caller.log.length, reasons(caller)]).toEqual([0, before, []]);
    puppet.answerInit();
    puppet.answerAuth();
    expect(caller.peer().ikeSas).toHaveLength(1);
  });

  it.each([
    ["an address that is not the peer's", at("203.0.113.9"), "unlisted", {}],
    ["a name that nobody has listed", { kind: "name", name: "evil.example" } as const, "unlisted", {}],
    ["the very same gateway", at(b), "unlisted", {}],
    ["where it must not go", at(c), "forbidden", { redirect: { ...settings, follow: false } }],
  ])("goes on calling where it is sent to %s", (_, gateway, why, options) => {
    const { world, caller, puppet, nonce, calls } = called(options);
    turnAway(puppet, redirectPayload(gateway, nonce));
    expect(caller.peer().reason).toMatchObject({ code: "redirect-refused", why });
    world.run(3_500);
    expect([calls(b), calls(c), calls("203.0.113.9")]).toEqual([3, 0, 0]);
    puppet.answerInit();
    puppet.answerAuth();
    expect(caller.peer().ikeSas).toHaveLength(1);
  });

  it.each([
    ["too short", Uint8Array.of(1)],
    ["longer than it is", Uint8Array.of(1, 200, 192, 0, 2, 3)],
    ["an address of five octets", Uint8Array.of(1, 5, 192, 0, 2, 3, 4)],
    ["of a type that is none", Uint8Array.of(9, 4, 192, 0, 2, 3)],
    ["a name with control characters", Uint8Array.of(3, 3, 0x61, 0x0a, 0x62)],
  ])("takes a REDIRECT for none that is %s", (_, data) => {
    const { caller, puppet, calls } = called();
    const redirect = { kind: "N", protocolId: 0, spi: Buffer.alloc(0), type: notifyType.REDIRECT, data } as const;
    turnAway(puppet, redirect);
    puppet.answerInit();
    puppet.answerAuth();
    puppet.request(exchangeType.INFORMATIONAL, [redirect]);
    expect([calls(c), caller.peer().ikeSas.length]).toEqual([0, 1]);
  });

  it("follows five in five minutes, and no more", () => {
    const world = new World();
    const caller = world.add(a);
    const [one, two] = [new Puppet(caller, b, "responder"), new Puppet(caller, c, "responder")];
    caller.configure(desired([peer(a, b, { remote: [b, c], redirect: settings })]));
    const send = (from: Puppet, address: string) => {
      const nonce = find(decodeMessage(from.received()).payloads, "Nonce")?.data;
      turnAway(from, redirectPayload(at(address), nonce));
    };
    for (let n = 0; n < 3; n += 1) {
      send(one, c);
      if (n < 2) send(two, b);
    }
    const calls = () => caller.log.filter(({ event }) => event === "peer-connecting").length;
    expect(calls()).toBe(6);
    send(two, b);
    expect(calls()).toBe(6);
    expect(caller.peer().reason).toMatchObject({ code: "redirect-refused", why: "loop" });
  });

  it("believes it in IKE_AUTH only when the gateway has proved itself", () => {
    const { world, caller, puppet, calls } = called();
    puppet.answerInit();
    puppet.answerAuth((payloads) => [
      ...payloads.filter(({ kind }) => kind !== "AUTH"),
      { kind: "AUTH", method: 2, data: Buffer.alloc(32) },
      redirectPayload(at(c)),
    ]);
    expect(calls(c)).toBe(0);
    world.run(4_000);
    expect(reasons(caller)).toContain("wrong-secret");
  });

  it("is never sent away by an end that it did not call", () => {
    const world = new World();
    const end = world.add(a);
    end.configure(desired([peer(a, b, { remote: [b, c], redirect: settings })]));
    const puppet = new Puppet(end, b, "initiator");
    puppet.init();
    puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads());
    const answer = puppet.request(exchangeType.INFORMATIONAL, [redirectPayload(at(c))]);
    expect(answer).toEqual([]);
    world.run(5_000);
    expect(end.sent.filter(({ path }) => path.remote.address === c)).toEqual([]);
  });
});
