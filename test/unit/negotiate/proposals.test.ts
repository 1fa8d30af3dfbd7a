import { describe, expect, test } from "vitest";
import { transforms } from "../../../src/crypto/transforms.ts";
import {
  chooseProposal,
  formatOffer,
  offerProposals,
  type ProposalPolicy,
  verifyAnswer,
} from "../../../src/negotiate/proposals.ts";
import { type Picks, type ProposalProtocol, suiteOf } from "../../../src/negotiate/suite.ts";
import type { Proposal, Transform } from "../../../src/wire/ikev2/payloads/sa.ts";
import { policy, row, rows } from "./desired-proposals.ts";

const spi = Uint8Array.of(0x05, 0x23, 0x57, 0xbb);
const theirSpi = Uint8Array.of(0x35, 0xa1, 0xd6, 0xf2);
const none = new Uint8Array(0);

// Numbers of RFC 7296 3.3.1 and 3.3.2 and of the IANA registry, typed from there.
const [IKE, AH, ESP] = [1, 2, 3];
const ENCR = (id: number, keyLength?: number): Transform => ({ type: 1, id, ...(keyLength && { keyLength }) });
const PRF = (id: number): Transform => ({ type: 2, id });
const INTEG = (id: number): Transform => ({ type: 3, id });
const KE = (id: number): Transform => ({ type: 4, id });
const ESN = (id: number): Transform => ({ type: 5, id });
const AES_CBC = 12;
const AES_GCM_8 = 18;
const AES_GCM_16 = 20;

function proposal(number: number, protocolId: number, ...transforms: Transform[]): Proposal {
  return { number, protocolId, spi: protocolId === IKE ? none : theirSpi, transforms };
}

function chosen(ours: ProposalPolicy, theirs: Proposal[], keReceived?: number) {
  const choice = chooseProposal(ours, theirs, { keReceived, spi });
  if (!choice.ok) throw new Error(JSON.stringify(choice.reason));
  return choice;
}

function refused(ours: ProposalPolicy, theirs: Proposal[]) {
  const choice = chooseProposal(ours, theirs);
  if (choice.ok) throw new Error("chosen");
  if (choice.reason.code !== "no-common-proposal") throw new Error(choice.reason.code);
  return choice.reason;
}

/** The example of RFC 7296 3.3. */
const example = [
  proposal(1, ESP, ENCR(AES_CBC, 128), ENCR(AES_CBC, 192), ENCR(AES_CBC, 256), INTEG(2), INTEG(5), ESN(1), ESN(0)),
  proposal(2, ESP, ENCR(AES_GCM_8, 128), ENCR(AES_GCM_8, 256), ESN(1), ESN(0)),
];

