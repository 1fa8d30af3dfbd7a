import fc from "fast-check";
import { expect, test } from "vitest";
import { type Transform, transforms } from "../../../src/crypto/transforms.ts";
import { chooseProposal, offerProposals, verifyAnswer } from "../../../src/negotiate/proposals.ts";
import type { ProposalProtocol } from "../../../src/negotiate/suite.ts";
import type { Proposal } from "../../../src/wire/ikev2/payloads/sa.ts";

const anyRow = fc.constantFrom(...transforms);
const anyDesired = fc.record({ transforms: fc.uniqueArray(anyRow, { minLength: 1, maxLength: 24 }) });
const anyList = fc.array(anyDesired, { minLength: 1, maxLength: 4 });
const anyProtocol = fc.constantFrom<ProposalProtocol>("ike", "esp", "ah");
const spiOf = (protocol: ProposalProtocol, octet: number) => new Uint8Array(protocol === "ike" ? 8 : 4).fill(octet);

const anyWire = fc.record({
  number: fc.integer({ min: 1, max: 3 }),
  protocolId: fc.constantFrom(1, 2, 3),
  spi: fc.constant(new Uint8Array(4)),
  transforms: fc.array(
    fc.record(
      {
        type: fc.integer({ min: 1, max: 6 }),
        id: fc.integer({ min: 0, max: 40 }),
        keyLength: fc.constantFrom(0, 128, 192, 256),
        attributes: fc.constant([{ type: 15, value: 1 }]),
      },
      { requiredKeys: ["type", "id"] },
    ),
    { minLength: 1, maxLength: 30 },
  ),
});

const has = (list: readonly { readonly transforms: readonly Transform[] }[], row: Transform | undefined) =>
  row === undefined || list.some((desired) => desired.transforms.includes(row));

test("what is chosen is in both lists, and the initiator takes what the responder chose", () => {
  let agreed = 0;
  fc.assert(
    fc.property(
      anyProtocol,
      anyList,
      anyList,
      fc.boolean(),
      fc.integer({ max: 40 }),
      (protocol, a, b, withKe, group) => {
        const sent = offerProposals({ protocol, ours: a, withKe }, spiOf(protocol, 1));
        const policy = { protocol, ours: b, withKe };
        const choice = chooseProposal(policy, sent, { spi: spiOf(protocol, 2), keReceived: group });
        if (!choice.ok) return;
        agreed += 1;
        for (const row of Object.values(choice.suite) as (Transform | undefined)[]) {
          const defaultEsn = row?.type === "ESN" && row.keyword === "noesn";
          expect(defaultEsn || (has(a, row) && has(b, row))).toBe(true);
        }
        const verdict = verifyAnswer(protocol, sent, [choice.answer]);
        expect(verdict).toEqual({ ok: true, suite: choice.suite, number: choice.number, peerSpi: spiOf(protocol, 2) });
      },
    ),
    { numRuns: 2000 },
  );
  expect(agreed).toBeGreaterThan(100);
});

test("both ends of one configuration always agree, on the first proposal", () => {
  let offered = 0;
  fc.assert(
    fc.property(anyProtocol, anyList, fc.boolean(), (protocol, ours, withKe) => {
      const policy = { protocol, ours, withKe };
      const sent = offerProposals(policy, spiOf(protocol, 1));
      if (sent.length === 0) return;
      offered += 1;
      expect(chooseProposal(policy, sent)).toMatchObject({ ok: true, number: 1 });
    }),
  );
  expect(offered).toBeGreaterThan(20);
});

test("whatever comes, there is a choice among it or a reason with a difference, and never an exception", () => {
  const answers = fc.array(anyWire, { maxLength: 5 });
  fc.assert(
    fc.property(anyProtocol, anyList, fc.boolean(), answers, (protocol, ours, withKe, theirs: Proposal[]) => {
      const policy = { protocol, ours, withKe };
      const choice = chooseProposal(policy, theirs);
      if (choice.ok) {
        const source = theirs.find(({ number }) => number === choice.number);
        expect(source?.protocolId).toBe({ ike: 1, ah: 2, esp: 3 }[protocol]);
        const types = choice.answer.transforms.map(({ type }) => type);
        expect(new Set(types).size).toBe(types.length);
        for (const transform of choice.answer.transforms) {
          expect(theirs.some((proposal) => proposal.transforms.some((other) => same(other, transform)))).toBe(true);
        }
      } else if (choice.reason.code === "no-common-proposal" && choice.reason.ours.length > 0 && theirs.length > 0) {
        expect(choice.reason.difference).toBeDefined();
      }
      const sent = offerProposals(policy, spiOf(protocol, 1));
      const verdict = verifyAnswer(protocol, sent, theirs);
      if (verdict.ok) expect(theirs).toHaveLength(1);
    }),
    { numRuns: 1000 },
  );
});

function same(a: Proposal["transforms"][number], b: Proposal["transforms"][number]): boolean {
  return a.type === b.type && a.id === b.id && a.keyLength === b.keyLength && a.attributes === undefined;
}
