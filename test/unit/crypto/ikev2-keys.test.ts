import { describe, expect, it } from "vitest";
import { deriveChildKeys, deriveIkeKeys, rekeySkeyseed, skeyseed } from "../../../src/crypto/ikev2-keys.ts";
import { importKePair } from "../../../src/crypto/key-exchange.ts";
import { keyPrf, PrfPlusLengthError, prfPlus } from "../../../src/crypto/prf.ts";
import { makeSkCipher } from "../../../src/crypto/sk-cipher.ts";
import { encr, hex, integ, ke, loadVectors, prf } from "./vectors.ts";

const prfOfHash: Readonly<Record<string, string>> = {
  "SHA-1": "prfsha1",
  "SHA-256": "prfsha256",
  "SHA-384": "prfsha384",
  "SHA-512": "prfsha512",
};

interface NistCase {
  readonly nInit: string;
  readonly nResp: string;
  readonly gir: string;
  readonly girNew: string;
  readonly spiInit: string;
  readonly spiResp: string;
  readonly sKeySeed: string;
  readonly derivedKeyingMaterial: string;
  readonly derivedKeyingMaterialChild: string;
  readonly derivedKeyingMaterialDh: string;
  readonly sKeySeedReKey: string;
}

function checkNist(hash: string, vector: NistCase): void {
  const row = prf(prfOfHash[hash] ?? hash);
  const [ni, nr, gir, girNew] = [vector.nInit, vector.nResp, vector.gir, vector.girNew].map(hex) as Four;
  const seed = skeyseed(row, ni, nr, gir);
  expect(seed.toString("hex")).toBe(vector.sKeySeed);
  const spis = hex(vector.spiInit + vector.spiResp);
  const length = vector.derivedKeyingMaterial.length / 2;
  const dkm = prfPlus(keyPrf(row, seed), Buffer.concat([ni, nr, spis]), length);
  expect(dkm.toString("hex")).toBe(vector.derivedKeyingMaterial);

  const suite = { encr: encr("aes128"), integ: integ("sha1"), prf: row };
  const keys = deriveIkeKeys(suite, seed, ni, nr, spis.subarray(0, 8), spis.subarray(8));
  const parts = [keys.skD, keys.skAi, keys.skAr, keys.skEi, keys.skEr, keys.skPi, keys.skPr];
  expect(parts.map((part) => part.length)).toEqual([row.keyLength, 20, 20, 16, 16, row.keyLength, row.keyLength]);
  const stream = Buffer.concat(parts).toString("hex");
  const common = Math.min(stream.length, vector.derivedKeyingMaterial.length);
  expect(stream.slice(0, common)).toBe(vector.derivedKeyingMaterial.slice(0, common));

  for (const [shared, expected] of [
    [undefined, vector.derivedKeyingMaterialChild],
    [girNew, vector.derivedKeyingMaterialDh],
  ] as const) {
    const child = deriveChildKeys(row, keyPrf(row, keys.skD), suite, ni, nr, shared);
    const { initiator, responder } = child;
    const keymat = Buffer.concat([initiator.encrKey, initiator.integKey, responder.encrKey, responder.integKey]);
    expect(keymat.toString("hex")).toBe(expected.slice(0, 2 * 72));
    expect([initiator.encrKey.length, initiator.integKey.length]).toEqual([16, 20]);
    expect(deriveChildKeys(row, keys.skD, suite, ni, nr, shared)).toEqual(child);
  }
  expect(rekeySkeyseed(row, keys.skD, girNew, ni, nr).toString("hex")).toBe(vector.sKeySeedReKey);
  expect(rekeySkeyseed(row, keyPrf(row, keys.skD), girNew, ni, nr).toString("hex")).toBe(vector.sKeySeedReKey);
}

type Four = [Buffer, Buffer, Buffer, Buffer];

describe("NIST vectors", () => {
  const { testGroups } = loadVectors<{
    testGroups: { groupIndex: number; hash: string; tests: (NistCase & { count: number })[] }[];
  }>("nist/cavs-ikev2.json");
  for (const { groupIndex, hash, tests } of testGroups) {
    it(`CAVS group ${groupIndex}, ${hash}: ${tests.length} cases`, () => {
      expect(tests.length).toBeGreaterThan(0);
      for (const vector of tests) checkNist(hash, vector);
    });
  }
  it("ACVP server unit test", () => {
    const { ikev2 } = loadVectors<{ ikev2: (NistCase & { hash: string })[] }>("nist/acvp-server-unit-tests.json");
    expect(ikev2.length).toBe(1);
    for (const vector of ikev2) checkNist(vector.hash, vector);
  });
});

