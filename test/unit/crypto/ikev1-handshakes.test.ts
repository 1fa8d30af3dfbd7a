import { describe, expect, it, test } from "vitest";
import { deriveIpsecKeys, hash1, hash2, hash3, hashI, hashR } from "../../../src/crypto/ikev1-keys.ts";
import { keyPrf } from "../../../src/crypto/prf.ts";
import {
  decodeBody,
  encodeBody,
  encodeEncrypted,
  encodeMessage,
  encodePayloads,
  prependHash,
} from "../../../src/wire/ikev1/message.ts";
import type { Payload } from "../../../src/wire/ikev1/payloads/table.ts";
import { payloadType } from "../../../src/wire/ikev1/registry/message.ts";
import { nameOf } from "../../../src/wire/ikev1/registry/names.ts";
import {
  bodyOf,
  clear,
  decryptRsa,
  everythingOpened,
  type KnownExchange,
  keyedCapture,
  knownExchange,
  type Opened,
  one,
} from "./ikev1-replay.ts";
import { encr, hex, integ } from "./vectors.ts";

function digits(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}

/** What RFC 2409 5 says a HASH payload holds is what was recorded. */
function expectHash(payloads: readonly Payload[], computed: Buffer): void {
  expect(digits(one(payloads, "HASH").data)).toBe(computed.toString("hex"));
}

/** Phase 1's last two messages. */
function checkMainMode(exchange: KnownExchange, idI: Payload, idR: Payload): void {
  const { skeyid, gxi, gxr, cookies, saBody, replay, octets } = exchange;
  const [fifth, sixth] = octets.slice(4, 6).map((message) => replay.open(message).payloads);
  expectHash(fifth ?? [], hashI(skeyid, gxi, gxr, cookies, saBody, encodeBody(idI)));
  expectHash(sixth ?? [], hashR(skeyid, gxi, gxr, cookies, saBody, encodeBody(idR)));
}

/** The three messages of quick mode. */
function checkQuickMode(exchange: KnownExchange): { ni: Uint8Array; nr: Uint8Array } {
  const { hash, keys, replay, octets, nonces, spis } = exchange;
  const skeyidA = keyPrf(hash, keys.a);
  const [first, second, third] = octets.slice(6).map((message) => replay.open(message)) as [Opened, Opened, Opened];
  const { messageId } = first.message.header;
  const ni = one(first.payloads, "NONCE").data;
  const nr = one(second.payloads, "NONCE").data;
  expect(digits(ni)).toBe(nonces.quickModeInitiator);
  expectHash(first.payloads, hash1(skeyidA, messageId, first.afterFirst));
  expectHash(second.payloads, hash2(skeyidA, messageId, ni, second.afterFirst));
  expectHash(third.payloads, hash3(skeyidA, messageId, ni, nr));
  const rest = encodePayloads(first.payloads.slice(1));
  expect(digits(prependHash(hash1(skeyidA, messageId, rest.octets), rest).octets)).toBe(digits(first.octets));
  const seen = [first, second].map((m) => digits(one(m.payloads, "SA").proposals[0]?.spi ?? new Uint8Array(0)));
  expect(seen).toEqual([spis.initiator, spis.responder]);
  return { ni, nr };
}

describe("main mode with a pre-shared key, and quick mode", () => {
  it("gives the recorded octets from the private value and the key", () => {
    const exchange = knownExchange("v1-main-psk");
    expect(digits(exchange.gxi)).toBe(exchange.pair.publicValue.toString("hex"));
    expect([exchange.ni, exchange.nr].map(digits)).toEqual([exchange.nonces.initiator, exchange.nonces.responder]);
    const { replay, octets } = knownExchange("v1-main-psk");
    const [idI, idR] = octets.slice(4, 6).map((message) => one(replay.open(message).payloads, "ID"));
    if (idI === undefined || idR === undefined) throw new Error("no identities");
    expect(idI).toMatchObject({ idType: 1, data: Uint8Array.of(10, 0, 3, 1) });
    checkMainMode(exchange, idI, idR);
    const { ni, nr } = checkQuickMode(exchange);
    const sa = { protocolId: 3, spi: hex(exchange.spis.responder), encr: encr("aes128"), integ: integ("sha1") };
    const { encrKey, integKey } = deriveIpsecKeys(keyPrf(exchange.hash, exchange.keys.d), sa, ni, nr);
    expect([encrKey.length, integKey.length]).toEqual([16, 20]);
  });
});

