// Dead peer detection (RFC 3706) with a peer that answers under the message ID of the question, as if both were one exchange.
import { describe, expect, test } from "vitest";
import { encodePayloads } from "../../../src/wire/ikev1/message.ts";
import type { NPayload } from "../../../src/wire/ikev1/payloads/notification.ts";
import { exchangeType } from "../../../src/wire/ikev1/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev1/registry/notify.ts";
import { type PeerOptions, timing } from "./desired.ts";
import { Ikev1Puppet, puppetEsp, puppetIke } from "./ikev1-puppet.ts";
import { a, b, ends, facing, reasons } from "./pair.ts";
import type { End, World } from "./world.ts";

const options: PeerOptions = {
  ikev1: "main",
  ike: [puppetIke],
  esp: [puppetEsp],
  timing: { ...timing, liveness: 30_000 },
};

interface Question {
  readonly octets: Buffer;
  readonly messageId: number;
  readonly notify: NPayload;
}

type Answer = (puppet: Ikev1Puppet, question: Question) => void;

/** Ten minutes with a peer that answers every question so. */
function tenMinutes(answer: Answer): { readonly world: World; readonly end: End; readonly questions: number } {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, options));
  const puppet = new Ikev1Puppet(one, b, "responder");
  puppet.answerSa();
  puppet.answerKey();
  puppet.answerIdentity();
  puppet.answerQuickMode(0xabcd0001);
  expect(one.peer().state).toBe("up");
  let questions = 0;
  let heard = one.sent.length;
  for (let tick = 0; tick < 1_200 && one.peer().ikeSas.length > 0; tick += 1) {
    world.run(500);
    const fresh = one.sent.slice(heard);
    heard = one.sent.length;
    for (const { octets } of fresh) {
      const message = Buffer.from(octets);
      if (message[18] !== exchangeType.INFORMATIONAL) continue;
      const messageId = message.readUInt32BE(20);
      const notify = puppet.open(message).payloads.find((payload) => payload.isakmp === "N");
      if (notify?.type !== notifyType.R_U_THERE) continue;
      questions += 1;
      answer(puppet, { octets: message, messageId, notify });
    }
    heard = one.sent.length;
  }
  return { world, end: one, questions };
}

function acknowledges(puppet: Ikev1Puppet, { messageId, notify }: Question, data = notify.data): Buffer {
  const payloads = [puppet.notifyOf(notifyType.R_U_THERE_ACK, data)];
  return puppet.sealHashed(exchangeType.INFORMATIONAL, messageId, encodePayloads(payloads));
}

describe("a peer that answers", () => {
  test.each<[string, Answer]>([
    [
      "in an exchange of its own",
      (puppet, { notify }) => puppet.inform([puppet.notifyOf(notifyType.R_U_THERE_ACK, notify.data)]),
    ],
    ["under our message ID, with the next IV", (puppet, question) => puppet.inject(acknowledges(puppet, question))],
    [
      "under our message ID, with a fresh IV",
      (puppet, question) => {
        puppet.restart(question.messageId);
        puppet.inject(acknowledges(puppet, question));
      },
    ],
  ])("%s: lives, and every question is asked once", (_, answer) => {
    const { end, questions } = tenMinutes(answer);
    expect(end.peer().state).toBe("up");
    expect(reasons(end)).toEqual([]);
    expect(questions).toBeGreaterThanOrEqual(15);
    expect(questions).toBeLessThanOrEqual(20);
  });

  test("with something else that is under its HASH: lives too (RFC 3706 5.4)", () => {
    const { end } = tenMinutes((puppet) =>
      puppet.inform([puppet.notifyOf(notifyType.R_U_THERE, Uint8Array.of(0, 0, 0, 1))]),
    );
    expect(end.peer().state).toBe("up");
    expect(reasons(end)).toEqual([]);
  });

  test.each<[string, Answer]>([
    ["our own question, thrown back", (puppet, { octets }) => puppet.inject(octets)],
    [
      "the answer to another question",
      (puppet, question) => puppet.inject(acknowledges(puppet, question, Uint8Array.of(1, 2, 3, 4))),
    ],
    [
      "without its HASH",
      (puppet, { messageId, notify }) => {
        const payloads = [puppet.notifyOf(notifyType.R_U_THERE_ACK, notify.data)];
        puppet.inject(puppet.seal(exchangeType.INFORMATIONAL, messageId, encodePayloads(payloads)));
      },
    ],
    [
      "in another exchange",
      (puppet, { messageId, notify }) => {
        const payloads = [puppet.notifyOf(notifyType.R_U_THERE_ACK, notify.data)];
        puppet.inject(puppet.sealHashed(exchangeType.QUICK_MODE, messageId, encodePayloads(payloads)));
      },
    ],
    [
      "a question under our message ID",
      (puppet, { messageId, notify }) => {
        const payloads = [puppet.notifyOf(notifyType.R_U_THERE, notify.data)];
        puppet.inject(puppet.sealHashed(exchangeType.INFORMATIONAL, messageId, encodePayloads(payloads)));
      },
    ],
  ])("%s: is no sign of life", (_, answer) => {
    const { end } = tenMinutes(answer);
    expect(end.peer().ikeSas).toEqual([]);
    expect(reasons(end)).toContain("no-answer");
  });
});
