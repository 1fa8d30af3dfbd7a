import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { findTransform, transforms as table } from "../../../src/crypto/transforms.ts";
import { formatWireProposal } from "../../../src/negotiate/proposal-text.ts";
import { chooseProposal, type ProposalPolicy, verifyAnswer } from "../../../src/negotiate/proposals.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Proposal } from "../../../src/wire/ikev2/payloads/sa.ts";
import { messages } from "../wire/ikev2/recorded.ts";
import { policy, rows } from "./desired-proposals.ts";

interface Exchange {
  readonly id: string;
  readonly request: string;
  readonly response?: string;
}

const file = new URL("../../../vectors/sources/ikev2-proposals/sa-init-exchanges.json", import.meta.url);
const exchanges: readonly Exchange[] = JSON.parse(readFileSync(file, "utf8")).exchanges;

function proposalsOf(octets: Buffer): readonly Proposal[] | undefined {
  return decodeMessage(octets).payloads.find((payload) => payload.kind === "SA")?.proposals;
}

const requestOf = (id: string) => {
  const exchange = exchanges.find((candidate) => candidate.id === id);
  return proposalsOf(Buffer.from(exchange?.request ?? "", "hex")) ?? [];
};

/** Every recorded offer with the answer that a real responder gave to it. */
const pairs = [...exchanges.map(fromCapture), ...fromMessages()].filter(({ answer }) => answer !== undefined);

function fromCapture({ id, request, response }: Exchange) {
  const answer = response === undefined ? undefined : proposalsOf(Buffer.from(response, "hex"));
  return { id, offer: requestOf(id), answer, request: Buffer.from(request, "hex") };
}

function fromMessages() {
  // Openswan's unit tests give unrelated messages the same fixed SPI, so that answers cannot be told by it.
  const ofExchanges = messages.filter(({ id }) => !id.startsWith("openswan-unit"));
  const inits = ofExchanges.filter(({ octets }) => octets.length > 28 && octets[18] === 34 && octets[17] === 0x20);
  return inits
    .filter(({ octets }) => octets[19] === 8)
    .flatMap(({ id, octets }) => {
      const answers = inits.filter(
        (other) => other.octets[19] === 0x20 && other.octets.compare(octets, 0, 8, 0, 8) === 0,
      );
      const first = answers.map((other) => decoded(other.octets)).find((answer) => answer !== undefined);
      const offer = decoded(octets);
      return offer === undefined ? [] : [{ id, offer, answer: first, request: octets }];
    });
}

function decoded(octets: Buffer): readonly Proposal[] | undefined {
  try {
    return proposalsOf(octets);
  } catch {
    return undefined;
  }
}

/** Every row that IKE can use: what a responder that takes anything would be configured with. */
const everything: ProposalPolicy<"ike"> = { protocol: "ike", ours: [{ transforms: table }], withKe: true };

describe("real exchanges", () => {
  test("there are enough of them", () => {
    expect(pairs.length).toBeGreaterThanOrEqual(14);
  });

  test.each(pairs)("$id: the real answer is a choice among the real offer", ({ offer, answer = [] }) => {
    const verdict = verifyAnswer("ike", offer, answer);
    expect(verdict.ok).toBe(true);
  });

  test.each(pairs)(
    "$id: configured with what the real responder chose, we choose the same",
    ({ offer, answer = [] }) => {
      const transforms = answer.flatMap((proposal) =>
        proposal.transforms.flatMap(({ type, id, keyLength }) => {
          const name = ([undefined, "ENCR", "PRF", "INTEG", "KE"] as const)[type];
          return (name && findTransform(name, id, keyLength)) ?? [];
        }),
      );
      const choice = chooseProposal({ protocol: "ike", ours: [{ transforms }], withKe: true }, offer);
      expect(choice.ok && choice.answer.number).toBe(answer[0]?.number);
      const sorted = (list: Proposal["transforms"] = []) => [...list].sort((a, b) => a.type - b.type);
      expect(choice.ok && choice.answer.transforms).toEqual(sorted(answer[0]?.transforms));
    },
  );

  test.each(exchanges)("$id: there is something in the offer that a responder of every algorithm takes", ({ id }) => {
    expect(chooseProposal(everything, requestOf(id)).ok).toBe(true);
  });
});

describe("single offers", () => {
  test("Cisco: one suite, taken or refused for its group", () => {
    const offer = requestOf("ah.pcapng#1");
    expect(offer.map(formatWireProposal)).toEqual(["aes256-sha384-ecp384"]);
    expect(chooseProposal(policy("ike", ["aes256-sha384-ecp384-ecp256"]), offer).ok).toBe(true);
    const refused = chooseProposal(policy("ike", ["aes256-sha384-ecp256"]), offer);
    expect(refused).toMatchObject({
      ok: false,
      reason: { difference: { transformType: "KE", theirsOfType: ["ecp384"] } },
    });
  });

  test("a telephone mixes AEAD with INTEG in one proposal: only its normal ciphers can be taken (RFC 7296 3.3)", () => {
    const offer = requestOf("ipsec_isakmp_esp.pcap#18");
    expect(chooseProposal(policy("ike", ["aes192-sha512-ecp521"]), offer)).toMatchObject({ ok: true, number: 2 });
    const refused = chooseProposal(policy("ike", ["aes256gcm16-prfsha512-ecp521"]), offer);
    expect(refused).toMatchObject({ ok: false, reason: { difference: { transformType: "INTEG", oursOfType: [] } } });
  });

  test("charon's long lists: our order, and its group where we have it", () => {
    const message = messages.find(({ id }) => id === "zeek-plugin-ikev2 zeek-1");
    const offer = proposalsOf(message?.octets ?? Buffer.alloc(0)) ?? [];
    expect(offer).toHaveLength(2);
    const ours = policy("ike", [
      "aes256gcm16-aes128gcm16-prfsha384-prfsha256-x25519-ecp384-ecp256",
      "aes256-sha256-modp3072",
    ]);
    const choice = chooseProposal(ours, offer, { keReceived: 19 });
    expect(choice.ok && formatWireProposal(choice.answer)).toBe("aes256gcm16-prfsha384-ecp256");
    expect(choice.ok && choice.number).toBe(2);
  });

  test("AES-CBC without a key length is refused as RFC 7296 3.3.5 demands, the proposals beside it are not", () => {
    const message = messages.find(({ id }) => id === "tcpdump ikev2pI2.pcap#1");
    const offer = proposalsOf(message?.octets ?? Buffer.alloc(0)) ?? [];
    expect(
      formatWireProposal(offer[0] ?? { number: 1, protocolId: 1, spi: Buffer.alloc(0), transforms: [] }),
    ).toContain("ENCR_AES_CBC-");
    const choice = chooseProposal(
      { ...everything, ours: [rows("aes128", "aes256", "3des", "sha1", "prfsha1", "modp1536")] },
      offer,
    );
    expect(choice).toMatchObject({ ok: true, number: 3, suite: { encr: { keyword: "3des" } } });
  });

  test("weak groups alone: nothing for a good list", () => {
    const offer = requestOf("IKEv2_SA_INIT_2-8-weak.pcap#1");
    const refused = chooseProposal(policy("ike", ["aes256-sha256-modp2048"]), offer);
    expect(refused).toMatchObject({
      ok: false,
      reason: { theirs: ["aes256-sha256-modp1024"], difference: { transformType: "KE", theirsOfType: ["modp1024"] } },
    });
  });
});
