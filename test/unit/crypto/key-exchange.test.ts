import { createDiffieHellmanGroup, createHash, getCurves } from "node:crypto";
import { x448 } from "@noble/curves/ed448.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { describe, expect, it, vi } from "vitest";
import { generateNobleEcp, importNobleEcp } from "../../../src/crypto/key-exchange/noble-ecp.ts";
import { generateKePair, importKePair, type KePair, KeyExchangeError } from "../../../src/crypto/key-exchange.ts";
import type { KeTransform } from "../../../src/crypto/transforms/ke.ts";
import { transforms } from "../../../src/crypto/transforms.ts";
import { hex, ke, loadVectors, runnableKe, wycheproof } from "./vectors.ts";

// Hundreds of derivations in slow groups, on a machine that does other things too.
vi.setConfig({ testTimeout: 60_000 });

function reasonOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof KeyExchangeError) return error.reason;
    throw error;
  }
  return undefined;
}

const modpRows = runnableKe.filter(({ method }) => method?.kind === "modp");
const ecpRows = runnableKe.filter(({ method }) => method?.kind === "ecp");
const brainpoolRows = ecpRows.filter(({ keyword }) => keyword.endsWith("bp"));

describe.each(runnableKe)("$keyword", (row) => {
  it("gives both ends the same secret of the right length", () => {
    const [a, b] = [generateKePair(row), generateKePair(row)];
    expect([a.publicValue.length, b.publicValue.length]).toEqual([row.publicLength, row.publicLength]);
    expect(a.publicValue).not.toEqual(b.publicValue);
    const shared = a.deriveShared(b.publicValue);
    expect(b.deriveShared(a.publicValue)).toEqual(shared);
    expect(shared.length).toBe(row.method?.kind === "ecp" ? row.publicLength / 2 : row.publicLength);
  });

  it("refuses public values of other lengths", () => {
    const pair = importKePair(row, privateKeyOf(row));
    for (const length of [0, 1, row.publicLength - 1, row.publicLength + 1]) {
      expect(reasonOf(() => pair.deriveShared(Buffer.alloc(length, 2)))).toBe("length");
    }
  });

  it("is deterministic for a known private key and forgets it when destroyed", () => {
    const [a, b] = [importKePair(row, privateKeyOf(row)), importKePair(row, privateKeyOf(row))];
    expect(a.publicValue).toEqual(b.publicValue);
    expect(a.deriveShared(b.publicValue)).toEqual(b.deriveShared(a.publicValue));
    a.destroy();
    expect(reasonOf(() => a.deriveShared(b.publicValue))).toBe("destroyed");
  });
});

describe("decode-only methods", () => {
  const rows = transforms.filter((row) => row.type === "KE").filter((row) => row.decodeOnly !== undefined);
  it.each(rows)("$keyword is not run", (row) => {
    expect(reasonOf(() => generateKePair(row))).toBe("unsupported");
    expect(reasonOf(() => importKePair(row, Buffer.alloc(20, 1)))).toBe("unsupported");
  });
});

describe("MODP groups", () => {
  const { cases_groups: groups } = loadVectors<{
    cases_groups: { group: number; bits: number; prime: string; generator: string; primeSha256: string }[];
  }>("rfc/modp-groups.json");

  it.each(modpRows)("$keyword has the prime and generator of its RFC", (row) => {
    const group = groups.find((entry) => entry.group === row.ikev2);
    if (row.method?.kind !== "modp" || group === undefined) throw new Error("no such group");
    const openssl = createDiffieHellmanGroup(row.method.openssl);
    expect(openssl.getPrime("hex")).toBe(group.prime);
    expect(createHash("sha256").update(openssl.getPrime()).digest("hex")).toBe(group.primeSha256);
    expect(openssl.getGenerator("hex")).toBe(group.generator);
    expect([row.publicLength * 8, row.keyword]).toEqual([group.bits, `modp${group.bits}`]);
  });

  it.each(modpRows)("$keyword refuses 0, 1, p - 1, p and more, takes 2 (RFC 6989 2.1)", (row) => {
    const pair = importKePair(row, privateKeyOf(row));
    const p = BigInt(`0x${groups.find((entry) => entry.group === row.ikev2)?.prime}`);
    const encode = (y: bigint) => hex(y.toString(16).padStart(2 * row.publicLength, "0"));
    const refused = [0n, 1n, p - 1n, p, p + 1n, (1n << BigInt(8 * row.publicLength)) - 1n];
    for (const y of refused) expect(reasonOf(() => pair.deriveShared(encode(y)))).toBe("range");
    expect(pair.deriveShared(encode(2n))).toEqual(pair.publicValue);
    // p - 2 is no power of 2: RFC 6989 leaves open whether that is checked, and OpenSSL's versions differ.
    expect([undefined, "subgroup"]).toContain(reasonOf(() => pair.deriveShared(encode(p - 2n))));
  });

  it("keeps leading zeros of public value and secret (RFC 7296 2.14)", () => {
    // g^x for x = 9 is 2^9, which fills two octets; its square is 2^18.
    const row = ke("modp2048");
    const a = importKePair(row, Buffer.of(9));
    expect(a.publicValue.toString("hex")).toBe("0200".padStart(512, "0"));
    const peer = hex("0200".padStart(512, "0"));
    expect(importKePair(row, Buffer.of(2)).deriveShared(peer).toString("hex")).toBe("040000".padStart(512, "0"));
    const generated = generateKePair(row);
    expect(generated.deriveShared(a.publicValue)).toEqual(a.deriveShared(generated.publicValue));
  });

  it("refuses a private key of zero or longer than the prime", () => {
    expect(reasonOf(() => importKePair(ke("modp2048"), Buffer.alloc(4)))).toBe("private-key");
    expect(reasonOf(() => importKePair(ke("modp2048"), Buffer.alloc(257, 1)))).toBe("private-key");
  });
});