describe("main mode with public key encryption, and quick mode, with a Cisco", () => {
  it("gives the recorded octets from the private value and the initiator's nonce", () => {
    const exchange = knownExchange("v1-main-pke");
    expect(digits(exchange.gxi)).toBe(exchange.pair.publicValue.toString("hex"));
    expect(digits(exchange.nr)).toBe(exchange.nonces.responder);
    if (exchange.rsa === undefined) throw new Error("no key");
    const fourth = clear(exchange.octets[3] ?? Buffer.alloc(0), new Set([payloadType.ID, payloadType.NONCE]));
    const idR = decodeBody(payloadType.ID, decryptRsa(exchange.rsa, bodyOf(fourth, payloadType.ID)));
    // The initiator's is encrypted for the responder; it was its address.
    const idI = { isakmp: "ID", idType: 1, ipProtocol: 0, port: 0, data: Uint8Array.of(10, 0, 3, 1) } as const;
    checkMainMode(exchange, idI, idR);
    checkQuickMode(exchange);
  });
});

describe("exchanges of which the encryption key is known", () => {
  it("main mode with RSA signatures, 3DES and MD5, and quick mode with PFS", () => {
    const { replay, encrypted, repeats } = keyedCapture("wireshark-ikev1-certs");
    expect(repeats).toBe(1);
    expect(encrypted.map((octets) => replay.open(octets).payloads.map((p) => p.isakmp))).toEqual([
      ["ID", "CERT", "CR", "SIG"],
      ["ID", "CERT", "SIG"],
      ["HASH", "SA", "NONCE", "KE", "ID", "ID"],
      ["HASH", "SA", "NONCE", "KE", "ID", "ID"],
      ["HASH"],
    ]);
  });

  it("aggressive mode with XAuth and mode config, AES-256 and SHA2-256", () => {
    const { replay, encrypted } = keyedCapture("wireshark-ikev1-bug-12620");
    const said = encrypted.map((octets) => {
      const [hash, payload] = replay.open(octets).payloads;
      expect(hash?.isakmp).toBe("HASH");
      if (payload?.isakmp === "N") return nameOf.notify(payload.type);
      if (payload?.isakmp !== "ATTR") throw new Error("neither a notification nor attributes");
      return [nameOf.cfg(payload.cfgType), ...payload.attributes.map(({ type }) => nameOf.cfgAttribute(type))].join(
        " ",
      );
    });
    const network = "INTERNAL_IP4_ADDRESS INTERNAL_IP4_NETMASK INTERNAL_IP4_DNS INTERNAL_IP4_NBNS";
    const unity = "UNITY_BANNER UNITY_DEF_DOMAIN UNITY_SPLITDNS_NAME UNITY_SPLIT_INCLUDE UNITY_LOCAL_LAN";
    expect(said).toEqual([
      "INITIAL_CONTACT",
      "ISAKMP_CFG_REQUEST XAUTH_USER_NAME XAUTH_USER_PASSWORD",
      "ISAKMP_CFG_REPLY XAUTH_USER_NAME XAUTH_USER_PASSWORD",
      "ISAKMP_CFG_SET XAUTH_STATUS",
      "ISAKMP_CFG_ACK XAUTH_STATUS",
      `ISAKMP_CFG_REQUEST ${network} ${unity} APPLICATION_VERSION`,
      "ISAKMP_CFG_REPLY INTERNAL_IP4_ADDRESS UNITY_SPLIT_INCLUDE",
    ]);
  });
});

describe("every recorded message that can be opened", () => {
  const opened = everythingOpened();

  test("they are those after phase 1's key exchange", () => expect(opened.length).toBe(22));

  test.each(opened)("$id is written and encrypted as it was", ({ payloads, padding, message, iv, cipher }) => {
    const { firstType, octets } = encodePayloads(payloads);
    const ciphertext = cipher.encrypt(iv, Buffer.concat([octets, padding]));
    const whole = encodeEncrypted(message.header, firstType, message.ciphertext);
    expect(digits(encodeEncrypted(message.header, firstType, ciphertext))).toBe(digits(whole));
    expect(whole.length).toBe(message.header.length);
    expect(() => encodeMessage(message.header, payloads)).toThrow("a message in clear has no encryption flag");
  });
});
