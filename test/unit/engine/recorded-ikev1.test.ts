import { afterEach, describe, expect, test, vi } from "vitest";
import type { Proposal } from "../../../src/wire/ikev1/payloads/sa.ts";
import { clear, knownExchange, one } from "../crypto/ikev1-replay.ts";
import { encr } from "../crypto/vectors.ts";
import { addresses, differences, type Role, read, recorded, Stage } from "./recorded.ts";
import { Retelling } from "./recorded-chain.ts";

/** What main mode's first message offers in place of what the engine would say. */
const offer = vi.hoisted(() => ({ recorded: undefined as Proposal | undefined }));

vi.mock("../../../src/negotiate/isakmp-proposals.ts", async (original) => {
  const module = await original<typeof import("../../../src/negotiate/isakmp-proposals.ts")>();
  const offerIsakmp: typeof module.offerIsakmp = (policy, seconds) =>
    offer.recorded ?? module.offerIsakmp(policy, seconds);
  return { ...module, offerIsakmp };
});

afterEach(() => {
  offer.recorded = undefined;
});

const handshake = recorded("v1-main-psk");
const exchange = knownExchange("v1-main-psk");
const theirs = read(handshake, handshake.messages);
const [sa1] = exchange.octets as [Buffer];
const everywhere = { address: "0.0.0.0", length: 0 };
const quickModeNonces: Record<Role, Buffer> = {
  initiator: Buffer.from(exchange.nonces.quickModeInitiator, "hex"),
  responder: Buffer.from("f7f30d166c81bbaec75d2d24cb08ffbdd99ae2c530699ca607f701af00fb69a4", "hex"),
};

function stage(role: Role, psk = handshake.psk): Stage {
  return new Stage({
    recorded: { ...handshake, psk },
    role,
    peer: {
      ikev1: "main",
      ike: ["aes128-sha1-modp1024"],
      esp: ["aes128-sha1"],
      hardSeconds: 3_600,
      protect: [{ kind: "tunnel", local: everywhere, remote: everywhere }],
    },
    random: {
      4: [Buffer.from("259cf133", "hex")],
      8: [exchange.cookies[role]].map((cookie) => Uint8Array.from(cookie)),
      // The cookies of IKEv2 have a secret, which every engine asks for first.
      32: [
        new Uint8Array(32),
        Uint8Array.from(role === "initiator" ? exchange.ni : exchange.nr),
        quickModeNonces[role],
      ],
    },
    responderPublic: exchange.gxr,
  });
}

/** The whole of it, whichever end is ours. */
function played(role: Role) {
  const ours = stage(role);
  const retelling = new Retelling(exchange, encr("aes128"));
  const verbatim: boolean[] = [];
  const heard: number[] = [];
  let waiting = ours.said.map(({ octets }) => octets);
  for (const { from, octets } of handshake.messages) {
    if (from === role) {
      const mine = waiting.shift();
      if (mine === undefined) throw new Error("the engine has nothing to say");
      retelling.replaced(octets, mine);
      continue;
    }
    const told = retelling.retold(octets);
    verbatim.push(told.equals(octets));
    const answers = ours.say(told);
    heard.push(answers.length);
    waiting = [...waiting, ...answers];
  }
  return { ours, verbatim, heard, left: waiting.length, ...read(handshake, ours.said) };
}

/** The proposal whose body both hashes of phase 1 cover (SAi_b), so that it has to be the recorded one. */
function offerAsRecorded(): void {
  offer.recorded = one(clear(sa1), "SA").proposals[0];
}

/** Where our messages say something else than the recorded ones: Vendor IDs, lengths and padding aside. */
function differing(decoded: ReturnType<typeof played>["decoded"]): string[][] {
  return decoded.map((message, i) =>
    differences(theirs.decoded[i], message).filter(
      (line) => !/^. (VID|header > length|encrypted > padding)/.test(line),
    ),
  );
}

const initialContact = [
  "+ encrypted > N: INITIAL_CONTACT",
  "+ encrypted > N > protocol: ISAKMP",
  "+ encrypted > N > SPI: 59cedc5dcea558fe9e16984236445257",
];