describe("ECP groups", () => {
  const rfc5903 = loadVectors<{ cases: (Record<string, string> & { group: number })[] }>("rfc/rfc5903-ecp.json").cases;
  it.each(rfc5903)("RFC 5903 group $group, with the whole KE payload", (vector) => {
    const row = ecpRows.find(({ ikev2 }) => ikev2 === vector.group);
    if (row === undefined) throw new Error("no such group");
    const [i, r] = [importKePair(row, hex(vector.i ?? "")), importKePair(row, hex(vector.r ?? ""))];
    expect(i.publicValue).toEqual(hex(vector.keiPayload ?? "").subarray(8));
    expect(r.publicValue).toEqual(hex(vector.kerPayload ?? "").subarray(8));
    expect(i.deriveShared(r.publicValue).toString("hex")).toBe(vector.sharedSecret);
    expect(r.deriveShared(i.publicValue).toString("hex")).toBe(vector.sharedSecret);
  });

  const brainpool = loadVectors<Record<"cases_rfc6932" | "cases_rfc6954", Record<string, string>[]>>(
    "rfc/rfc6932-6954-brainpool.json",
  );
  const curveRow = (curve: string | undefined) => {
    const row = brainpoolRows.find(({ method }) => method?.kind === "ecp" && method.openssl === curve);
    if (row?.method?.kind !== "ecp") throw new Error(`no row for ${curve}`);
    return { row, method: row.method };
  };
  for (const rfc of ["cases_rfc6932", "cases_rfc6954"] as const) {
    it.each(brainpool[rfc].map((vector) => ({ curve: vector.curve, vector })))(
      `${rfc.slice(6)} $curve by both implementations`,
      ({ vector }) => {
        const { row, method } = curveRow(vector.curve);
        const imports = [(key: Buffer) => importKePair(row, key), (key: Buffer) => importNobleEcp(row, method, key)];
        for (const importPair of imports) {
          const [a, b] = [importPair(hex(vector.dA ?? "")), importPair(hex(vector.dB ?? ""))];
          expect(a.publicValue.toString("hex")).toBe(`${vector.x_qA}${vector.y_qA}`);
          expect(b.publicValue.toString("hex")).toBe(`${vector.x_qB}${vector.y_qB}`);
          expect(a.deriveShared(b.publicValue).toString("hex")).toBe(vector.x_Z);
          expect(b.deriveShared(a.publicValue).toString("hex")).toBe(vector.x_Z);
        }
      },
    );
  }

  it.each(ecpRows)("$keyword refuses points off the curve, coordinates of p or more and zero", (row) => {
    const pair = generateKePair(row);
    const offCurve = Buffer.from(pair.publicValue);
    offCurve[offCurve.length - 1] = (offCurve.at(-1) ?? 0) ^ 1;
    expect(reasonOf(() => pair.deriveShared(offCurve))).toBe("not-on-curve");
    expect(reasonOf(() => pair.deriveShared(Buffer.alloc(row.publicLength, 0xff)))).toBe("not-on-curve");
    expect(reasonOf(() => pair.deriveShared(Buffer.alloc(row.publicLength)))).toBe("not-on-curve");
    expect(reasonOf(() => importKePair(row, Buffer.alloc(row.publicLength / 2)))).toBe("private-key");
    expect(reasonOf(() => importKePair(row, Buffer.alloc(row.publicLength / 2, 0xff)))).toBe("private-key");
  });

  it.each(brainpoolRows)("$keyword by @noble/curves refuses the same", (row) => {
    if (row.method?.kind !== "ecp") throw new Error("not ECP");
    const pair = generateNobleEcp(row, row.method);
    const openssl = generateKePair(row);
    expect(pair.deriveShared(openssl.publicValue)).toEqual(openssl.deriveShared(pair.publicValue));
    const offCurve = Buffer.from(openssl.publicValue);
    offCurve[offCurve.length - 1] = (offCurve.at(-1) ?? 0) ^ 1;
    expect(reasonOf(() => pair.deriveShared(offCurve))).toBe("not-on-curve");
    expect(reasonOf(() => pair.deriveShared(Buffer.alloc(row.publicLength, 0xff)))).toBe("not-on-curve");
    expect(reasonOf(() => pair.deriveShared(Buffer.alloc(row.publicLength)))).toBe("not-on-curve");
    expect(reasonOf(() => pair.deriveShared(Buffer.alloc(3)))).toBe("length");
    expect(reasonOf(() => importNobleEcp(row, { ...ecp(row), openssl: "prime256v1" }, Buffer.of(1)))).toBe(
      "unsupported",
    );
    expect(reasonOf(() => importNobleEcp(row, ecp(row), Buffer.alloc(4)))).toBe("private-key");
    pair.destroy();
    expect(reasonOf(() => pair.deriveShared(openssl.publicValue))).toBe("destroyed");
  });

  it("is run by OpenSSL here, so that both implementations were compared", () => {
    for (const row of ecpRows) expect(getCurves()).toContain(ecp(row).openssl);
  });

  it.each([
    ["ecp256", p256],
    ["ecp384", p384],
    ["ecp521", p521],
  ] as const)("%s agrees with @noble/curves", (keyword, curve) => {
    const row = ke(keyword);
    const mine = generateKePair(row);
    const { secretKey, publicKey } = curve.keygen();
    const other = curve.getSharedSecret(secretKey, Buffer.concat([Buffer.of(4), mine.publicValue]));
    const uncompressed = curve.Point.fromBytes(publicKey).toBytes(false).subarray(1);
    expect(mine.deriveShared(uncompressed)).toEqual(Buffer.from(other.subarray(1)));
  });
});

