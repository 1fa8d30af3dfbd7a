/** Certificates that nobody should have to read: a typed refusal each, and never more work than the bound. */
import { describe, expect, test } from "vitest";
import { sequence, tagged } from "../../../src/asn1/encode.ts";
import { Certificate, readCertificate } from "../../../src/credentials/certificate.ts";
import { mostSteps } from "../../../src/credentials/path/steps.ts";
import { type PathOutcome, validatePath } from "../../../src/credentials/path/validate.ts";
import { readPkcs7 } from "../../../src/credentials/pkcs7.ts";
import { TrustStore } from "../../../src/credentials/trust-store.ts";
import { decodeName } from "../../../src/negotiate/distinguished-name.ts";
import { mutate, seeded } from "../../fuzz/mutate.ts";
import { authorityOf, type Made, make } from "./made.ts";

/** A long campaign sets UNDERLOCK_MUTATIONS, and UNDERLOCK_SEED to walk elsewhere. */
const mutations = Math.min(Number(process.env.UNDERLOCK_MUTATIONS ?? 3000), 100_000);
const root = authorityOf("Root");
const middle = authorityOf("Middle", { issuer: root, crl: "http://ca.example/a.crl", ocsp: "http://ca.example/" });
const host = make("gw.example", {
  issuer: middle,
  altNames: [
    { kind: "dns", text: "gw.example" },
    { kind: "ip", text: "192.0.2.1" },
    { kind: "email", text: "ops@example.org" },
  ],
});
const trust = new TrustStore({ anchors: [root.certificate] });

function validate(leaf: Certificate, intermediates: readonly Certificate[] = [middle.certificate]): PathOutcome {
  return validatePath({ leaf, intermediates, trust, at: Date.now() });
}

/** What reading comes to; a certificate must not hold where it is not the one that was signed. */
function verdict(octets: Uint8Array): string {
  const read = readCertificate(octets);
  if (!(read instanceof Certificate)) return read.fault;
  const outcome = validate(read);
  expect(outcome.steps).toBeLessThanOrEqual(mostSteps);
  return outcome.kind === "valid" ? "valid" : outcome.refusal.check;
}

describe("a certificate", () => {
  test("as it was made holds", () => {
    expect(verdict(host.certificate.der)).toBe("valid");
  });

  test("cut at any octet is malformed", () => {
    const { der } = host.certificate;
    for (let length = 0; length < der.length; length++) expect(verdict(der.subarray(0, length))).toBe("malformed");
    expect(verdict(Buffer.concat([der, Buffer.of(0)]))).toBe("malformed");
  });

  test(`mutated ${mutations} times never holds, and is refused with a type`, () => {
    const rng = seeded(Number(process.env.UNDERLOCK_SEED ?? 1));
    const seen = new Map<string, number>();
    for (let round = 0; round < mutations; round++) {
      const mutant = mutate(rng, Buffer.from(host.certificate.der));
      const word = Buffer.from(mutant).equals(host.certificate.der) ? "unchanged" : verdict(mutant);
      seen.set(word, (seen.get(word) ?? 0) + 1);
    }
    expect(seen.get("valid") ?? 0).toBe(0);
    // Both the reader and the path have had their share.
    for (const word of ["malformed", "structure", "signature"])
      expect(seen.get(word) ?? 0, word).toBeGreaterThan(mutations / 100);
  });

  test("nested without end is too large or malformed, whatever the nesting is made of", () => {
    for (const unit of ["3080", "a080", "2480", "3180"]) {
      expect(["malformed", "too-large"]).toContain(
        verdict(Buffer.concat(Array.from({ length: 30_000 }, () => Buffer.from(unit, "hex")))),
      );
    }
    let nested: Uint8Array = Buffer.alloc(0);
    for (let depth = 0; depth < 5000; depth++)
      nested = depth % 2 === 0 ? sequence(nested) : tagged(0, "constructed", nested);
    expect(["malformed", "too-large"]).toContain(verdict(nested));
    let strings: Uint8Array = Buffer.alloc(0);
    for (let depth = 0; depth < 5000; depth++) strings = derOctets(strings);
    expect(["malformed", "too-large", "structure"]).toContain(verdict(strings));
  });

  test("of 10 MB is refused before it is read", () => {
    const huge = Buffer.alloc(10 << 20, 0x30);
    const before = process.cpuUsage().user;
    expect(verdict(huge)).toBe("too-large");
    expect(readPkcs7(huge)).toMatchObject({ fault: "too-large" });
    expect(decodeName(huge)).toBeUndefined();
    expect(process.cpuUsage().user - before).toBeLessThan(50_000);
  });

  test("with 5,000 names is refused, and one with 1,000 is compared within the bound", () => {
    const names = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ kind: "dns" as const, text: `h${index}.x` }));
    expect(() => make("many", { issuer: middle, altNames: names(5000) })).toThrow(/names|octets/);
    const many = make("many", { issuer: middle, altNames: names(1000) });
    const outcome = validate(many.certificate);
    expect(outcome).toMatchObject({ kind: "valid" });
  });
});

describe("a path", () => {
  test("through authorities that sign each other ends, within the bound", () => {
    const keys = ["A", "B", "C", "D"].map((name) => authorityOf(name));
    const crossed: Certificate[] = [];
    for (const issuer of keys) {
      for (const subject of keys) {
        const { certificate } = authorityOf(subject.certificate.subject.rdns[0]?.[0]?.value ?? "", {
          issuer,
          key: subject.key,
        });
        crossed.push(certificate);
      }
    }
    const leaf = make("leaf", { issuer: keys[0] as Made }).certificate;
    const outcome = validate(leaf, [...crossed, ...crossed]);
    expect(outcome).toMatchObject({ kind: "refused", refusal: { check: "unknown-authority" } });
    expect(outcome.steps).toBeLessThan(1000);
  });

  test("among 32 authorities of one name, none of them the right one, ends within the bound", () => {
    const many = Array.from({ length: 32 }, () => authorityOf("Same", { issuer: root }).certificate);
    const other = authorityOf("Same");
    const leaf = make("leaf", { issuer: other }).certificate;
    const outcome = validate(leaf, many);
    expect(outcome).toMatchObject({ kind: "refused" });
    expect(outcome.steps).toBeLessThan(mostSteps / 10);
  });

  test("of a thousand authorities is refused, and costs no more than one of the longest", () => {
    const chain: Made[] = [root];
    for (let depth = 0; depth < 40; depth++) chain.push(authorityOf(`A${depth}`, { issuer: chain.at(-1) as Made }));
    const leaf = make("leaf", { issuer: chain.at(-1) as Made }).certificate;
    const all = chain.map(({ certificate }) => certificate);
    const thousand = Array.from({ length: 25 }, () => all).flat();
    const outcome = validate(leaf, thousand.reverse());
    expect(outcome).toMatchObject({ kind: "refused" });
    expect(outcome.steps).toBeLessThan(mostSteps / 10);
  });

  test("with more names than can be compared with the constraints above is refused", () => {
    const altNames = Array.from({ length: 1000 }, (_, index) => ({ kind: "dns" as const, text: `h${index}.x` }));
    const outcome = validate(make("many", { issuer: middle, altNames }).certificate);
    expect(outcome.steps).toBeLessThanOrEqual(mostSteps);
  });
});

function derOctets(contents: Uint8Array): Uint8Array {
  const { length } = contents;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(4, ...head), contents]);
}
