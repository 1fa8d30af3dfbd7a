import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  type Cookies,
  deriveIpsecKeys,
  deriveSkeyidKeys,
  expandCipherKey,
  hashR,
  phase1Iv,
  phase2Iv,
  skeyidPreSharedKey,
  skeyidPublicKey,
  skeyidSignature,
} from "../../../src/crypto/ikev1-keys.ts";
import { isIsakmpHash } from "../../../src/crypto/ikev1-numbers.ts";
import { keyPrf } from "../../../src/crypto/prf.ts";
import { encr, hex, integ, loadVectors, prf } from "./vectors.ts";

const prfOfHash: Readonly<Record<string, string>> = {
  "SHA-1": "prfsha1",
  "SHA-256": "prfsha256",
  "SHA-384": "prfsha384",
  "SHA-512": "prfsha512",
};

interface NistCase {
  readonly hash: string;
  readonly ckyInit: string;
  readonly ckyResp: string;
  readonly nInit: string;
  readonly nResp: string;
  readonly gxy: string;
  readonly preSharedKey?: string;
  readonly sKeyId: string;
  readonly sKeyIdD: string;
  readonly sKeyIdA: string;
  readonly sKeyIdE: string;
}

type Method = "psk" | "dsa" | "pke";

function checkNist(method: Method, vector: NistCase): void {
  const row = prf(prfOfHash[vector.hash] ?? vector.hash);
  if (!isIsakmpHash(row)) throw new Error("not a hash of IKEv1");
  const [ni, nr, gxy] = [hex(vector.nInit), hex(vector.nResp), hex(vector.gxy)];
  const cookies: Cookies = { initiator: hex(vector.ckyInit), responder: hex(vector.ckyResp) };
  const skeyid = {
    psk: () => skeyidPreSharedKey(row, hex(vector.preSharedKey ?? ""), ni, nr),
    dsa: () => skeyidSignature(row, ni, nr, gxy),
    pke: () => skeyidPublicKey(row, row.method.hash, ni, nr, cookies),
  }[method]();
  expect(skeyid.toString("hex")).toBe(vector.sKeyId);
  const { d, a, e } = deriveSkeyidKeys(keyPrf(row, skeyid), gxy, cookies);
  expect([d, a, e].map((key) => key.toString("hex"))).toEqual([vector.sKeyIdD, vector.sKeyIdA, vector.sKeyIdE]);
}

describe("NIST vectors", () => {
  for (const method of ["psk", "dsa"] as const) {
    const { testGroups } = loadVectors<{ testGroups: { groupIndex: number; hash: string; tests: NistCase[] }[] }>(
      `nist/cavs-ikev1-${method}.json`,
    );
    it(`CAVS ${method}: 136 cases`, () => {
      const cases = testGroups.flatMap(({ hash, tests }) => tests.map((vector) => ({ ...vector, hash })));
      expect(cases.length).toBe(136);
      for (const vector of cases) checkNist(method, vector);
    });
  }

  const acvp = loadVectors<Readonly<Record<`ikev1_${Method}`, NistCase[]>>>("nist/acvp-server-unit-tests.json");
  it.each(["psk", "dsa", "pke"] as const)("ACVP server unit tests, %s", (method) => {
    // IKEv1 has no number for SHA-224.
    const cases = acvp[`ikev1_${method}`].filter(({ hash }) => hash !== "SHA-224");
    expect(cases.length).toBeGreaterThanOrEqual(2);
    for (const vector of cases) checkNist(method, vector);
  });
});

