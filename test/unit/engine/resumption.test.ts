// Session resumption (RFC 5723): tickets, and IKE SAs that are opened again with them.
import { describe, expect, test, vi } from "vitest";
import { parseProposal } from "../../../src/crypto/keywords.ts";
import { find, findNotify } from "../../../src/ikev2/payloads.ts";
import { Tickets, ticketLife } from "../../../src/ikev2/resumption/tickets.ts";
import { suiteOf } from "../../../src/negotiate/suite.ts";
import { decodeHeader } from "../../../src/wire/ikev2/header.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { seeded } from "../../fuzz/mutate.ts";
import type { PeerOptions } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, type Pair, reasons } from "./pair.ts";
import { carry, type End } from "./world.ts";

const hour = 3_600_000;
const { IKE_SA_INIT, IKE_SESSION_RESUME } = exchangeType;

/** The exchanges with which an end opened IKE SAs, repeats left out. */
function openings(end: End, from: number): number[] {
  const spis = new Map<string, number>();
  for (const { octets } of end.sent.slice(from)) {
    const { initiatorSpi, responderSpi, exchangeType: type, flags } = decodeHeader(octets);
    if (responderSpi === 0n && (flags & 0x20) === 0) spis.set(`${initiatorSpi} ${type}`, type);
  }
  return [...spis.values()];
}

function pairOf(one: PeerOptions = {}, two: PeerOptions = {}): Pair {
  const pair = ends();
  pair.one.configure(facing(a, { resumption: true, ...one }));
  pair.two.configure(facing(b, { resumption: true, initiate: false, ...two }));
  pair.world.run(5_000);
  expectRest(pair);
  return pair;
}

/** The line is down until both ends have given up; then it is up again. How `one` opened IKE SAs meanwhile. */
function outage(pair: Pair, meanwhile: () => void = () => {}): number[] {
  const before = pair.one.sent.length;
  pair.world.network = () => [];
  pair.world.run(150_000);
  meanwhile();
  pair.world.network = () => [10];
  pair.world.run(120_000);
  return openings(pair.one, before);
}

describe("an IKE SA that was lost because the line was down", () => {
  test("is opened again by ticket: no key exchange, the same identities, a new Child SA that carries", () => {
    const pair = pairOf();
    const from = pair.one.sent.length;
    const used = outage(pair);
    expect(used.length).toBeGreaterThan(0);
    // The first calls went unanswered, and their ticket had not served.
    expect([...new Set(used)]).toEqual([IKE_SESSION_RESUME]);
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    const clear = [...pair.one.sent.slice(from), ...pair.two.sent]
      .map(({ octets }) => decodeMessage(octets))
      .filter(({ header }) => header.exchangeType === IKE_SESSION_RESUME);
    expect(clear.length).toBeGreaterThanOrEqual(2);
    for (const { payloads } of clear) {
      expect(find(payloads, "KE")).toBeUndefined();
      expect(find(payloads, "SA")).toBeUndefined();
      expect(find(payloads, "Nonce")?.data.length).toBeGreaterThanOrEqual(16);
    }
    expect(reasons(pair.one)).not.toContain("wrong-secret");
  });

  test("and a second time, with the ticket that the first brought", () => {
    const pair = pairOf();
    outage(pair);
    expectRest(pair);
    expect([...new Set(outage(pair))]).toEqual([IKE_SESSION_RESUME]);
    expectRest(pair);
  });

  test.each([
    [
      "the gateway restarted",
      (pair: Pair) => {
        pair.two.crash();
        pair.two.configure(facing(b, { resumption: true, initiate: false }));
      },
    ],
    [
      "the gateway grants no tickets any more",
      (pair: Pair) => {
        pair.two.configure(facing(b, { resumption: false, initiate: false }));
      },
    ],
  ])("where %s, it is refused, and opened the whole way at once", (_, meanwhile) => {
    const pair = pairOf();
    const used = outage(pair, () => meanwhile(pair));
    expect(used.at(-1)).toBe(IKE_SA_INIT);
    expect(used).toContain(IKE_SESSION_RESUME);
    expectRest(pair);
    const nack = pair.two.sent.filter(
      ({ octets }) =>
        octets[18] === IKE_SESSION_RESUME &&
        findNotify(decodeMessage(octets).payloads, notifyType.TICKET_NACK) !== undefined,
    );
    expect(nack.length).toBeGreaterThan(0);
  });

  test("a ticket does not outlive the secret that it rests on", () => {
    const pair = pairOf();
    const used = outage(pair, () =>
      pair.two.configure(facing(b, { resumption: true, initiate: false, psk: "another secret, by now" })),
    );
    expect(used).toContain(IKE_SA_INIT);
    expect(pair.one.peer().state).toBe("connecting");
    expect(reasons(pair.two)).toContain("wrong-secret");
  });

  test("a ticket that has served opens nothing: the gateway refuses it, and is called the whole way", () => {
    const pair = pairOf();
    const served = vi.spyOn(Tickets.prototype, "use").mockReturnValue(false);
    const used = outage(pair);
    served.mockRestore();
    expect(used).toContain(IKE_SESSION_RESUME);
    expect(used.at(-1)).toBe(IKE_SA_INIT);
    expect(reasons(pair.two)).toContain("protocol-violation");
    expectRest(pair);
  });

  test("a gateway that takes nobody without a Child SA takes nobody with a ticket so either", () => {
    let stripped: "not yet" | "next" | "once" = "not yet";
    const pair = ends({
      one: {
        rewrite: (type, isResponse, payloads) => {
          if (stripped !== "next" || type !== exchangeType.IKE_AUTH || isResponse) return payloads;
          stripped = "once";
          return payloads.filter(({ kind }) => kind !== "SA" && kind !== "TSi" && kind !== "TSr");
        },
      },
    });
    pair.one.configure(facing(a, { resumption: true }));
    pair.two.configure(facing(b, { resumption: true, initiate: false, childless: "never" }));
    pair.world.run(5_000);
    const [first] = outage(pair, () => {
      stripped = "next";
    });
    expect([first, stripped]).toEqual([IKE_SESSION_RESUME, "once"]);
    expect(reasons(pair.two)).toContain("childless-refused");
    expectRest(pair);
  });

  test("after an hour it is not presented any more", () => {
    const pair = pairOf();
    pair.world.run(hour);
    expect([...new Set(outage(pair))]).toEqual([IKE_SA_INIT]);
    expectRest(pair);
  });
});

