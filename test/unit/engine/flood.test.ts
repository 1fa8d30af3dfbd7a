// Floods of first messages, in virtual time: whoever is honest is served all the while.
import { describe, expect, test, vi } from "vitest";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { desired, peer } from "./desired.ts";
import { a, b, connected, ends, facing, gre } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { type End, World } from "./world.ts";

vi.setConfig({ testTimeout: 60_000 });

/** A first message as an honest peer sends it, of which any number can be made by changing its SPI. */
function template(to: End): Buffer {
  let octets: Uint8Array = new Uint8Array(0);
  const line = { address: to.address, sent: [], handle: (event: { octets: Uint8Array }) => (octets = event.octets) };
  new Puppet(line, "10.0.0.1", "initiator").sendInit();
  return Buffer.from(octets);
}

/** From then on `rate` spoofed first messages a second for `seconds`, `address` making up where each comes from. */
function flood(world: World, to: End, rate: number, seconds: number, address: (n: number) => string): void {
  const octets = template(to);
  const every = 10;
  const each = (rate * every) / 1_000;
  for (let slot = 0; slot < (seconds * 1_000) / every; slot += 1) {
    world.schedule(slot * every, () => {
      for (let k = 0; k < each; k += 1) {
        const n = slot * each + k;
        const message = Buffer.from(octets);
        message.writeBigUInt64BE(BigInt(n + 1), 0);
        const remote = { address: address(n), port: 500 };
        to.handle({ kind: "datagram", octets: message, path: { local: { address: to.address, port: 500 }, remote } });
      }
    });
  }
}

const anywhere = (n: number) => `10.${(n >> 8) & 255}.${n & 255}.${(n >> 16) + 1}`;

/** A gateway that anybody may call, and so many honest callers, configured there by their addresses or not. */
function gateway(callers: number, configured: boolean) {
  const world = new World();
  const hub = world.add(a);
  const addresses = Array.from({ length: callers }, (_, n) => `192.0.2.${n + 10}`);
  const open = peer(a, b, { name: "any", remote: "any", local: a, remoteId: undefined, initiate: false, protect: [] });
  const named = addresses.map((address) =>
    peer(a, address, { name: address, remoteId: `gw-${address}`, initiate: false, protect: [{ kind: "gre" }] }),
  );
  hub.configure(desired(configured ? [...named, open] : [open]));
  const honest = addresses.map((address) => world.add(address));
  const callAll = () => {
    for (const [n, end] of honest.entries()) {
      const protect = configured ? ([{ kind: "gre" }] as const) : [];
      world.schedule(n * 97, () => end.configure(desired([peer(end.address, a, { protect })])));
    }
  };
  const up = () => honest.filter((end) => end.engine.status().peers[0]?.state === "up").length;
  return { world, hub, callAll, up };
}

describe("20,000 spoofed first messages in ten seconds", () => {
  test.each([
    ["configured peers", true],
    ["peers that may call from anywhere", false],
  ])("%s who call meanwhile are all up, and what the flood left is gone half a minute later", (_, configured) => {
    const { world, hub, callAll, up } = gateway(40, configured);
    flood(world, hub, 2_000, 10, anywhere);
    world.run(1_000);
    callAll();
    world.run(9_500);
    expect(up()).toBe(40);
    world.run(45_000);
    expect(hub.engine.status().peers.reduce((sum, { ikeSas }) => sum + ikeSas.length, 0)).toBe(40);
  });

  test("from the very address of a configured peer: it comes up all the same", () => {
    const { world, hub, callAll, up } = gateway(1, true);
    flood(world, hub, 2_000, 10, () => "192.0.2.10");
    world.run(1_000);
    callAll();
    world.run(5_000);
    expect(up()).toBe(1);
  });

  test("disturb nothing that stands", () => {
    const pair = connected();
    pair.world.guarded.push(...gre(pair));
    pair.world.carried.push(...gre(pair));
    flood(pair.world, pair.one, 2_000, 10, anywhere);
    pair.world.run(40_000);
    expect(pair.one.peer()).toMatchObject({ state: "up", ikeSas: [{}] });
  });
});

