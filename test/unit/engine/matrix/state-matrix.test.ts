// Every message in every state: the class of fault where a message that comes at the wrong time, or is not authentic, moves
// something. Exchanges, states, payload kinds and notifies are the registries' own, so that a new one is tried by itself.
import { describe, expect, test } from "vitest";
import { exchanges } from "../../../../src/ikev2/exchanges/table.ts";
import { exchangeType, payloadType } from "../../../../src/wire/ikev2/registry/message.ts";
import { nameOf } from "../../../../src/wire/ikev2/registry/names.ts";
import { peer } from "../desired.ts";
import { a, b } from "../pair.ts";
import type { Puppet } from "../puppet.ts";
import { type Content, harmful, others } from "./contents.ts";
import { type Reached, type Said, type Situation, situations } from "./situations.ts";

/** What makes a message believed, or not. */
const guises = ["authentic", "with a wrong ICV", "in clear", "of another IKE SA"] as const;
type Guise = (typeof guises)[number];

/** Every exchange that has a name, and numbers that have none. */
const exchangeNumbers: readonly number[] = [0, 33, ...Object.values(exchangeType), 45, 240, 255];

interface Form {
  readonly exchange: number;
  readonly response: boolean;
  readonly guise: Guise;
}

test("the table admits just what the whitelist does", () => {
  const admitted = new Set<string>();
  for (const [number, { requestIn, responseIn }] of exchanges) {
    for (const state of requestIn) admitted.add(`${state}: ${nameOf.exchange(number)} request`);
    for (const state of responseIn) admitted.add(`${state}: ${nameOf.exchange(number)} response`);
  }
  const listed = new Set(situations.flatMap(({ state, whitelist }) => whitelist.map((said) => `${state}: ${said}`)));
  // No situation has something of ours under way there that such a response could belong to.
  listed.add("ExpectDeleteResponse: CREATE_CHILD_SA response");
  for (const exchange of ["CREATE_CHILD_SA", "INFORMATIONAL"]) listed.add(`Rekeyed: ${exchange} response`);
  expect([...admitted].sort()).toEqual([...listed].sort());
});

describe.each(situations)("in $name", (situation) => {
  const { whitelist } = situation;

  test(`only ${whitelist.length === 0 ? "nothing" : whitelist.join(", ")} changes anything`, {
    timeout: 120_000,
  }, () => {
    const changing = new Set<string>();
    const undisturbed = aftermath(situation, situation.reach());
    const rest = others();
    for (const exchange of exchangeNumbers) {
      let reached = situation.reach();
      let before = snapshot(reached.one);
      let tried = 0;
      for (const form of forms(exchange)) {
        const said = `${nameOf.exchange(exchange)} ${form.response ? "response" : "request"}`;
        const listed = whitelist.includes(said as Said) && (form.guise === "authentic" || isClear(exchange));
        for (const { content, messageId } of messagesOf(reached.one, form, rest)) {
          const octets = octetsOf(situation, reached.one, form, content, messageId);
          if (octets === undefined) continue;
          tried += 1;
          const heard = listed && isDue(reached.one, form, messageId);
          inject(reached.one, octets, heard ? 500 : elsewhere);
          const changed = snapshot(reached.one) !== before;
          if (changed) changing.add(heard ? said : `${said} ${form.guise}: ${content.name}, message ID ${messageId}`);
          // What was heard may have changed what does not show.
          if (!changed && !heard) continue;
          reached = situation.reach();
          before = snapshot(reached.one);
        }
      }
      expect(tried).toBeGreaterThanOrEqual(50);
      // Timers, message IDs, windows and keys show in what follows.
      expect(aftermath(situation, reached), nameOf.exchange(exchange)).toBe(undisturbed);
    }
    expect([...changing].sort()).toEqual([...whitelist].sort());
  });
});

function* forms(exchange: number): Generator<Form> {
  for (const response of [false, true]) for (const guise of guises) yield { exchange, response, guise };
}

/** A port of the puppet's that the engine never heard of: what is not to be heard must not move the path either. */
const elsewhere = 4_567;

function inject({ end, address }: Puppet, octets: Uint8Array, port: number): void {
  const path = { local: { address: end.address, port: 500 }, remote: { address, port } };
  end.handle({ kind: "datagram", octets, path });
}

/** IKE_SA_INIT, and what stands in its place, are in clear by themselves. */
function isClear(exchange: number): boolean {
  return exchange === exchangeType.IKE_SA_INIT || exchange === exchangeType.IKE_SESSION_RESUME;
}