describe("offerProposals", () => {
  test("RFC 7296 3.3: the example's two proposals come from two of ours", () => {
    const ours = policy(
      "esp",
      ["aes128-aes192-aes256-sha1-aesxcbc-esn-noesn", "aes128gcm8-aes256gcm8-esn-noesn"],
      false,
    );
    expect(offerProposals(ours, theirSpi)).toEqual(example);
  });

  test("RFC 7296 3.3: combined-mode and normal ciphers never share a proposal, AEAD ones have no INTEG", () => {
    const ours: ProposalPolicy = {
      protocol: "esp",
      ours: [rows("aes256", "aes256gcm16", "sha256", "noesn")],
      withKe: false,
    };
    expect(offerProposals(ours, spi)).toEqual([
      { number: 1, protocolId: ESP, spi, transforms: [ENCR(AES_CBC, 256), INTEG(12), ESN(0)] },
      { number: 2, protocolId: ESP, spi, transforms: [ENCR(AES_GCM_16, 256), ESN(0)] },
    ]);
  });

  test("the kind that is named first is offered first", () => {
    const ours: ProposalPolicy = { protocol: "esp", ours: [rows("aes256gcm16", "aes256", "sha256")], withKe: false };
    expect(formatOffer(ours)).toEqual(["aes256gcm16", "aes256-sha256"]);
  });

  test("RFC 7296 3.3.3: ESN is mandatory for ESP and AH, and there without being named", () => {
    const esp: ProposalPolicy = { protocol: "esp", ours: [rows("aes128gcm16")], withKe: false };
    const ah: ProposalPolicy = { protocol: "ah", ours: [rows("sha256")], withKe: false };
    expect(offerProposals(esp, spi)[0]?.transforms).toEqual([ENCR(AES_GCM_16, 128), ESN(0)]);
    expect(offerProposals(ah, spi)).toEqual([{ number: 1, protocolId: AH, spi, transforms: [INTEG(12), ESN(0)] }]);
  });

  test("RFC 7296 1.2: no key exchange in IKE_AUTH; proposals that differ in it alone become one", () => {
    const texts = ["aes128gcm16-x25519", "aes128gcm16-ecp256", "aes256gcm16"];
    expect(formatOffer(policy("esp", texts, false))).toEqual(["aes128gcm16", "aes256gcm16"]);
    expect(formatOffer(policy("esp", texts, true))).toEqual([
      "aes128gcm16-x25519",
      "aes128gcm16-ecp256",
      "aes256gcm16",
    ]);
  });

  test("rows that are decode-only are neither offered nor chosen", () => {
    const decodeOnly = transforms.filter((one) => one.decodeOnly !== undefined);
    expect(decodeOnly.length).toBeGreaterThan(0);
    const ours = [rows("aes128gcm16", "noesn"), { transforms: [...decodeOnly, row("sha256"), row("x25519")] }];
    const offered = offerProposals({ protocol: "ah", ours, withKe: true }, spi);
    expect(offered[0]?.transforms).toEqual([INTEG(12), KE(31), ESN(0)]);
  });

  test("an IKE proposal: ENCR, PRF, INTEG, KE and no ESN", () => {
    expect(offerProposals(policy("ike", ["aes256-sha384-modp3072"]), none)).toEqual([
      { number: 1, protocolId: IKE, spi: none, transforms: [ENCR(AES_CBC, 256), PRF(6), INTEG(13), KE(15)] },
    ]);
  });

  test.each([
    ["ike", ["aes256", "sha256", "prfsha256"], "no key exchange"],
    ["ike", ["aes256gcm16", "x25519"], "no PRF"],
    ["ike", ["aes256", "prfsha256", "x25519"], "no integrity algorithm"],
    ["esp", ["aes256"], "encryption alone (RFC 8221 4)"],
    ["ah", ["aes256gcm16"], "no integrity algorithm"],
  ] satisfies [ProposalProtocol, string[], string][])("%s %j is not offered: %s", (protocol, keywords, _why) => {
    expect(offerProposals({ protocol, ours: [rows(...keywords)], withKe: true }, spi)).toEqual([]);
  });
});

