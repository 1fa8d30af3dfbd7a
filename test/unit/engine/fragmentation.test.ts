import { describe, expect, test } from "vitest";
import { find, findNotify, notify } from "../../../src/ikev2/payloads.ts";
import { decodeHeader } from "../../../src/wire/ikev2/header.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType, payloadType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { desired, peer } from "./desired.ts";
import { a, b, connected, ends, expectRest, facing, gre, reasons } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { carry, type Datagram, type End, World } from "./world.ts";

const small = { window: 4, fragmentSize: 240 };
const [child] = peer(a, b).children;

/** Many proposals: an IKE_AUTH request of more than 1,400 octets. */
const ciphers = ["sha256", "sha384", "sha512"].flatMap((integ) => [128, 192, 256].map((bits) => `aes${bits}-${integ}`));
const aeads = [8, 12, 16].flatMap((icv) => [128, 192, 256].map((bits) => `aes${bits}gcm${icv}`));
const esp = [...ciphers, ...aeads].flatMap((text) => [`${text}-esn`, `${text}-noesn`]);

const isFragment = ({ octets }: Pick<Datagram, "octets">) => octets[16] === payloadType.SKF;

/** Octets of the IP datagram, over IPv4 and without the non-ESP marker. */
const ipLength = ({ octets }: Datagram) => octets.length + 28;

function fragmentsOf(end: End) {
  return end.sent.filter(isFragment).map(({ octets }) => {
    const { header, payloads } = decodeMessage(octets);
    const { fragmentNumber, totalFragments } = find(payloads, "SKF") ?? { fragmentNumber: 0, totalFragments: 0 };
    return { messageId: header.messageId, number: fragmentNumber, total: totalFragments };
  });
}

/** An engine that an authenticated puppet called. */
function called(options: Parameters<typeof facing>[1] = {}): Puppet {
  const { one } = ends({ network: () => [] });
  one.configure(facing(a, { initiate: false, ...options }));
  const puppet = new Puppet(one, b, "initiator");
  puppet.init();
  puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child }));
  if (one.peer().state !== "up") throw new Error("not established");
  return puppet;
}

/** What the engine sends while the datagrams come. */
function said(puppet: Puppet, datagrams: readonly Uint8Array[]): Uint8Array[] {
  const before = puppet.end.sent.length;
  for (const octets of datagrams) puppet.inject(octets);
  return puppet.end.sent.slice(before).map(({ octets }) => octets);
}

/** Something long that is ignored. */
const padding = (length: number): Payload => ({ kind: "V", data: Buffer.alloc(length, 0x55) });