test("callers that receive at their addresses and never go on fill their network's share, and shut nobody else out", () => {
  const { world, one } = ends({ network: () => [] });
  const open = peer(a, b, { name: "any", remote: "any", local: a, remoteId: undefined, initiate: false });
  one.configure(desired([peer(a, b, { initiate: false }), open]));
  let opened = 0;
  for (let n = 0; n < 1_500; n += 1) {
    const caller = new Puppet(one, `10.9.9.${n & 255}`, "initiator", BigInt(n + 1));
    const before = one.sent.length;
    caller.sendInit();
    if (one.sent.length === before) continue;
    const [cookie] = caller.clearPayloads();
    if (cookie?.kind === "N") caller.sendInit((payloads) => [cookie, ...payloads]);
    if (caller.takeInit()) opened += 1;
  }
  // 32 without a cookie, and then as many as the budget of key exchanges has: two seconds' worth.
  expect(opened).toBe(400);
  const elsewhere = new Puppet(one, "10.9.8.1", "initiator");
  if (!elsewhere.init()) {
    const [cookie] = elsewhere.clearPayloads();
    expect(elsewhere.init((payloads) => (cookie === undefined ? payloads : [cookie, ...payloads]))).toBe(true);
  }
  world.run(61_000);
  expect(one.engine.nextDeadline()).toBeUndefined();
});

describe("which of several datagrams goes first", () => {
  test("those of IKE SAs, then who returns a good cookie, then configured addresses, then the rest", () => {
    const pair = ends({ network: () => [] });
    const open = peer(a, b, { name: "any", remote: "any", local: a, remoteId: undefined, initiate: false });
    pair.one.configure({ local: { locks: [], flood: always }, peers: [...facing(a, { initiate: false }).peers, open] });
    const path = (address: string) => ({ local: { address: a, port: 500 }, remote: { address, port: 500 } });
    const urgency = (octets: Uint8Array, address: string) => pair.one.engine.urgency(octets, path(address), 0);
    const octets = template(pair.one);
    expect(urgency(octets, "10.0.0.1")).toBe("anybody");
    expect(urgency(octets, b)).toBe("configured");
    const answer = Buffer.from(octets);
    answer[18] = exchangeType.INFORMATIONAL;
    expect(urgency(answer, "10.0.0.1")).toBe("session");

    const caller = new Puppet(pair.one, "10.0.0.1", "initiator");
    expect(caller.init()).toBe(false);
    const [cookie] = caller.clearPayloads();
    if (cookie === undefined) throw new Error("no cookie");
    const heard: Uint8Array[] = [];
    const { engine } = pair.one;
    const line = { address: a, sent: [], handle: (event: { octets: Uint8Array }) => heard.push(event.octets) };
    const again = new Puppet(line, "10.0.0.1", "initiator");
    again.sendInit((payloads) => [cookie, ...payloads]);
    const [proven = new Uint8Array(0)] = heard;
    expect(engine.urgency(proven, path("10.0.0.1"), 0)).toBe("proven");
    // The same from another address, or with another cookie, is anybody's.
    expect(engine.urgency(proven, path("10.0.0.2"), 0)).toBe("anybody");
    const forged = Buffer.from(proven);
    forged[40] = (forged[40] ?? 0) ^ 1;
    expect(engine.urgency(forged, path("10.0.0.1"), 0)).toBe("anybody");
    // A cookie is good for its secret's life and the next one's, and no longer.
    expect(engine.urgency(proven, path("10.0.0.1"), 100_000)).toBe("proven");
    expect(engine.urgency(proven, path("10.0.0.1"), 130_000)).toBe("anybody");
  });
});

const always = { halfOpen: 1_000, cookiesAbove: 0, cookiesAboveByNetwork: 32, keyExchangesByNetwork: 100 };