/** All that can be said with the message ID whose turn it is; the worst of it with others too. */
function* messagesOf(
  one: Puppet,
  { exchange, response }: Form,
  rest: readonly Content[],
): Generator<{ readonly content: Content; readonly messageId: number }> {
  const expected = response ? outstandingId(one) : one.nextMessageId;
  const worst = harmful(one);
  const known = exchanges.has(exchange);
  for (const content of known ? [...worst, ...rest] : worst) yield { content, messageId: expected };
  for (const messageId of new Set([0, 1, 2, expected + 1, expected + 7, 0xffff_ffff])) {
    if (messageId !== expected) for (const content of worst) yield { content, messageId };
  }
}

/** Whether it is that message's turn: the response to what is out, or a request within the window. */
function isDue(one: Puppet, { response }: Form, messageId: number): boolean {
  if (response) return messageId === outstandingId(one);
  return messageId >= one.nextMessageId && messageId < one.nextMessageId + peer(a, b).messages.window;
}

/** The message ID of the engine's latest request. */
function outstandingId({ end }: Puppet): number {
  const requests = end.sent.filter(({ octets }) => ((octets[19] ?? 0) & 0x20) === 0);
  return Buffer.from(requests.at(-1)?.octets ?? Buffer.alloc(28)).readUInt32BE(20);
}

/** The datagram; undefined where the puppet cannot make it. */
function octetsOf(
  { keyed }: Situation,
  one: Puppet,
  { exchange, response, guise }: Form,
  content: Content,
  messageId: number,
): Buffer | undefined {
  if (guise === "in clear") return clearOctets(one, exchange, response, content, messageId);
  if (!keyed) return undefined;
  const octets = one.sealOctets(exchange, content.firstType, content.octets, { response, messageId });
  if (guise === "with a wrong ICV") octets[octets.length - 1] = (octets.at(-1) ?? 0) ^ 1;
  // The engine's own SPI is another's by one bit.
  if (guise === "of another IKE SA")
    octets[one.role === "initiator" ? 15 : 7] = (octets[one.role === "initiator" ? 15 : 7] ?? 0) ^ 1;
  return octets;
}

function clearOctets(one: Puppet, exchange: number, response: boolean, content: Content, messageId: number): Buffer {
  const octets = Buffer.concat([one.clear(response, []), content.octets]);
  octets[16] = content.firstType;
  octets[18] = exchange;
  octets.writeUInt32BE(messageId, 20);
  octets.writeUInt32BE(octets.length, 24);
  // The SA of the engine is named, as far as its SPI is known.
  if (one.role === "responder" && one.theirSpi === 0n && one.end.sent.length > 0)
    Buffer.from(one.received()).copy(octets, 0, 0, 8);
  return octets;
}

/** Everything that shows at once: state, path, SAs, policies, the next timer, what was sent and told. */
function snapshot({ end }: Puppet): string {
  return JSON.stringify([
    end.engine.status(),
    end.engine.nextDeadline(),
    end.kernel.journal.length,
    end.sent.filter(({ octets }) => !saysUnknown(octets)).length,
    end.log.filter(({ event }) => event !== "message-dropped").length,
  ]);
}

/** INVALID_IKE_SPI in clear: what names no IKE SA is told so, which is no word of any (RFC 7296 2.21.4). */
function saysUnknown(octets: Uint8Array): boolean {
  return octets[16] === payloadType.N && octets[18] !== exchangeType.IKE_SA_INIT;
}

/** What the engine does from there on, for two minutes, told without keys, SPIs and nonces. */
function aftermath(situation: Situation, reached: Reached): string {
  const { world, one } = reached;
  const { end } = one;
  const [sent, journal, log] = [end.sent.length, end.kernel.journal.length, end.log.length];
  const from = world.now;
  const states: string[] = [];
  // Late, so that its own time does not hide what a message may have done to the timers; but a DELETE waits for 3 s alone.
  const isShort = situation.state === "ExpectDeleteResponse" || situation.state === "Rekeyed";
  const goOnAt = from + (isShort ? 0 : 25_000);
  while (world.now < from + 120_000) {
    if (world.now === goOnAt) situation.goOn(reached);
    world.run(500);
    states.push(
      `${end.peer().state} ${end.peer().ikeSas.length} ${end.engine.nextDeadline()} ${end.sent.length - sent}`,
    );
  }
  return JSON.stringify({
    states,
    sent: end.sent
      .slice(sent)
      .map(({ octets, path }) => [path, Buffer.from(octets.subarray(17)).toString("hex", 0, 7), octets.length]),
    journal: end.kernel.journal.slice(journal).map(({ kind }) => kind),
    log: end.log
      .slice(log)
      .flatMap(({ event, reason }) => (event === "message-dropped" ? [] : [[event, reason?.code]])),
  });
}