describe("what we send", () => {
  test("nothing larger than the path takes, but for IKE_SA_INIT, which is never fragmented", () => {
    const pair = connected({ messages: small });
    expectRest(pair);
    for (const end of [pair.one, pair.two]) {
      const [init, ...rest] = end.sent;
      expect(init?.octets[16]).toBe(payloadType.SA);
      expect(Math.max(...rest.map(ipLength))).toBeLessThanOrEqual(240);
      // And none is needlessly small.
      expect(Math.max(...rest.map(ipLength))).toBeGreaterThan(230);
      expect(rest.filter(isFragment).length).toBeGreaterThanOrEqual(2);
    }
  });

  test.each([
    ["AES-CBC", "aes256-sha512-prfsha512-x25519", 16],
    ["AES-GCM", "aes256gcm16-prfsha384-x25519", 1],
  ])("with %s the fragments fit too", (_, ike, block) => {
    const pair = connected({ ike: [ike], messages: small });
    expectRest(pair);
    const lengths = pair.one.sent.filter(isFragment).map(ipLength);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(240);
    expect(Math.max(...lengths)).toBeGreaterThan(240 - block - 8);
  });

  test("IPv6 takes twenty octets more", () => {
    const world = new World();
    const [x, y] = ["2001:db8::1", "2001:db8::2"];
    const [one, two] = [world.add(x), world.add(y)];
    one.configure(desired([peer(x, y, { messages: small })]));
    two.configure(desired([peer(y, x, { messages: small, initiate: false })]));
    world.run(5_000);
    expect(one.peer().state).toBe("up");
    const longest = Math.max(...one.sent.slice(1).map(({ octets }) => octets.length + 48));
    expect(longest).toBeLessThanOrEqual(240);
    expect(longest).toBeGreaterThan(230);
  });

  test("a peer that knows no fragments gets whole messages, and its fragments are nothing to us", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a, { messages: small }));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit((payloads) =>
      payloads.filter((one) => one.kind !== "N" || one.type !== notifyType.IKEV2_FRAGMENTATION_SUPPORTED),
    );
    expect(one.sent.filter(isFragment)).toEqual([]);
    puppet.answerAuth();
    expect(one.peer().state).toBe("up");
    puppet.nextMessageId = 0;
    expect(said(puppet, puppet.sealFragments(exchangeType.INFORMATIONAL, [padding(900)], 240))).toEqual([]);
    expect(puppet.request(exchangeType.INFORMATIONAL, [padding(900)])).toEqual([]);
  });

  test("a request that goes unanswered is sent in smaller fragments, and what follows too", () => {
    const network = ({ octets }: Datagram) => (octets.length > 572 ? [] : [10]);
    const pair = connected({ esp, messages: { window: 4, fragmentSize: 2_000 } }, { network }, 30_000);
    expectRest(pair);
    // Three times in each size: whole, within 1280 octets, and within 576 until the answer comes.
    const whole = pair.one.sent.filter((one) => !isFragment(one) && ipLength(one) > 1_280);
    expect(whole).toHaveLength(3);
    const fragments = fragmentsOf(pair.one);
    const totals = [...new Set(fragments.map(({ total }) => total))];
    expect(totals).toEqual([2, 4]);
    expect(fragments.filter(({ total }) => total === 2)).toHaveLength(3 * 2);
    expect(fragments.filter(({ total }) => total === 4)).toHaveLength(4);
    expect(Math.max(...pair.one.sent.slice(-3).map(ipLength))).toBeLessThanOrEqual(576);
  });

  test("our response is made smaller when the peer's repeated request is", () => {
    const puppet = called({ messages: { window: 4, fragmentSize: 600 } });
    if (child === undefined) throw new Error("no child");
    const payloads: Payload[] = [
      ...puppet.childPayloads(child, 0xabcd_0009),
      { kind: "Nonce", data: Buffer.alloc(32, 7) },
    ];
    const options = { messageId: 2 };
    const [response] = said(puppet, [puppet.seal(exchangeType.CREATE_CHILD_SA, payloads, options)]);
    expect(response === undefined || isFragment({ octets: response })).toBe(false);
    const fragments = puppet.sealFragments(exchangeType.CREATE_CHILD_SA, payloads, 160, options);
    expect(fragments.length).toBeGreaterThan(1);
    // The others' repeats are not answered, nor are forged ones (RFC 7383 2.6.1).
    expect(said(puppet, fragments.slice(1))).toEqual([]);
    const [first = Buffer.alloc(0)] = fragments;
    const forged = Buffer.from(first);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(said(puppet, [forged])).toEqual([]);
    const smaller = said(puppet, [first]);
    expect(smaller.length).toBeGreaterThan(1);
    expect(Math.max(...smaller.map((octets) => octets.length))).toBeLessThanOrEqual(160 - 28);
    expect(puppet.openFragments(smaller)).toEqual(puppet.open(response ?? new Uint8Array(0)));
    // And one and the same again.
    expect(said(puppet, [first])).toEqual(smaller);
    expect(puppet.end.peer().children[0]?.sas).toHaveLength(2);
  });
});

