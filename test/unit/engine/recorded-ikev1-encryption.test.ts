// The recorded main mode with public key encryption, whose responder was a Cisco that makes another SKEYID than RFC 2409 5.2.
import { beforeEach, describe, expect, test, vi } from "vitest";
import { makeOwnKey } from "../../../src/credentials/own-key.ts";
import { deriveIpsecKeys, hashI, hashR } from "../../../src/crypto/ikev1-keys.ts";
import { keyPrf } from "../../../src/crypto/prf.ts";
import { importPrivateKey } from "../../../src/crypto/signature/private-key.ts";
import { importPublicKey, type PublicKey } from "../../../src/crypto/signature/public-key.ts";
import type { ComputeJob } from "../../../src/sa/compute.ts";
import { encodeBody } from "../../../src/wire/ikev1/message.ts";
import type { Proposal } from "../../../src/wire/ikev1/payloads/sa.ts";
import { clear, knownExchange, one } from "../crypto/ikev1-replay.ts";
import { encr, hex, integ, loadVectors } from "../crypto/vectors.ts";
import { trusting } from "./certificates.ts";
import { type Role, recorded, Stage } from "./recorded.ts";
import { Retelling } from "./recorded-chain.ts";

/** Whether it is made as the recorded responder makes it. */
const skeyid = vi.hoisted(() => ({ isCisco: false }));

vi.mock("../../../src/crypto/ikev1-keys.ts", async (original) => {
  const module = await original<typeof import("../../../src/crypto/ikev1-keys.ts")>();
  const skeyidPublicKey: typeof module.skeyidPublicKey = (prf, hash, ni, nr, cookies) =>
    skeyid.isCisco
      ? module.skeyidPublicKeyCisco(prf, ni, nr, cookies)
      : module.skeyidPublicKey(prf, hash, ni, nr, cookies);
  return { ...module, skeyidPublicKey };
});

/** The offer, whose body both hashes of phase 1 cover (SAi_b), so that it has to be the recorded one. */
const offer = vi.hoisted(() => ({ recorded: undefined as Proposal | undefined }));

vi.mock("../../../src/negotiate/isakmp-proposals.ts", async (original) => {
  const module = await original<typeof import("../../../src/negotiate/isakmp-proposals.ts")>();
  const offerIsakmp: typeof module.offerIsakmp = (policy, seconds) =>
    offer.recorded ?? module.offerIsakmp(policy, seconds);
  return { ...module, offerIsakmp };
});

beforeEach(() => {
  skeyid.isCisco = false;
  offer.recorded = one(clear(exchange.octets[0] ?? Buffer.alloc(0)), "SA").proposals[0];
});

const handshake = recorded("v1-main-pke");
const exchange = knownExchange("v1-main-pke");
const everywhere = { address: "0.0.0.0", length: 0 };
const quickModeNonces = nonces();

interface Keys {
  readonly initiatorRsaPrivatePkcs1Base64: string;
  readonly responderRsaSpkiBase64: string;
}

const { handshakes } = loadVectors<{ handshakes: (Keys & { id: string })[] }>("handshakes/rub-ike-handshakes.json");
const keys = handshakes.find(({ id }) => id === "v1-main-pke");
const octetsOf = (base64 = "") => Buffer.from(base64, "base64");
const caller = importPrivateKey(octetsOf(keys?.initiatorRsaPrivatePkcs1Base64), "pkcs1");
const cisco = importPublicKey(octetsOf(keys?.responderRsaSpkiBase64));

/** Those of quick mode's first two messages. */
function nonces(): Record<Role, Uint8Array> {
  const { replay, octets } = knownExchange("v1-main-pke");
  const opened = octets.slice(4).map((message) => replay.open(message).payloads);
  const of = (index: number) => Uint8Array.from(one(opened[index] ?? [], "NONCE").data);
  return { initiator: of(2), responder: of(3) };
}

/** Its address. */
function identityOf(role: Role): Buffer {
  const data = Uint8Array.of(10, 0, 3, role === "initiator" ? 1 : 2);
  return Buffer.from(encodeBody({ isakmp: "ID", idType: 1, ipProtocol: 0, port: 0, data }));
}