describe("chooseProposal", () => {
  test("RFC 7296 2.7: exactly one transform of each type, the peer's number and protocol, our SPI", () => {
    const choice = chosen(policy("esp", ["aes256-sha1"], false), example);
    expect(choice.answer).toEqual({
      number: 1,
      protocolId: ESP,
      spi,
      transforms: [ENCR(AES_CBC, 256), INTEG(2), ESN(0)],
    });
    expect(choice.number).toBe(1);
    expect(choice.peerSpi).toEqual(theirSpi);
    expect(choice.suite).toMatchObject({
      encr: { keyword: "aes256" },
      integ: { keyword: "sha1" },
      esn: { keyword: "noesn" },
    });
  });

  test("our order decides, among proposals and among transforms", () => {
    const ours = ["aes256gcm8-esn", "aes128-sha1"];
    expect(chosen(policy("esp", ours, false), example).number).toBe(2);
    expect(chosen(policy("esp", ours.toReversed(), false), example).number).toBe(1);
    const suite = chosen(policy("esp", ["aes192-aes128-aesxcbc-sha1-esn-noesn"], false), example).answer.transforms;
    expect(suite).toEqual([ENCR(AES_CBC, 192), INTEG(5), ESN(1)]);
  });

  test("the copied SPI survives the message's buffer", () => {
    const buffer = Uint8Array.from(theirSpi);
    const theirs = [{ ...proposal(1, ESP, ENCR(AES_GCM_16, 128), ESN(0)), spi: buffer }];
    const { peerSpi } = chosen(policy("esp", ["aes128gcm16"]), theirs);
    buffer.fill(0);
    expect(peerSpi).toEqual(theirSpi);
  });

  test("the key exchange whose value came is taken where we allow it", () => {
    const ours = policy("ike", ["aes128gcm16-prfsha256-x25519-ecp256-modp2048"]);
    const theirs = [proposal(1, IKE, ENCR(AES_GCM_16, 128), PRF(5), KE(14), KE(19), KE(31))];
    expect(chosen(ours, theirs, 19).answer.transforms.at(-1)).toEqual(KE(19));
    expect(chosen(ours, theirs, 31).answer.transforms.at(-1)).toEqual(KE(31));
    expect(chosen(ours, theirs).answer.transforms.at(-1)).toEqual(KE(31));
    // Group 2 came, which we do not allow: ours is asked for with INVALID_KE_PAYLOAD.
    expect(chosen(ours, theirs, 2).answer.transforms.at(-1)).toEqual(KE(31));
  });

  test("RFC 7296 3.3.6: an unknown transform, or one with an unknown attribute, leaves the others usable", () => {
    const odd = { ...ENCR(AES_GCM_16, 128), attributes: [{ type: 15, value: 1 }] };
    const theirs = [proposal(1, ESP, ENCR(1234, 128), odd, ENCR(AES_GCM_16, 256), ESN(2), ESN(0))];
    const ours = policy("esp", ["aes128gcm16-aes256gcm16"], false);
    expect(chosen(ours, theirs).answer.transforms).toEqual([ENCR(AES_GCM_16, 256), ESN(0)]);
    refused(policy("esp", ["aes128gcm16"], false), theirs);
  });

  test("RFC 7296 3.3.6: an unknown transform type spoils its proposal and no other", () => {
    const addke = { type: 6, id: 36 };
    const spoiled = proposal(1, IKE, ENCR(AES_GCM_16, 256), PRF(6), KE(31), addke);
    const plain = proposal(2, IKE, ENCR(AES_GCM_16, 256), PRF(6), KE(31));
    const ours = policy("ike", ["aes256gcm16-prfsha384-x25519"]);
    expect(chosen(ours, [spoiled, plain]).number).toBe(2);
    expect(refused(ours, [spoiled]).difference).toMatchObject({ transformType: "ADDKE1", oursOfType: [] });
  });

  test.each([
    ["ESP without ESN", "esp", "aes128gcm16", [ENCR(AES_GCM_16, 128)], "ESN"],
    ["AH without INTEG", "ah", "sha256", [ESN(0)], "INTEG"],
    ["IKE without KE", "ike", "aes128gcm16-prfsha256-x25519", [ENCR(AES_GCM_16, 128), PRF(5)], "KE"],
    ["IKE without PRF", "ike", "aes128gcm16-prfsha256-x25519", [ENCR(AES_GCM_16, 128), KE(31)], "PRF"],
    ["IKE with KE NONE", "ike", "aes128gcm16-prfsha256-x25519", [ENCR(AES_GCM_16, 128), PRF(5), KE(0)], "KE"],
    ["CBC with INTEG NONE", "esp", "aes128-sha256", [ENCR(AES_CBC, 128), INTEG(0), ESN(0)], "INTEG"],
    ["PRF in ESP", "esp", "aes128gcm16", [ENCR(AES_GCM_16, 128), PRF(5), ESN(0)], "PRF"],
    ["ESN in IKE", "ike", "aes128gcm16-prfsha256-x25519", [ENCR(AES_GCM_16, 128), PRF(5), KE(31), ESN(0)], "ESN"],
    ["AEAD with INTEG alone", "esp", "aes128gcm16", [ENCR(AES_GCM_16, 128), INTEG(12), ESN(0)], "INTEG"],
  ] as const)("RFC 7296 3.3.3: %s is unacceptable", (_, protocol, text, transforms, type) => {
    const id = { ike: IKE, ah: AH, esp: ESP }[protocol];
    const reason = refused(policy(protocol, [text]), [proposal(1, id, ...transforms)]);
    expect(reason.difference?.transformType).toBe(type);
  });

  test("RFC 7296 3.3: AEAD with INTEG NONE is acceptable, and NONE is returned as one of each type", () => {
    const theirs = [proposal(1, ESP, ENCR(AES_GCM_16, 128), INTEG(0), ESN(0))];
    const choice = chosen(policy("esp", ["aes128gcm16"]), theirs);
    expect(choice.answer.transforms).toEqual([ENCR(AES_GCM_16, 128), INTEG(0), ESN(0)]);
    expect(choice.suite).toMatchObject({ integ: undefined });
  });

  test("RFC 7296 3.3.2: a key exchange is optional where NONE is offered too", () => {
    const theirs = [proposal(1, ESP, ENCR(AES_GCM_16, 128), KE(31), KE(0), ESN(0))];
    expect(chosen(policy("esp", ["aes128gcm16"]), theirs).answer.transforms).toContainEqual(KE(0));
    expect(chosen(policy("esp", ["aes128gcm16-x25519"]), theirs).answer.transforms).toContainEqual(KE(31));
    const only = [proposal(1, ESP, ENCR(AES_GCM_16, 128), KE(31), ESN(0))];
    expect(refused(policy("esp", ["aes128gcm16"]), only).difference?.transformType).toBe("KE");
    const without = [proposal(1, ESP, ENCR(AES_GCM_16, 128), ESN(0))];
    expect(refused(policy("esp", ["aes128gcm16-x25519"]), without).difference?.transformType).toBe("KE");
  });

  test("RFC 7296 1.2: what a peer says of key exchange in IKE_AUTH means nothing", () => {
    const theirs = [proposal(1, ESP, ENCR(AES_GCM_16, 128), KE(31), ESN(0))];
    const choice = chosen(policy("esp", ["aes128gcm16-x25519"], false), theirs);
    expect(choice.answer.transforms).toEqual([ENCR(AES_GCM_16, 128), ESN(0)]);
    expect(choice.suite).toMatchObject({ ke: undefined });
  });

  test.each([
    ["another length", ENCR(AES_CBC, 256)],
    ["no length", ENCR(AES_CBC)],
    ["length 0", { type: 1, id: AES_CBC, keyLength: 0 }],
  ])("RFC 7296 3.3.5: AES-CBC with %s is not AES-CBC with 128 bits", (_, encr) => {
    refused(policy("esp", ["aes128-sha256"]), [proposal(1, ESP, encr, INTEG(12), ESN(0))]);
  });

  test.each([3, 28])("RFC 7296 3.3.5: a key length for the fixed-length cipher %i is not understood", (id) => {
    const [text, integ] = id === 3 ? ["3des-sha256", [INTEG(12)]] : ["chacha20poly1305", []];
    const theirs = (encr: Transform) => [proposal(1, ESP, encr, ...integ, ESN(0))];
    chosen(policy("esp", [text]), theirs(ENCR(id)));
    refused(policy("esp", [text]), theirs(ENCR(id, id === 3 ? 192 : 256)));
    refused(policy("esp", [text]), theirs({ type: 1, id, keyLength: 0 }));
  });

  test("the reason has both lists, and the first difference of the nearest pair", () => {
    const ours = policy("ike", ["aes256gcm16-prfsha384-x25519", "aes256-sha256-modp3072"]);
    const theirs = [
      proposal(1, IKE, ENCR(3), PRF(2), INTEG(2), KE(2)),
      proposal(2, IKE, ENCR(AES_CBC, 256), ENCR(AES_CBC, 128), PRF(5), INTEG(12), KE(14), KE(5)),
    ];
    expect(refused(ours, theirs)).toEqual({
      code: "no-common-proposal",
      protocol: "ike",
      ours: ["aes256gcm16-prfsha384-x25519", "aes256-sha256-modp3072"],
      theirs: ["3des-sha1-modp1024", "aes256-aes128-sha256-modp2048-modp1536"],
      difference: {
        ours: "aes256-sha256-modp3072",
        theirs: "aes256-aes128-sha256-modp2048-modp1536",
        transformType: "KE",
        oursOfType: ["modp3072"],
        theirsOfType: ["modp2048", "modp1536"],
      },
    });
  });

  test("another protocol is the first difference of all", () => {
    const reason = refused(policy("esp", ["aes128gcm16"]), [proposal(1, AH, INTEG(12), ESN(0))]);
    expect(reason.difference).toMatchObject({ transformType: "protocol", oursOfType: ["esp"], theirsOfType: ["ah"] });
  });

  test("the same transforms under another protocol are not the same proposal", () => {
    const transforms = [ENCR(AES_GCM_16, 128), ESN(0)];
    expect(refused(policy("esp", ["aes128gcm16"]), [proposal(1, 4, ...transforms)]).difference).toMatchObject({
      transformType: "protocol",
    });
    // However much the other protocol's proposal has in common, one of the right protocol is nearer.
    const both = [proposal(1, 4, ...transforms), proposal(2, ESP, ENCR(AES_GCM_16, 256), KE(31), ESN(1))];
    expect(refused(policy("esp", ["aes128gcm16"]), both).difference).toMatchObject({
      transformType: "ENCR",
      theirsOfType: ["aes256gcm16"],
    });
  });

  test("a huge offer gives a bounded text", () => {
    const many = Array.from({ length: 255 }, (_, i) => ENCR(2000 + i));
    const [text = ""] = refused(policy("esp", ["aes128gcm16"]), [proposal(1, ESP, ...many, ESN(0))]).theirs;
    expect(text).toContain("and_223_more");
    expect(text.length).toBeLessThan(1000);
  });
});