const legacySuite = { encr: encr("aes128"), integ: integ("sha1"), prf: prf("prfsha1") };

describe("recorded handshakes", () => {
  it("derives the keys of the Android unit tests, opens their IKE_AUTH and makes their AUTH", () => {
    const { classes } = loadVectors<{ classes: { class: string; constants: Record<string, string> }[] }>(
      "handshakes/aosp-ike-constants.json",
    );
    const constant = (testClass: string, name: string) =>
      hex(classes.find((entry) => entry.class === testClass)?.constants[name] ?? "missing");
    const record = (name: string) => constant("SaRecordTest", name);
    const ni = record("IKE_NONCE_INIT_HEX_STRING");
    const nr = record("IKE_NONCE_RESP_HEX_STRING");
    const seed = skeyseed(legacySuite.prf, ni, nr, record("IKE_SHARED_DH_KEY_HEX_STRING"));
    expect(seed).toEqual(record("IKE_SKEYSEED_HEX_STRING"));
    const keys = deriveIkeKeys(legacySuite, seed, ni, nr, record("IKE_INIT_SPI"), record("IKE_RESP_SPI"));
    expect(keys).toEqual({
      skD: record("IKE_SK_D_HEX_STRING"),
      skAi: record("IKE_SK_AUTH_INIT_HEX_STRING"),
      skAr: record("IKE_SK_AUTH_RESP_HEX_STRING"),
      skEi: record("IKE_SK_ENCR_INIT_HEX_STRING"),
      skEr: record("IKE_SK_ENCR_RESP_HEX_STRING"),
      skPi: record("IKE_SK_PRF_INIT_HEX_STRING"),
      skPr: record("IKE_SK_PRF_RESP_HEX_STRING"),
    });
    expect(deriveChildKeys(legacySuite.prf, keyPrf(legacySuite.prf, keys.skD), legacySuite, ni, nr)).toEqual({
      initiator: {
        encrKey: record("FIRST_CHILD_ENCR_INIT_HEX_STRING"),
        integKey: record("FIRST_CHILD_AUTH_INIT_HEX_STRING"),
      },
      responder: {
        encrKey: record("FIRST_CHILD_ENCR_RESP_HEX_STRING"),
        integKey: record("FIRST_CHILD_AUTH_RESP_HEX_STRING"),
      },
    });

    const message = constant("IkeSkPayloadTest", "IKE_AUTH_INIT_REQUEST_HEX_STRING");
    const cipher = makeSkCipher(legacySuite.encr, legacySuite.integ, keys.skEi, keys.skAi);
    const plaintext = cipher.open(message.subarray(0, 32), message.subarray(32, 48), message.subarray(48));
    const inner = constant("IkeSkPayloadTest", "IKE_AUTH_INIT_REQUEST_DECRYPTED_BODY_HEX_STRING");
    expect(plaintext?.subarray(0, inner.length)).toEqual(inner);

    const auth = (name: string) => constant("IkeAuthPskPayloadTest", name);
    const pad = keyPrf(legacySuite.prf, auth("PSK_HEX_STRING")).sign(Buffer.from("Key Pad for IKEv2"));
    const maced = keyPrf(legacySuite.prf, keys.skPi).sign(auth("PSK_ID_INITIATOR_PAYLOAD_HEX_STRING"));
    const signed = [auth("PSK_IKE_INIT_REQUEST_HEX_STRING"), auth("PSK_NONCE_RESP_HEX_STRING"), maced];
    expect(keyPrf(legacySuite.prf, pad).sign(...signed)).toEqual(auth("PSK_AUTH_PAYLOAD_SIGNATURE_HEX_STRING"));
  });

  interface RubCase {
    readonly [name: string]: string;
  }
  const rub = loadVectors<{
    handshakes: {
      id: string;
      dhPrivateInitiator: string;
      initiatorSpi: string;
      asserted: { responderSpi: string };
      messages: { from: string; hex: string }[];
    }[];
    keyDerivation: { ikev2: RubCase[] };
  }>("handshakes/rub-ike-handshakes.json");

  it("derives the keys of the RUB unit tests", () => {
    const vector = rub.keyDerivation.ikev2.find((entry) => entry["out.SKeyseed"] !== undefined) ?? {};
    const value = (name: string) => hex(vector[name] ?? "missing");
    const ni = value("in.initiatorNonce");
    const nr = value("in.responderNonce");
    const seed = skeyseed(legacySuite.prf, ni, nr, value("in.dHSecret"));
    expect(seed).toEqual(value("out.SKeyseed"));
    const [spiI, spiR] = [value("in.initiatorCookie"), value("in.responderCookie")];
    expect(deriveIkeKeys(legacySuite, seed, ni, nr, spiI, spiR)).toEqual({
      skD: value("out.SKd"),
      skAi: value("out.SKai"),
      skAr: value("out.SKar"),
      skEi: value("out.SKei"),
      skEr: value("out.SKer"),
      skPi: value("out.SKpi"),
      skPr: value("out.SKpr"),
    });
  });

  it("opens both IKE_AUTH messages of a recorded exchange from the initiator's private value", () => {
    const handshake = rub.handshakes.find(({ id }) => id === "v2-psk");
    const [initRequest, initResponse, authRequest, authResponse] = (handshake?.messages ?? []).map((message) =>
      hex(message.hex),
    ) as Four;
    // Header 28, SA 48, then the KE payload with a 4-octet header, 4 octets of group and 128 of value, then the nonce.
    const keOffset = 28 + 48;
    const pair = importKePair(ke("modp1024"), hex(handshake?.dhPrivateInitiator ?? ""));
    expect(initRequest.subarray(keOffset + 8, keOffset + 136)).toEqual(pair.publicValue);
    const shared = pair.deriveShared(initResponse.subarray(keOffset + 8, keOffset + 136));
    const nonce = (message: Buffer) =>
      message.subarray(keOffset + 140, keOffset + 136 + message.readUInt16BE(keOffset + 138));
    const [ni, nr] = [nonce(initRequest), nonce(initResponse)];
    const seed = skeyseed(legacySuite.prf, ni, nr, shared);
    const keys = deriveIkeKeys(legacySuite, seed, ni, nr, initResponse.subarray(0, 8), initResponse.subarray(8, 16));
    for (const [message, skE, skA, firstPayload] of [
      [authRequest, keys.skEi, keys.skAi, 35],
      [authResponse, keys.skEr, keys.skAr, 36],
    ] as const) {
      const cipher = makeSkCipher(legacySuite.encr, legacySuite.integ, skE, skA);
      const plaintext = cipher.open(message.subarray(0, 32), message.subarray(32, 48), message.subarray(48));
      // The SK payload names the first inner payload, IDi or IDr; both are an IPv4 address, 12 octets long.
      expect(message[28]).toBe(firstPayload);
      expect(plaintext?.readUInt16BE(2)).toBe(12);
    }
  });
});