describe("what comes in fragments", () => {
  const request = (puppet: Puppet, size: number, messageId = 2) =>
    puppet.sealFragments(exchangeType.INFORMATIONAL, [padding(900)], size, { messageId });

  test("in any order, repeated, with forged ones between: answered once, when all are there", () => {
    const puppet = called();
    const fragments = request(puppet, 300);
    expect(fragments).toHaveLength(5);
    const shuffled = [3, 1, 4, 0].map((index) => fragments[index] ?? Buffer.alloc(0));
    const forged = (fragments[2] ?? Buffer.alloc(0)).map((octet, index, all) =>
      index === all.length - 1 ? octet ^ 1 : octet,
    );
    expect(said(puppet, [...shuffled, forged, ...shuffled])).toEqual([]);
    const [answer, ...more] = said(puppet, fragments.slice(2, 3));
    expect(more).toEqual([]);
    expect(puppet.open(answer ?? new Uint8Array(0))).toEqual([]);
    // RFC 7383 2.6.1: of the repeats only the first fragment's is answered, with the same octets.
    expect(said(puppet, fragments)).toEqual([answer]);
    expect(said(puppet, fragments.slice(1))).toEqual([]);
  });

  test("a larger set begins anew, a smaller one is left over from before", () => {
    const puppet = called();
    const large = request(puppet, 500);
    const smaller = request(puppet, 300);
    expect(smaller.length).toBeGreaterThan(large.length);
    expect(said(puppet, [...large.slice(1), ...smaller.slice(1), ...large])).toEqual([]);
    expect(said(puppet, smaller.slice(0, 1))).toHaveLength(1);
  });

  test("a whole message in the place of its fragments", () => {
    const puppet = called();
    expect(said(puppet, request(puppet, 300).slice(1))).toEqual([]);
    expect(said(puppet, [puppet.seal(exchangeType.INFORMATIONAL, [padding(900)], { messageId: 2 })])).toHaveLength(1);
    expect(said(puppet, request(puppet, 300).slice(1))).toEqual([]);
  });

  test("several requests at a time, interleaved", () => {
    const puppet = called();
    const two = request(puppet, 300, 2);
    const three = request(puppet, 300, 3);
    const mixed = two.flatMap((octets, index) => [octets, three[index] ?? Buffer.alloc(0)]);
    expect(said(puppet, mixed).map((octets) => decodeHeader(octets).messageId)).toEqual([2, 3]);
  });

  test("content that is malformed is refused as in a whole message", () => {
    const puppet = called();
    const broken: Payload = { kind: "unknown", type: payloadType.Nonce, critical: false, body: Buffer.alloc(900) };
    const [answer] = said(puppet, puppet.sealFragments(exchangeType.INFORMATIONAL, [broken], 300));
    expect(findNotify(puppet.open(answer ?? new Uint8Array(0)), notifyType.INVALID_SYNTAX)).toBeDefined();
    expect(reasons(puppet.end)).toContain("invalid-syntax");
  });

  test("a message that never becomes whole is forgotten after half a minute, and so is what is too much", () => {
    const { one, world } = ends({ network: () => [] });
    one.configure(facing(a, { initiate: false }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child }));
    const fragments = request(puppet, 300);
    expect(said(puppet, fragments.slice(0, 4))).toEqual([]);
    world.run(29_000);
    expect(said(puppet, fragments.slice(0, 1))).toEqual([]);
    world.run(31_000);
    // Forgotten: the last alone makes it whole no more.
    expect(said(puppet, fragments.slice(4))).toEqual([]);
    expect(said(puppet, fragments.slice(0, 4))).toHaveLength(1);
  });

  test("the bound: no more than 80 KiB of one message are kept", () => {
    const puppet = called();
    const fragments = puppet.sealFragments(exchangeType.INFORMATIONAL, [padding(65_000)], 260, { messageId: 2 });
    expect(fragments.length).toBeLessThan(512);
    expect(said(puppet, fragments)).toEqual([]);
    const tiny = puppet.sealFragments(exchangeType.INFORMATIONAL, [padding(20_000)], 100, { messageId: 3 });
    expect(tiny.length).toBeGreaterThan(512);
    expect(said(puppet, tiny)).toEqual([]);
    // The IKE SA goes on all the same.
    expect(said(puppet, [puppet.seal(exchangeType.INFORMATIONAL, [], { messageId: 2 })])).toHaveLength(1);
  });

  test("the bound of one IKE SA: of three messages of 64 KiB at a time two are kept, and the third is had again later", () => {
    const puppet = called({ messages: { window: 4, fragmentSize: 1_280 } });
    const large = (messageId: number) =>
      puppet.sealFragments(exchangeType.INFORMATIONAL, [padding(65_000)], 9_000, { messageId });
    const messages = [2, 3, 4].map(large);
    for (const fragments of messages) expect(said(puppet, fragments.slice(1))).toEqual([]);
    expect(messages.map((fragments) => said(puppet, fragments.slice(0, 1)).length)).toEqual([1, 1, 0]);
    // What the two took is given back.
    expect(said(puppet, large(4))).toHaveLength(1);
  });

  test("repeats of a fragment take no room, and the first of two that differ is kept", () => {
    const puppet = called();
    const fragments = puppet.sealFragments(exchangeType.INFORMATIONAL, [padding(65_000)], 9_000, { messageId: 2 });
    const broken: Payload = { kind: "unknown", type: payloadType.Nonce, critical: false, body: Buffer.alloc(65_000) };
    const others = puppet.sealFragments(exchangeType.INFORMATIONAL, [broken], 9_000, { messageId: 2 });
    expect(others).toHaveLength(fragments.length);
    const rest = fragments.slice(0, -1);
    expect(said(puppet, [...rest, ...rest, ...others.slice(0, -1)])).toEqual([]);
    const [answer, ...more] = said(puppet, fragments.slice(-1));
    expect(more).toEqual([]);
    expect(puppet.open(answer ?? new Uint8Array(0))).toEqual([]);
  });

  test("callers that prove nothing may fill 8 MiB in all with fragments, and the others are served meanwhile", () => {
    const { world, one } = ends({ network: () => [] });
    const up = called();
    one.configure(facing(a, { remote: "any", local: a, remoteId: undefined, initiate: false }));
    const filled: Puppet[] = [];
    for (let n = 0; n < 200; n += 1) {
      const puppet = new Puppet(one, `10.${n >> 8}.${n & 255}.1`, "initiator", BigInt(n + 1));
      expect(puppet.init()).toBe(true);
      const fragments = puppet.sealFragments(exchangeType.IKE_AUTH, [padding(65_000)], 9_000);
      expect(said(puppet, fragments.slice(1))).toEqual([]);
      filled.push(puppet);
    }
    // Whose fragments were kept gets an answer to the one that was missing.
    let answered = 0;
    for (const puppet of filled) {
      const fragments = puppet.sealFragments(exchangeType.IKE_AUTH, [padding(65_000)], 9_000);
      if (said(puppet, fragments.slice(0, 1)).length > 0) answered += 1;
    }
    // 64 KiB each.
    expect(answered).toBeGreaterThan(120);
    expect(answered).toBeLessThan(150);
    expect(said(up, request(up, 300))).toHaveLength(1);
    world.run(61_000);
    // All is given back.
    const late = new Puppet(one, b, "initiator");
    late.init();
    const whole = late.sealFragments(exchangeType.IKE_AUTH, late.authPayloads({ child }), 200);
    expect(said(late, whole).length).toBeGreaterThan(0);
    expect(one.peer().state).toBe("up");
  });
});

test("loss, repeats and reordering: what was negotiated in fragments stands in the end, and carries", () => {
  for (let seed = 1; seed <= 15; seed += 1) {
    let count = seed * 7919;
    const network = () => {
      count = (count * 1103515245 + 12345) % 2147483648;
      const delay = 10 + (count % 300);
      return count % 100 < 20 ? [] : count % 100 > 80 ? [delay, delay + 200] : [delay];
    };
    const pair = connected({ messages: small, esp }, { network, seed }, 200_000);
    pair.world.network = () => [10];
    pair.world.run(120_000);
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    expect(reasons(pair.one)).not.toContain("invalid-syntax");
    expect(reasons(pair.two)).not.toContain("invalid-syntax");
  }
});

test("both ends say in IKE_SA_INIT that they take fragments", () => {
  const pair = connected();
  for (const end of [pair.one, pair.two]) {
    const [init] = end.sent;
    const { payloads } = decodeMessage(init?.octets ?? new Uint8Array(0));
    expect(findNotify(payloads, notifyType.IKEV2_FRAGMENTATION_SUPPORTED)?.data).toHaveLength(0);
  }
  expect(notify(notifyType.IKEV2_FRAGMENTATION_SUPPORTED)).toMatchObject({ type: 16430 });
});