describe("X25519 and X448", () => {
  const rfc = loadVectors<{
    cases_function: { alg: string; scalar: string; u: string; out: string }[];
    cases_iterated: { alg: string; start: string; after1: string; after1000: string }[];
    cases_dh: Record<string, string>[];
    cases_rfc8031: Record<string, string>[];
  }>("rfc/rfc7748-8031-x25519-x448.json");

  it.each(rfc.cases_function)("RFC 7748 5.2 $alg $scalar", ({ alg, scalar, u, out }) => {
    expect(importKePair(ke(alg.toLowerCase()), hex(scalar)).deriveShared(hex(u)).toString("hex")).toBe(out);
  });
  it.each(rfc.cases_iterated)("RFC 7748 5.2 $alg iterated a thousand times", ({ alg, start, after1, after1000 }) => {
    const row = ke(alg.toLowerCase());
    let [k, u] = [hex(start), hex(start)];
    for (let i = 1; i <= 1000; i++) {
      [k, u] = [importKePair(row, k).deriveShared(u), k];
      if (i === 1) expect(k.toString("hex")).toBe(after1);
    }
    expect(k.toString("hex")).toBe(after1000);
  });
  it.each(rfc.cases_dh.map((vector) => ({ alg: vector.alg, vector })))("RFC 7748 6 $alg", ({ vector }) => {
    const row = ke((vector.alg ?? "").toLowerCase());
    const [a, b] = [importKePair(row, hex(vector.privateA ?? "")), importKePair(row, hex(vector.privateB ?? ""))];
    expect(a.publicValue.toString("hex")).toBe(vector.publicA);
    expect(b.publicValue.toString("hex")).toBe(vector.publicB);
    expect(a.deriveShared(b.publicValue).toString("hex")).toBe(vector.shared);
    expect(b.deriveShared(a.publicValue).toString("hex")).toBe(vector.shared);
  });
  it.each(rfc.cases_rfc8031)("RFC 8031 appendix A", (vector) => {
    const row = ke("x25519");
    const [i, r] = [importKePair(row, hex(vector.randomI ?? "")), importKePair(row, hex(vector.randomR ?? ""))];
    expect(i.publicValue.toString("hex")).toBe(vector.publicI);
    expect(r.publicValue.toString("hex")).toBe(vector.publicR);
    expect(i.deriveShared(r.publicValue).toString("hex")).toBe(vector.shared);
  });

  it.each([
    ["x25519", x25519],
    ["x448", x448],
  ] as const)("%s agrees with @noble/curves", (keyword, curve) => {
    const mine = generateKePair(ke(keyword));
    const { secretKey, publicKey } = curve.keygen();
    const expected = Buffer.from(curve.getSharedSecret(secretKey, mine.publicValue));
    expect(mine.deriveShared(publicKey)).toEqual(expected);
    expect(reasonOf(() => importKePair(ke(keyword), Buffer.alloc(31)))).toBe("private-key");
  });
});