/** The engine in one end's place. Nobody has the Cisco's private key: in its place the engine is told what is in the ciphertexts. */
function stage(role: Role): Stage {
  const other: PublicKey = role === "initiator" ? cisco : caller.publicKey;
  const key = makeOwnKey(caller, undefined, [], "recorded.key");
  return new Stage({
    recorded: handshake,
    role,
    peer: {
      ikev1: "main",
      proveBy: "encryption",
      auth: {
        local: [{ credential: { kind: "key", keys: [key], sha1: false } }],
        remote: [trusting({ authorities: [], keys: [other] })],
      },
      ike: ["aes128-sha1-modp1536"],
      esp: ["aes128-sha1"],
      hardSeconds: 3_600,
      protect: [{ kind: "tunnel", local: everywhere, remote: everywhere }],
    },
    random: {
      // Quick mode's message ID.
      4: [(exchange.octets[6] ?? Buffer.alloc(0)).subarray(20, 24)].map((octets) => Uint8Array.from(octets)),
      8: [Uint8Array.from(exchange.cookies[role])],
      // The cookies of IKEv2 have a secret, which every engine asks for first.
      32: [
        new Uint8Array(32),
        Uint8Array.from(role === "initiator" ? exchange.ni : exchange.nr),
        quickModeNonces[role],
      ],
    },
    responderPublic: exchange.gxr,
    identities: { initiator: "10.0.3.1", responder: "10.0.3.2" },
    known: (job: ComputeJob) =>
      role === "responder" && job.kind === "decrypt"
        ? { kind: "decrypted", plaintexts: [exchange.ni, identityOf("initiator")] }
        : undefined,
  });
}

/** All of it; what the engine answered to each message, and what it said in place of each of its end's. */
function played(role: Role) {
  const ours = stage(role);
  const retelling = new Retelling(exchange, encr("aes128"));
  const heard: number[] = [];
  const waiting = ours.said.map(({ octets }) => octets);
  const spoken: Buffer[] = [];
  for (const { from, octets } of handshake.messages) {
    const mine = from === role ? waiting.shift() : undefined;
    if (from === role) {
      if (mine === undefined) break;
      spoken.push(mine);
      retelling.replaced(octets, mine);
      continue;
    }
    const answers = ours.say(retelling.retold(octets));
    heard.push(answers.length);
    waiting.push(...answers);
  }
  return { end: ours.end, espKeys: ours.espKeys, heard, spoken };
}

/** HASH_I or HASH_R, in the first encrypted message of an end. */
function proofIn(messages: readonly Buffer[], role: Role): string {
  const { replay, octets } = knownExchange("v1-main-pke");
  // The responder's IV is the last block of the initiator's.
  if (role === "responder") replay.open(octets[4] ?? Buffer.alloc(0));
  return Buffer.from(one(replay.open(messages[2] ?? Buffer.alloc(0)).payloads, "HASH").data).toString("hex");
}

/** As RFC 2409 5.5 derives them. */
function recordedEspKeys() {
  const spis = [exchange.spis.initiator, exchange.spis.responder];
  return Object.fromEntries(
    spis.map((spi) => {
      const sa = { protocolId: 3, spi: hex(spi), encr: encr("aes128"), integ: integ("sha1") };
      const { initiator: ni, responder: nr } = quickModeNonces;
      const { encrKey, integKey } = deriveIpsecKeys(keyPrf(exchange.hash, exchange.keys.d), sa, ni, nr);
      return [spi, { encr: digits(encrKey), integ: digits(integKey) }];
    }),
  );
}

const digits = (octets: Uint8Array) => Buffer.from(octets).toString("hex");

describe.each([
  ["initiator", [1, 1, 1, 1], { spiIn: "ac8eca3c", spiOut: "4589f1f1" }],
  ["responder", [1, 1, 1, 1, 0], { spiIn: "4589f1f1", spiOut: "ac8eca3c" }],
] as const)("the engine in the place of its %s", (role, answers, child) => {
  test("accepts each message and comes to the recorded SAs, hashes and keys, with this formula in place of the RFC's", () => {
    skeyid.isCisco = true;
    const { end, espKeys, heard, spoken } = played(role);
    expect(heard).toEqual(answers);
    expect(end.log.map(({ event }) => event)).not.toContain("message-dropped");
    const status = end.peer();
    expect(status.ikeSas).toMatchObject([
      { initiatorSpi: "11e79c308ebbd717", responderSpi: "2ca4eb67438cfda9", proposal: "aes128-prfsha1-modp1536" },
    ]);
    expect(status.children).toMatchObject([{ state: "up", sas: [{ ...child, proposal: "aes128-sha1" }] }]);
    expect(espKeys).toEqual(recordedEspKeys());
    // The Cisco's identity names UDP and port 500, ours nothing (RFC 2407 4.6.2), so that HASH_R is another over the same.
    const { skeyid: key, gxi, gxr, cookies, saBody } = exchange;
    const hash = role === "initiator" ? hashI : hashR;
    expect(proofIn(spoken, role)).toBe(digits(hash(key, gxi, gxr, cookies, saBody, identityOf(role))));
    const theirs = handshake.messages.filter(({ from }) => from === role).map(({ octets }) => octets);
    expect(proofIn(spoken, role) === proofIn(theirs, role)).toBe(role === "initiator");
  });

  test("with the RFC's takes the messages up to the key exchange, and no proof", () => {
    const { end, espKeys, heard } = played(role);
    expect(heard).toEqual([1, 1, 0]);
    expect(end.peer().state).not.toBe("up");
    expect(espKeys).toEqual({});
  });
});