describe("the key derivations of the RUB unit tests", () => {
  type RubCase = Readonly<Record<string, string>>;
  const { ikev1 } = loadVectors<{ keyDerivation: { ikev1: RubCase[] } }>(
    "handshakes/rub-ike-handshakes.json",
  ).keyDerivation;

  it("are three", () => expect(ikev1.length).toBe(3));

  it.each(ikev1.map((vector) => ({ vector, name: vector.test })))("$name", ({ vector }) => {
    const value = (name: string) => hex(vector[`in.${name}`] ?? "");
    const row = prf("prfsha1");
    const encryption = encr("aes128");
    const cookies = { initiator: value("initiatorCookie"), responder: value("responderCookie") };
    const skeyid = skeyidPreSharedKey(row, Buffer.from("AAAA"), value("initiatorNonce"), value("responderNonce"));
    const keyed = keyPrf(row, skeyid);
    const { d, a, e } = deriveSkeyidKeys(keyed, value("dHSecret"), cookies);
    const [gxi, gxr] = [value("keyExchangeData"), value("peerKeyExchangeData")];
    const phase2 = (name: string) => hex(vector[`phase2In.${name}`] ?? "");
    const keymat = (spi: Buffer) => {
      const sa = { protocolId: 3, spi, encr: encryption, integ: integ("sha1") };
      const keys = deriveIpsecKeys(keyPrf(row, d), sa, phase2("initiatorNonce"), phase2("responderNonce"));
      return Buffer.concat([keys.encrKey, keys.integKey]);
    };
    // Quick Mode and Informational exchanges without one before them: the IV of phase 1 stands for its last block.
    const iv = phase1Iv("sha1", encryption, gxi, gxr);
    const seen: Readonly<Record<string, Buffer>> = {
      SKEYID: skeyid,
      SKEYID_d: d,
      SKEYID_a: a,
      SKEYID_e: e,
      Ka: expandCipherKey(row, encryption, e),
      IV: iv,
      'IV(("d8029d42"))': phase2Iv("sha1", encryption, iv, 0xd8029d42),
      HASH_R: hashR(keyed, gxi, gxr, cookies, value("sAOfferBody"), value("peerIdentificationPayloadBody")),
      inboundKeyMaterial: keymat(phase2("inboundSpi")),
      outboundKeyMaterial: keymat(phase2("outboundSpi")),
    };
    const expected = Object.entries(vector).filter(([name]) => name.startsWith("out."));
    expect(expected.length).toBeGreaterThanOrEqual(4);
    for (const [name, digits] of expected) expect(seen[name.slice(4)]?.toString("hex"), name).toBe(digits);
  });
});

describe("lengths", () => {
  it("takes the first octets of SKEYID_e where it is long enough, and K1 | K2 | … where not (RFC 2409 appendix B)", () => {
    const skeyidE = Buffer.alloc(20, 5);
    expect(expandCipherKey(prf("prfsha1"), encr("aes128"), skeyidE)).toEqual(skeyidE.subarray(0, 16));
    const keyed = keyPrf(prf("prfsha1"), skeyidE);
    const k1 = keyed.sign(Buffer.from([0]));
    const k2 = keyed.sign(k1);
    expect(expandCipherKey(prf("prfsha1"), encr("aes256"), skeyidE)).toEqual(Buffer.concat([k1, k2]).subarray(0, 32));
    expect(expandCipherKey(prf("prfsha1"), encr("3des"), skeyidE)).toEqual(Buffer.concat([k1, k2]).subarray(0, 24));
  });

  it("takes as much of the hash for an IV as a block has", () => {
    const [gxi, gxr] = [Buffer.alloc(128, 1), Buffer.alloc(128, 2)];
    const whole = createHash("sha1").update(gxi).update(gxr).digest();
    expect(phase1Iv("sha1", encr("aes256"), gxi, gxr)).toEqual(whole.subarray(0, 16));
    expect(phase1Iv("sha1", encr("3des"), gxi, gxr)).toEqual(whole.subarray(0, 8));
    const later = createHash("md5").update(Buffer.alloc(8, 3)).update(Buffer.from("01020304", "hex")).digest();
    expect(phase2Iv("md5", encr("des"), Buffer.alloc(8, 3), 0x01020304)).toEqual(later.subarray(0, 8));
  });

  it("feeds KEYMAT back, encryption first, and gives each protocol and SPI its own (RFC 2409 5.5)", () => {
    const keyed = keyPrf(prf("prfsha1"), Buffer.alloc(20, 1));
    const [ni, nr, shared] = [Buffer.alloc(16, 2), Buffer.alloc(16, 3), Buffer.alloc(128, 4)];
    const spi = hex("00c0ffee");
    const esp = { protocolId: 3, spi, encr: encr("aes256"), integ: integ("sha256") };
    const seed = Buffer.concat([shared, Buffer.from([3]), spi, ni, nr]);
    const blocks = [keyed.sign(seed)];
    while (blocks.length < 4) blocks.push(keyed.sign(blocks.at(-1) as Buffer, seed));
    const { encrKey, integKey } = deriveIpsecKeys(keyed, esp, ni, nr, shared);
    expect([encrKey.length, integKey.length]).toEqual([32, 32]);
    expect(Buffer.concat([encrKey, integKey])).toEqual(Buffer.concat(blocks).subarray(0, 64));

    const ah = deriveIpsecKeys(keyed, { protocolId: 2, spi, integ: integ("sha256") }, ni, nr, shared);
    expect([ah.encrKey.length, ah.integKey.length]).toEqual([0, 32]);
    expect(ah.integKey).not.toEqual(encrKey);
    const gcm = deriveIpsecKeys(keyed, { protocolId: 3, spi, encr: encr("aes128gcm16") }, ni, nr);
    expect([gcm.encrKey.length, gcm.integKey.length]).toEqual([20, 0]);
  });
});
