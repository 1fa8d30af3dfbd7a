import { describe, expect, test } from "vitest";
import { notify } from "../../../src/ikev2/payloads.ts";
import type { ProtectLine } from "../../../src/overlay/expand.ts";
import { decodeHeader, flag } from "../../../src/wire/ikev2/header.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { peer, timing } from "./desired.ts";
import { a, b, connected, ends, expectRest, facing, reasons } from "./pair.ts";
import { acceptChild, Puppet } from "./puppet.ts";
import type { End, EndOptions } from "./world.ts";

const manyLines: readonly ProtectLine[] = [
  { kind: "gre" },
  { kind: "ipip" },
  { kind: "sit" },
  { kind: "vxlan" },
  { kind: "geneve" },
];
const messages = (window: number) => ({ window, fragmentSize: 1_280 });
const [gre] = peer(a, b).children;
if (gre === undefined) throw new Error("no child");

function windowOf(window: number): Payload {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(window);
  return notify(notifyType.SET_WINDOW_SIZE, data);
}

/** The message IDs of the requests that an end sent, in order, repeats too. */
function requestIds(end: End, from = 0): number[] {
  const headers = end.sent.slice(from).map(({ octets }) => decodeHeader(octets));
  return headers
    .filter(({ flags, exchangeType: type }) => (flags & flag.response) === 0 && type !== exchangeType.IKE_SA_INIT)
    .map(({ messageId }) => messageId);
}

/** A puppet that called the engine, which keeps so many responses. */
function caller(window: number, options: EndOptions = {}): Puppet {
  const { one } = ends({ one: options, network: () => [] });
  one.configure(facing(a, { initiate: false, messages: messages(window) }));
  const puppet = new Puppet(one, b, "initiator");
  puppet.init();
  puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child: gre }));
  return puppet;
}

/** What the engine sends at once when a request with this message ID comes. */
function answers({ end, seal, inject }: Bound, messageId: number, payloads: Payload[] = []): Uint8Array[] {
  const before = end.sent.length;
  inject(seal(exchangeType.INFORMATIONAL, payloads, { messageId }));
  return end.sent.slice(before).map(({ octets }) => octets);
}

interface Bound {
  readonly end: End;
  seal: Puppet["seal"];
  inject: Puppet["inject"];
}

function bound(puppet: Puppet): Bound {
  return {
    end: puppet.end,
    seal: (...args) => puppet.seal(...args),
    inject: (octets) => puppet.inject(octets),
  };
}