describe("verifyAnswer", () => {
  const sent = offerProposals(
    policy("esp", ["aes256gcm16-aes128gcm16", "aes256-aes128-sha256-sha384-esn-noesn"], false),
    spi,
  );
  const good = proposal(2, ESP, ENCR(AES_CBC, 128), INTEG(13), ESN(1));

  test("takes one transform of each type of one proposal sent", () => {
    const verdict = verifyAnswer("esp", sent, [good]);
    expect(verdict).toMatchObject({
      ok: true,
      number: 2,
      suite: { encr: { keyword: "aes128" }, integ: { keyword: "sha384" }, esn: { keyword: "esn" } },
      peerSpi: theirSpi,
    });
  });

  test("takes a NONE for a type that was not sent", () => {
    const verdict = verifyAnswer("esp", sent, [proposal(1, ESP, ENCR(AES_GCM_16, 128), INTEG(0), KE(0), ESN(0))]);
    expect(verdict).toMatchObject({ ok: true, suite: { encr: { keyword: "aes128gcm16" }, integ: undefined } });
  });

  test.each([
    ["no proposal", []],
    ["two proposals", [good, good]],
    ["a number that was not sent", [{ ...good, number: 3 }]],
    ["the number of another proposal", [{ ...good, number: 1 }]],
    ["another protocol", [{ ...good, protocolId: AH }]],
    ["a key length that was not sent", [proposal(2, ESP, ENCR(AES_CBC, 192), INTEG(13), ESN(1))]],
    ["no key length", [proposal(2, ESP, ENCR(AES_CBC), INTEG(13), ESN(1))]],
    ["a transform that was not sent", [proposal(2, ESP, ENCR(AES_CBC, 128), INTEG(2), ESN(1))]],
    ["two transforms of a type", [proposal(2, ESP, ENCR(AES_CBC, 128), INTEG(12), INTEG(13), ESN(1))]],
    ["no ESN", [proposal(2, ESP, ENCR(AES_CBC, 128), INTEG(13))]],
    ["INTEG NONE where INTEG was sent", [proposal(2, ESP, ENCR(AES_CBC, 128), INTEG(0), ESN(1))]],
    ["a type that was not sent", [proposal(2, ESP, ENCR(AES_CBC, 128), INTEG(13), KE(31), ESN(1))]],
    ["an unknown type", [proposal(2, ESP, ENCR(AES_CBC, 128), INTEG(13), { type: 6, id: 0 }, ESN(1))]],
    [
      "an unknown attribute",
      [proposal(2, ESP, { ...ENCR(AES_CBC, 128), attributes: [{ type: 1, value: 1 }] }, INTEG(13), ESN(1))],
    ],
    ["an INTEG for AEAD", [proposal(1, ESP, ENCR(AES_GCM_16, 128), INTEG(12), ESN(0))]],
  ] satisfies [string, Proposal[]][])("RFC 7296 3.3.6: refuses %s", (_, answer) => {
    const verdict = verifyAnswer("esp", sent, answer);
    expect(verdict).toMatchObject({ ok: false, reason: { code: "proposal-not-offered", protocol: "esp" } });
  });

  test("the reason has what was sent and what was answered", () => {
    const verdict = verifyAnswer("esp", sent, [{ ...good, number: 1 }]);
    expect(verdict.ok ? undefined : verdict.reason).toEqual({
      code: "proposal-not-offered",
      protocol: "esp",
      sent: ["aes256gcm16-aes128gcm16", "aes256-aes128-sha256-sha384-esn-noesn"],
      answer: ["aes128-sha384-esn"],
    });
  });
});

test("RFC 7296 3.3: no suite has an AEAD cipher and an INTEG, or neither authenticates", () => {
  const picks = (...keywords: string[]): Picks =>
    Object.fromEntries(keywords.map((word) => [row(word).type, row(word)]));
  for (const [protocol, rest] of [
    ["ike", ["prfsha256", "x25519"]],
    ["esp", ["noesn"]],
  ] satisfies [ProposalProtocol, string[]][]) {
    expect(suiteOf(protocol, picks("aes128gcm16", ...rest))).toBeDefined();
    expect(suiteOf(protocol, picks("aes128", "sha256", ...rest))).toBeDefined();
    expect(suiteOf(protocol, picks("aes128gcm16", "sha256", ...rest))).toBeUndefined();
    expect(suiteOf(protocol, picks("aes128", ...rest))).toBeUndefined();
  }
});