describe.each([
  ["initiator", { spiIn: "b75ad16c", spiOut: "c6bf8b4d" }, [1, 1, 1, 1]],
  ["responder", { spiIn: "c6bf8b4d", spiOut: "b75ad16c" }, [1, 1, 1, 1, 0]],
] as const)("the recorded main and quick mode of IKEv1, the engine in the place of its %s", (role, child, answers) => {
  test("accepts each message, says one in turn, and comes to the recorded SAs and keys", () => {
    offerAsRecorded();
    const { ours, heard, left } = played(role);
    expect(heard).toEqual(answers);
    expect(left).toBe(0);
    const status = ours.end.peer();
    expect(status.ikeSas).toMatchObject([
      {
        initiatorSpi: "59cedc5dcea558fe",
        responderSpi: "9e16984236445257",
        role,
        proposal: "aes128-prfsha1-modp1024",
      },
    ]);
    expect(status.children).toMatchObject([{ state: "up", sas: [{ ...child, proposal: "aes128-sha1" }] }]);
    expect(ours.end.log.map(({ event }) => event)).not.toContain("message-dropped");
    const keys = (["initiator", "responder"] as const).map((receiver) => {
      const source = addresses[receiver === "initiator" ? "responder" : "initiator"];
      const [found] = theirs.keys.esp(handshake.spis[receiver], source, addresses[receiver]);
      const hex = (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString("hex");
      return [handshake.spis[receiver].toString(16), { encr: hex(found?.encrKey), integ: hex(found?.integKey) }];
    });
    expect(ours.espKeys).toEqual(Object.fromEntries(keys));
  });

  test("makes and takes hashes that are right for whoever reads along", () => {
    offerAsRecorded();
    expect(played(role).decoded.flatMap(({ notes }) => notes)).toEqual([
      "HASH(1) is right",
      "HASH(2) is right",
      "the IPsec SA's keys were derived",
      "HASH(3) is right",
    ]);
  });

  test("takes nothing when the pre-shared key is another", () => {
    offerAsRecorded();
    const ours = stage(role, "BBBB");
    for (const { from, octets } of handshake.messages) if (from !== role) ours.say(octets);
    expect(ours.end.peer().state).not.toBe("up");
    expect(ours.espKeys).toEqual({});
  });
});

test("as initiator differs from the recorded one in these fields alone: HASH_I and HASH(3) are the recorded ones", () => {
  offerAsRecorded();
  const { decoded, verbatim } = played("initiator");
  expect(differing(decoded)).toEqual([
    [],
    [],
    [],
    [],
    initialContact,
    [],
    [
      "- encrypted > HASH > data: 601f322fd3373327f6fc63384ebc3479ffdf1856",
      "+ encrypted > HASH > data: aefae641b71f43c369a8dd95430feb5e9ac379f1",
      ...transform("-", 0, 0, [mode, lifeType, lifeDuration, integ, keyLength]),
      ...transform("+", 1, 1, [lifeType, lifeDuration, mode, integ, keyLength]),
    ],
    [],
    [],
  ]);
  // Our INITIAL-CONTACT changes the IVs that follow.
  expect(verbatim).toEqual([true, true, false, false]);
});

test("as responder differs from the recorded one in these fields alone: HASH_R is the recorded one", () => {
  const { decoded, verbatim } = played("responder");
  expect(differing(decoded)).toEqual([
    [],
    [
      // The chosen transform goes back under the number that it came with (RFC 2408 4.2).
      ...phase1("-", "transform 1"),
      ...phase1("+", "transform 0"),
    ],
    [],
    [],
    [],
    initialContact,
    [],
    [
      "- encrypted > HASH > data: 048c08e48f9e96220cb6aa8cf56efed68d1cc108",
      "+ encrypted > HASH > data: a4ff7133a76b363d8f79065bd1a068bc0f076333",
      ...transform("-", 0, 1, [keyLength, integ, mode, lifeType, lifeDuration]).slice(2),
      ...transform("+", 0, 0, [mode, lifeType, lifeDuration, integ, keyLength]).slice(2),
      // The recorded responder answered with selectors of its own, which RFC 2409 5.5 knows nothing of; ours repeats what was asked for.
      "- encrypted > ID: 10.0.3.1",
      "- encrypted > ID > type: ID_IPV4_ADDR",
      "+ encrypted > ID: 0.0.0.0/0.0.0.0",
      "+ encrypted > ID > type: ID_IPV4_ADDR_SUBNET",
      "- encrypted > ID > data: 0a000301",
      "- encrypted > ID: 10.1.0.0/255.255.255.0",
      "+ encrypted > ID > data: 0000000000000000",
      "+ encrypted > ID: 0.0.0.0/0.0.0.0",
      "- encrypted > ID > data: 0a010000ffffff00",
      "+ encrypted > ID > data: 0000000000000000",
    ],
    [],
  ]);
  expect(verbatim).toEqual([true, true, true, false, false]);
});

test("an offer of its own has other numbers, another order and another lifetime, and proposes the same", () => {
  const [first] = read(handshake, stage("initiator").said).decoded;
  if (first === undefined) throw new Error("nothing is said");
  const [enc, length, hash, group, method, type, seconds] = phase1Lines;
  const ours = [enc, length, hash, method, group, type, seconds.replace("28800", "86400")];
  expect(differing([first])).toEqual([
    [
      "- SA > proposal 0: ISAKMP",
      ...phase1("-", "transform 0"),
      "+ SA > proposal 1: ISAKMP",
      ...phase1("+", "transform 1", "proposal 1", ours),
    ],
  ]);
});

const mode = "ENCAPSULATION_MODE: TUNNEL";
const lifeType = "SA_LIFE_TYPE: SECONDS";
const lifeDuration = "SA_LIFE_DURATION: 3600";
const integ = "AUTHENTICATION_ALGORITHM: HMAC_SHA";
const keyLength = "KEY_LENGTH: 128";

/** The lines of quick mode's proposal. */
function transform(sign: string, proposal: number, number: number, attributes: readonly string[]): string[] {
  const within = `${sign} encrypted > SA > proposal ${proposal}`;
  return [
    `${within}: IPSEC_ESP`,
    `${within} > SPI: b75ad16c`,
    `${within} > transform ${number}: ESP_AES_CBC`,
    ...attributes.map((line) => `${within} > transform ${number} > ${line}`),
  ];
}

const phase1Lines = [
  "ENCRYPTION_ALGORITHM: AES_CBC",
  "KEY_LENGTH: 128",
  "HASH_ALGORITHM: SHA",
  "GROUP_DESCRIPTION: MODP_1024",
  "AUTHENTICATION_METHOD: PRE_SHARED_KEY",
  "LIFE_TYPE: SECONDS",
  "LIFE_DURATION: 28800",
] as const;

/** The lines of phase 1's transform. */
function phase1(sign: string, number: string, proposal = "proposal 0", attributes: readonly string[] = phase1Lines) {
  const within = `${sign} SA > ${proposal} > ${number}`;
  return [`${within}: KEY_IKE`, ...attributes.map((line) => `${within} > ${line}`)];
}