describe("Wycheproof", () => {
  interface EcdhCase {
    readonly public: string;
    readonly private: string;
    readonly shared: string;
  }

  for (const keyword of ["x25519", "x448"]) {
    it(keyword, () => {
      let lowOrder = 0;
      for (const { tests } of wycheproof<object, EcdhCase>(keyword)) {
        for (const { tcId, flags, result, ...vector } of tests) {
          const pair = importKePair(ke(keyword), hex(vector.private));
          const run = () => pair.deriveShared(hex(vector.public)).toString("hex");
          if (flags.includes("ZeroSharedSecret")) {
            expect(reasonOf(run), `case ${tcId}`).toBe("low-order");
            lowOrder++;
          } else if (result === "invalid") {
            expect(reasonOf(run), `case ${tcId}`).toBe("length");
          } else {
            expect(run(), `case ${tcId}`).toBe(vector.shared);
          }
        }
      }
      expect(lowOrder).toBeGreaterThan(2);
    });
  }

  for (const [keyword, file] of [
    ["ecp256", "ecdh_secp256r1_ecpoint"],
    ["ecp384", "ecdh_secp384r1_ecpoint"],
    ["ecp521", "ecdh_secp521r1_ecpoint"],
  ] as const) {
    it(file, () => {
      const row = ke(keyword);
      let refused = 0;
      for (const { tests } of wycheproof<object, EcdhCase>(file)) {
        for (const { tcId, result, ...vector } of tests) {
          // IKE sends x | y (RFC 5903 7): a compressed point has no place to say so and its length is wrong.
          const pair = importEcp(row, vector.private);
          const run = () => pair.deriveShared(hex(vector.public).subarray(1)).toString("hex");
          if (result === "valid") expect(run(), `case ${tcId}`).toBe(vector.shared);
          else expect(["length", "not-on-curve"], `case ${tcId}`).toContain(reasonOf(run));
          if (result !== "valid") refused++;
        }
      }
      expect(refused).toBeGreaterThan(10);
    });
  }

  for (const row of brainpoolRows) {
    it(`ecdh_${ecp(row).openssl} by both implementations`, () => {
      let checked = 0;
      for (const { tests } of wycheproof<object, EcdhCase>(`ecdh_${ecp(row).openssl}`)) {
        const header = hex(tests[0]?.public ?? "").subarray(0, -row.publicLength);
        for (const { tcId, result, ...vector } of tests) {
          // Only what names the curve and is an uncompressed point can be put into a KE payload.
          const spki = hex(vector.public);
          if (spki.length !== header.length + row.publicLength || !spki.subarray(0, header.length).equals(header))
            continue;
          const point = spki.subarray(header.length);
          const pairs = [importEcp(row, vector.private)];
          // Each derivation by noble takes milliseconds: a sample of the valid ones, all of the others.
          if (result !== "valid" || tcId % 8 === 0) pairs.push(importNobleEcp(row, ecp(row), scalarOf(vector.private)));
          for (const pair of pairs) {
            if (result === "valid")
              expect(pair.deriveShared(point).toString("hex"), `case ${tcId}`).toBe(vector.shared);
            else
              expect(
                reasonOf(() => pair.deriveShared(point)),
                `case ${tcId}`,
              ).toBe("not-on-curve");
          }
          checked++;
        }
      }
      expect(checked).toBeGreaterThan(15);
    });
  }
});

function ecp(row: KeTransform) {
  if (row.method?.kind !== "ecp") throw new Error(`${row.keyword} is not ECP`);
  return row.method;
}

function importEcp(row: KeTransform, privateHex: string): KePair {
  return importKePair(row, scalarOf(privateHex));
}

/** Wycheproof writes scalars as DER integers, with a leading zero or odd digits. */
function scalarOf(privateHex: string): Buffer {
  return hex(privateHex.length % 2 === 0 ? privateHex : `0${privateHex}`);
}

function privateKeyOf(row: KeTransform): Buffer {
  return Buffer.alloc(row.method?.kind === "montgomery" ? row.publicLength : 20, 0x42);
}
