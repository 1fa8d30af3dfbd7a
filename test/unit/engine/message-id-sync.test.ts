// A cluster at the other end fails over, and its new member brings the message IDs together (RFC 6311).
import { describe, expect, test } from "vitest";
import { findNotify, notify } from "../../../src/ikev2/payloads.ts";
import { decodeHeader, flag } from "../../../src/wire/ikev2/header.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { peer } from "./desired.ts";
import { a, b, ends, facing } from "./pair.ts";
import { Puppet } from "./puppet.ts";

const [child] = peer(a, b).children;
const supported = notify(notifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED);
const informational = exchangeType.INFORMATIONAL;

/** IKEV2_MESSAGE_ID_SYNC: the nonce, the next request's message ID, the one that is expected. */
function sync(nonce: number, send: number, receive: number): Payload {
  const data = Buffer.alloc(12);
  data.writeUInt32BE(nonce, 0);
  data.writeUInt32BE(send, 4);
  data.writeUInt32BE(receive, 8);
  return notify(notifyType.IKEV2_MESSAGE_ID_SYNC, Uint8Array.from(data));
}

/** An engine that a cluster called; its next request has the message ID 2. */
function called(capabilities: Payload[] = [supported]) {
  const { one, world } = ends({ network: () => [] });
  one.configure(facing(a, { initiate: false }));
  const puppet = new Puppet(one, b, "initiator");
  puppet.init();
  const answer = puppet.request(exchangeType.IKE_AUTH, [...puppet.authPayloads({ child }), ...capabilities]) ?? [];
  return { one, world, puppet, answer };
}

/** What the engine sends when these payloads come in a request with the message ID 0. */
function said(puppet: Puppet, payloads: Payload[], messageId = 0) {
  const before = puppet.end.sent.length;
  puppet.inject(puppet.seal(informational, payloads, { messageId }));
  return puppet.end.sent.slice(before).map(({ octets }) => ({
    header: decodeHeader(octets),
    payloads: puppet.open(octets),
  }));
}

describe("negotiation", () => {
  test("both ends say so in IKE_AUTH, the responder only where the initiator did", () => {
    expect(findNotify(called().answer, supportedType)?.data).toHaveLength(0);
    expect(findNotify(called([]).answer, supportedType)).toBeUndefined();
    const { one } = ends({ network: () => [] });
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    expect(findNotify(puppet.open(puppet.received()), supportedType)).toBeDefined();
  });

  test("without it nothing is synchronized", () => {
    const { puppet } = called([]);
    expect(said(puppet, [sync(7, 100, 0)])).toEqual([]);
    expect(puppet.request(informational, [])).toEqual([]);
  });
});

const supportedType = notifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED;

describe("a synchronization", () => {
  test("the higher of the values counts, and both ends go on from there", () => {
    const { puppet, one } = called();
    const [answer, ...more] = said(puppet, [sync(0xdeadbeef, 40, 17)]);
    expect(more).toEqual([]);
    expect(answer?.header).toMatchObject({ messageId: 0, exchangeType: informational });
    expect((answer?.header.flags ?? 0) & flag.response).toBe(flag.response);
    // Seen from the other side: what we send next, what we expect.
    expect(answer?.payloads).toEqual([sync(0xdeadbeef, 17, 40)]);
    expect(said(puppet, [], 2)).toEqual([]);
    expect(said(puppet, [], 39)).toEqual([]);
    expect(said(puppet, [], 40)).toHaveLength(1);
    expect(said(puppet, [], 41)).toHaveLength(1);
    one.handle({ kind: "down", peer: "peer" });
    const request = decodeHeader(puppet.received());
    expect([request.messageId, request.flags & flag.response]).toEqual([17, 0]);
  });

  test("what is unanswered is sent again under a new message ID", () => {
    const { one, world } = ends({ network: () => [] });
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads, supported]);
    world.run(31_000);
    const liveness = decodeHeader(puppet.received());
    expect(liveness.messageId).toBe(2);
    const before = one.sent.length;
    // The member knew of no request after IKE_AUTH: it expects 1 of us.
    puppet.inject(puppet.seal(informational, [sync(1, 8, 1)], { messageId: 0 }));
    const [answer, again] = one.sent.slice(before).map(({ octets }) => octets);
    // RFC 6311 9: it does not wait for the response to 2 any more.
    expect(puppet.open(answer ?? new Uint8Array(0))).toEqual([sync(1, 3, 8)]);
    expect(decodeHeader(again ?? new Uint8Array(0)).messageId).toBe(3);
    puppet.answer(again ?? new Uint8Array(0), []);
    const quiet = one.sent.length;
    world.run(20_000);
    expect(one.sent.length).toBe(quiet);
    expect(one.peer().ikeSas).toHaveLength(1);
  });

  test("its replay, an older one, and one with anything else in it are dropped without a word", () => {
    const { puppet } = called();
    const first = puppet.seal(informational, [sync(1, 40, 2)], { messageId: 0 });
    puppet.inject(first);
    const before = puppet.end.sent.length;
    puppet.inject(first);
    puppet.inject(puppet.seal(informational, [sync(2, 40, 2)], { messageId: 0 }));
    puppet.inject(puppet.seal(informational, [sync(3, 1, 2)], { messageId: 0 }));
    puppet.inject(puppet.seal(informational, [sync(3, 90, 2), { kind: "V", data: Buffer.alloc(1) }], { messageId: 0 }));
    const short = notify(notifyType.IKEV2_MESSAGE_ID_SYNC, Buffer.alloc(11, 0xff));
    puppet.inject(puppet.seal(informational, [short], { messageId: 0 }));
    puppet.inject(puppet.seal(informational, [sync(4, 0xffff_ffff, 2)], { messageId: 0 }));
    puppet.inject(puppet.seal(informational, [sync(4, 90, 0xffff_ffff)], { messageId: 0 }));
    // RFC 7383 3: never in fragments; and what is forged is nothing.
    for (const octets of puppet.sealFragments(informational, [sync(5, 90, 2)], 90, { messageId: 0 }))
      puppet.inject(octets);
    const forged = puppet.seal(informational, [sync(6, 90, 2)], { messageId: 0 });
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    puppet.inject(forged);
    expect(puppet.end.sent.length).toBe(before);
    expect(said(puppet, [], 40)).toHaveLength(1);
    // A second failover.
    expect(said(puppet, [sync(7, 41, 2)])).toHaveLength(1);
  });

  test("a response that was kept is not sent again for its repeat from before", () => {
    const { puppet } = called();
    const early = puppet.seal(informational, [], { messageId: 2 });
    puppet.inject(early);
    expect(said(puppet, [sync(1, 9, 0)])).toHaveLength(1);
    const before = puppet.end.sent.length;
    puppet.inject(early);
    expect(puppet.end.sent.length).toBe(before);
  });
});