describe("our requests", () => {
  test.each([
    [4, 4],
    [2, 2],
    [1, 1],
  ])("a peer that keeps %i responses gets %i requests at a time", (theirs, together) => {
    const options = { protect: manyLines, messages: messages(4) };
    const pair = ends({ network: () => [50] });
    pair.one.configure(facing(a, options));
    pair.two.configure(facing(b, { ...options, initiate: false, messages: messages(theirs) }));
    let most = 0;
    for (let time = 0; time < 3_000; time += 10) {
      pair.world.run(10);
      const asked = new Set(requestIds(pair.one));
      const answered = pair.two.sent
        .map(({ octets }) => decodeHeader(octets))
        .filter(({ flags }) => (flags & flag.response) !== 0);
      // What is on its way still counts as unanswered.
      const open = [...asked].filter((id) => !answered.some(({ messageId }) => messageId === id));
      most = Math.max(most, open.length);
    }
    expect(most).toBe(together);
    pair.world.run(10_000);
    expectRest(pair, 7);
  });

  test("the peer's window counts from the oldest that is unanswered, and each is repeated on its own schedule", () => {
    const { one, world } = ends({ network: () => [] });
    one.configure(facing(a, { protect: manyLines }));
    world.run(0);
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads, windowOf(3)]);
    expect(requestIds(one)).toEqual([1, 2, 3, 4]);
    const request = (id: number) =>
      one.sent.map(({ octets }) => octets).find((octets) => decodeHeader(octets).messageId === id && id > 1);
    const answer = (id: number) => {
      const octets = request(id);
      if (octets === undefined) throw new Error(`no request ${id}`);
      const nonce: Payload = { kind: "Nonce", data: Buffer.alloc(32, id) };
      puppet.answer(octets, [nonce, ...acceptChild(puppet.open(octets), 0xabcd_1000 + id)]);
    };
    // 3 and 4 are answered: 5 has to wait for 2 all the same.
    answer(3);
    answer(4);
    expect(requestIds(one)).toEqual([1, 2, 3, 4]);
    world.run(1_000);
    expect(requestIds(one)).toEqual([1, 2, 3, 4, 2]);
    answer(2);
    expect(requestIds(one)).toEqual([1, 2, 3, 4, 2, 5, 6, 7]);
    world.run(500);
    answer(5);
    expect(requestIds(one)).toEqual([1, 2, 3, 4, 2, 5, 6, 7]);
    world.run(500);
    expect(requestIds(one).slice(8)).toEqual([6, 7]);
    world.run(2_000);
    expect(requestIds(one).slice(10)).toEqual([6, 7]);
    expect(one.peer().children.filter(({ state }) => state === "up")).toHaveLength(5);
  });

  test("a window only grows, and what is no number of four octets is no window", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a, { protect: manyLines }));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads, notify(notifyType.SET_WINDOW_SIZE, Buffer.alloc(3, 9))]);
    expect(requestIds(one)).toEqual([1, 2]);
    puppet.nextMessageId = 0;
    puppet.request(exchangeType.INFORMATIONAL, [windowOf(2)]);
    expect(requestIds(one)).toEqual([1, 2, 3]);
    puppet.request(exchangeType.INFORMATIONAL, [windowOf(1)]);
    puppet.request(exchangeType.INFORMATIONAL, [windowOf(0)]);
    puppet.request(exchangeType.INFORMATIONAL, [windowOf(3)]);
    expect(requestIds(one)).toEqual([1, 2, 3, 4]);
    puppet.request(exchangeType.INFORMATIONAL, [windowOf(0xffff_ffff)]);
    expect(requestIds(one)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("sixteen at a time at most, however many responses the peer would keep", () => {
    const { one } = ends({ network: () => [] });
    const ports = Array.from({ length: 10 }, (_, n) => 5_000 + n);
    one.configure(facing(a, { protect: ports.map((port) => ({ kind: "vxlan", port }) as const) }));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads, windowOf(1_000)]);
    const answerAll = (from: number): void => {
      for (let next = from; next < one.sent.length; next += 1) {
        const { octets } = one.sent[next] ?? { octets: new Uint8Array(0) };
        const id = decodeHeader(octets).messageId;
        if (id < 2 || (decodeHeader(octets).flags & flag.response) !== 0) continue;
        const nonce: Payload = { kind: "Nonce", data: Buffer.alloc(32, id) };
        puppet.answer(octets, [nonce, ...acceptChild(puppet.open(octets), 0xabcd_1000 + id)]);
      }
    };
    answerAll(0);
    expect(one.peer().children.filter(({ state }) => state === "up")).toHaveLength(20);
    const before = one.sent.length;
    one.handle({ kind: "rekey", peer: "peer", what: "children" });
    expect(requestIds(one, before)).toHaveLength(16);
  });

  test("1,024 wait for their turn at most, whatever the peer has us ask", () => {
    const { one, world } = ends({ network: () => [] });
    one.configure(facing(a, { initiate: false, mobike: true, timing: { ...timing, liveness: 0 } }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    const support = notify(notifyType.MOBIKE_SUPPORTED);
    puppet.request(exchangeType.IKE_AUTH, [...puppet.authPayloads({ child: gre }), support]);
    const before = one.sent.length;
    // From each new address it is asked for a sign, which it does not give.
    for (let n = 0; n < 1_200; n += 1) {
      const update = puppet.seal(exchangeType.INFORMATIONAL, [notify(notifyType.UPDATE_SA_ADDRESSES)]);
      puppet.nextMessageId += 1;
      const remote = { address: `203.0.${113 + (n >> 8)}.${n & 255}`, port: 4500 };
      one.handle({ kind: "datagram", octets: update, path: { local: { address: a, port: 4500 }, remote } });
    }
    const isRequest = (octets: Uint8Array) => ((octets[19] ?? 0) & flag.response) === 0;
    let asked = 0;
    for (let next = before; next < one.sent.length; next += 1) {
      const octets = one.sent[next]?.octets;
      if (octets === undefined || !isRequest(octets)) continue;
      asked += 1;
      const signs = puppet.open(octets).filter((one) => one.kind === "N" && one.type === notifyType.COOKIE2);
      puppet.answer(octets, signs);
      world.run(0);
    }
    expect(asked).toBe(1_024 + 1);
    expect(one.peer().state).toBe("up");
  });

  test("the DELETE of the IKE SA waits until nothing else is unanswered", () => {
    const { one, world } = ends({ network: () => [] });
    one.configure(facing(a, { protect: manyLines }));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads, windowOf(8)]);
    expect(requestIds(one)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    one.handle({ kind: "down", peer: "peer" });
    expect(requestIds(one)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const open = one.sent.map(({ octets }) => octets).filter((octets) => decodeHeader(octets).messageId > 1);
    for (const octets of open) puppet.answer(octets, [notify(notifyType.TEMPORARY_FAILURE)]);
    expect(requestIds(one)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(puppet.open(one.sent.at(-1)?.octets ?? new Uint8Array(0))).toMatchObject([{ kind: "D", protocolId: 1 }]);
    world.run(60_000);
    expect(one.peer().ikeSas).toEqual([]);
  });
});

describe("the peer's requests", () => {
  test("any order within the window, each answered once and again for its repeats; none beyond it", () => {
    const puppet = bound(caller(4));
    expect(answers(puppet, 6)).toHaveLength(0);
    const [five] = answers(puppet, 5);
    const [three] = answers(puppet, 3);
    expect(decodeHeader(five ?? new Uint8Array(0)).messageId).toBe(5);
    // 2 is missing: nothing beyond 5.
    expect(answers(puppet, 6)).toHaveLength(0);
    expect(answers(puppet, 4)).toHaveLength(1);
    const request = puppet.seal(exchangeType.INFORMATIONAL, [], { messageId: 2 });
    const before = puppet.end.sent.length;
    for (let n = 0; n < 3; n += 1) puppet.inject(request);
    const two = puppet.end.sent.slice(before).map(({ octets }) => octets);
    expect(two).toHaveLength(3);
    expect(two[1]).toEqual(two[0]);
    expect(two[2]).toEqual(two[0]);
    expect(three).toBeDefined();
    // Four are kept, 3 to 6 once 6 has come.
    expect(answers(puppet, 6)).toHaveLength(1);
    const since = puppet.end.sent.length;
    puppet.inject(request);
    expect(puppet.end.sent).toHaveLength(since);
    expect(answers(puppet, 2)).toHaveLength(0);
    expect(answers(puppet, 1)).toHaveLength(0);
    expect(answers(puppet, 0)).toHaveLength(0);
    expect(answers(puppet, 11)).toHaveLength(0);
    expect(answers(puppet, 10)).toHaveLength(1);
  });

  test("with a window of one they come one by one", () => {
    const puppet = bound(caller(1));
    expect(answers(puppet, 3)).toHaveLength(0);
    expect(answers(puppet, 2)).toHaveLength(1);
    expect(answers(puppet, 2)).toHaveLength(0);
    expect(answers(puppet, 3)).toHaveLength(1);
  });

  test("until IKE_AUTH is over the window is one, whatever is announced", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a, { initiate: false }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    expect(answers(bound(puppet), 2)).toHaveLength(0);
    puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child: gre }));
    expect(one.peer().state).toBe("up");
    expect(answers(bound(puppet), 2)).toHaveLength(1);
  });

  test("while the kernel is slow they wait, and are answered in the order in which they came", () => {
    const options: EndOptions = {};
    const { one, world } = ends({ one: options, network: () => [] });
    one.configure(facing(a, { initiate: false }));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    puppet.request(exchangeType.IKE_AUTH, puppet.authPayloads({ child: gre }));
    options.kernelDelay = 100;
    const before = one.sent.length;
    const child = (id: number): Payload[] => [
      ...puppet.childPayloads(gre, 0xabcd_2000 + id),
      { kind: "Nonce", data: Buffer.alloc(32, id) },
    ];
    for (const id of [3, 2, 4])
      puppet.inject(
        id === 4
          ? puppet.seal(exchangeType.INFORMATIONAL, [], { messageId: id })
          : puppet.seal(exchangeType.CREATE_CHILD_SA, child(id), { messageId: id }),
      );
    const repeat = puppet.seal(exchangeType.CREATE_CHILD_SA, child(2), { messageId: 2 });
    puppet.inject(repeat);
    expect(one.sent.length).toBe(before);
    world.run(5_000);
    expect(one.sent.slice(before).map(({ octets }) => decodeHeader(octets).messageId)).toEqual([3, 2, 4]);
    expect(one.peer().children[0]?.sas).toHaveLength(3);
  });

  test("an end that loses a third of all datagrams keeps what was negotiated together", () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      let count = seed;
      const network = () => {
        count = (count * 1103515245 + 12345) % 2147483648;
        const delay = 10 + (count % 400);
        return count % 100 < 33 ? [] : count % 100 > 80 ? [delay, delay + 150] : [delay];
      };
      const pair = connected({ protect: manyLines }, { network, seed }, 200_000);
      pair.world.network = () => [10];
      pair.world.run(120_000);
      expectRest(pair, 7);
      expect(reasons(pair.one)).not.toContain("invalid-syntax");
    }
  });
});