describe("no ticket", () => {
  test.each([
    ["the caller does not ask for one", { resumption: false }, {}],
    ["the gateway grants none", {}, { resumption: false }],
    ["proofs have to be repeated", {}, { reauth: 3_600_000 }],
  ] as const)("where %s", (_, one, two) => {
    const pair = pairOf(one, two);
    expect([...new Set(outage(pair))]).toEqual([IKE_SA_INIT]);
    expectRest(pair);
  });

  test("of an IKE SA that was deleted", () => {
    const pair = pairOf();
    const before = pair.one.sent.length;
    pair.two.handle({ kind: "down", peer: "peer" });
    pair.world.run(2_000);
    pair.two.handle({ kind: "up", peer: "peer" });
    pair.world.run(30_000);
    expect([...new Set(openings(pair.one, before))]).toEqual([IKE_SA_INIT]);
  });
});

test("loss, repeats and reordering: it is resumed, or opened the whole way, in the end", () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const pair = pairOf();
    const random = seeded(seed);
    pair.world.network = () => [];
    pair.world.run(150_000);
    pair.world.network = () => {
      const delay = 10 + (random() % 300);
      return random() % 100 < 25 ? [] : random() % 100 > 80 ? [delay, delay + 200] : [delay];
    };
    pair.world.run(200_000);
    pair.world.network = () => [10];
    pair.world.run(120_000);
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
  }
});

describe("tickets", () => {
  const suite = suiteOf(
    "ike",
    Object.fromEntries(parseProposal("aes256gcm16-prfsha384-x25519", "ike").map((row) => [row.type, row])),
  );
  if (suite === undefined) throw new Error("no suite");
  const content = {
    peer: "site-b",
    fingerprint: Buffer.alloc(32, 1),
    suite,
    skD: Buffer.alloc(48, 2),
    idType: 2,
    id: Buffer.from("gw-b"),
  };
  const make = (seed = 1) => {
    const random = seeded(seed);
    return new Tickets((length) => Uint8Array.from({ length }, () => random() & 0xff));
  };

  test("say what was sealed, to who sealed them, for an hour", () => {
    const tickets = make();
    const ticket = tickets.seal(content, 1_000);
    expect(tickets.open(ticket, 2_000)).toEqual(content);
    expect(Buffer.from(ticket).includes(content.skD.subarray(0, 16))).toBe(false);
    expect(tickets.open(ticket, 1_000 + ticketLife)).toBeUndefined();
    expect(make(2).open(ticket, 2_000)).toBeUndefined();
    for (let at = 0; at < ticket.length; at += 1) {
      const forged = Buffer.from(ticket);
      forged[at] = (forged[at] ?? 0) ^ 1;
      expect(tickets.open(forged, 2_000)).toBeUndefined();
      expect(tickets.open(ticket.subarray(0, at), 2_000)).toBeUndefined();
    }
  });

  test("serve once", () => {
    const tickets = make();
    const [one, two] = [tickets.seal(content, 0), tickets.seal(content, 0)];
    expect(Buffer.compare(one, two)).not.toBe(0);
    expect([tickets.use(one, 1), tickets.use(one, 2), tickets.use(two, 3)]).toEqual([true, false, true]);
    expect(tickets.open(one, 4)).toBeUndefined();
  });

  test("are sealed under a new key each day, and the old one opens them for an hour more", () => {
    const tickets = make();
    const day = 24 * hour;
    const first = tickets.seal(content, 0);
    const last = tickets.seal(content, day - 1);
    const next = tickets.seal(content, day);
    expect(first.subarray(0, 4)).toEqual(last.subarray(0, 4));
    expect(next.subarray(0, 4)).not.toEqual(last.subarray(0, 4));
    expect(tickets.open(last, day + hour / 2)).toEqual(content);
    expect(tickets.open(next, day + hour / 2)).toEqual(content);
  });
});