describe("key lengths", () => {
  const ni = Buffer.alloc(32, 1);
  const nr = Buffer.alloc(32, 2);
  const spi = Buffer.alloc(8, 3);

  it("takes no SK_a for an AEAD cipher, and a salt with SK_e", () => {
    const suite = { encr: encr("aes256gcm16"), prf: prf("prfsha384") };
    const keys = deriveIkeKeys(suite, Buffer.alloc(48), ni, nr, spi, spi);
    const lengths = Object.values(keys).map((key: Buffer) => key.length);
    expect(lengths).toEqual([48, 0, 0, 36, 36, 48, 48]);
  });

  it("gives AH integrity keys alone and an AEAD Child SA encryption keys alone", () => {
    const keyed = keyPrf(prf("prfsha256"), Buffer.alloc(32));
    const ah = deriveChildKeys(prf("prfsha256"), keyed, { integ: integ("sha384") }, ni, nr);
    expect([ah.initiator.encrKey.length, ah.initiator.integKey.length]).toEqual([0, 48]);
    const esp = deriveChildKeys(prf("prfsha256"), keyed, { encr: encr("chacha20poly1305") }, ni, nr);
    expect([esp.responder.encrKey.length, esp.responder.integKey.length]).toEqual([36, 0]);
    const gmac = deriveChildKeys(prf("prfsha256"), keyed, { encr: encr("aes192gmac") }, ni, nr);
    expect(gmac.responder.encrKey.length).toBe(28);
  });

  it("takes 64 bits of each nonce for the AES PRFs (RFC 7296 2.14)", () => {
    for (const keyword of ["prfaesxcbc", "prfaescmac"]) {
      const row = prf(keyword);
      const shared = Buffer.alloc(32, 9);
      const key = Buffer.concat([ni.subarray(0, 8), nr.subarray(0, 8)]);
      expect(skeyseed(row, ni, nr, shared)).toEqual(keyPrf(row, key).sign(shared));
    }
  });

  it("refuses more than 255 blocks of prf+", () => {
    const keyed = keyPrf(prf("prfsha256"), ni);
    expect(prfPlus(keyed, nr, 255 * 32).length).toBe(255 * 32);
    expect(() => prfPlus(keyed, nr, 255 * 32 + 1)).toThrow(PrfPlusLengthError);
  });
});
