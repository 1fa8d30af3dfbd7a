// What the daemon computes on the thread that asks, and what elsewhere.
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { SignatureProof } from "../../../src/credentials/examine.ts";
import { makePeerTrust, type PeerTrust } from "../../../src/credentials/peer-trust.ts";
import { generatePrivateKey } from "../../../src/crypto/signature/generate.ts";
import { PrivateKey, privateKeyOf } from "../../../src/crypto/signature/private-key.ts";
import { PublicKey } from "../../../src/crypto/signature/public-key.ts";
import type { SignatureScheme } from "../../../src/crypto/signature/scheme.ts";
import { verifySignature } from "../../../src/crypto/signature/verify.ts";
import { computeWithRevocation } from "../../../src/daemon/compute.ts";
import type { Completed } from "../../../src/daemon/revocation/certificate-lookup.ts";
import type { RevocationChecker as Checker } from "../../../src/daemon/revocation/revocation-checker.ts";
import { makeIdentity } from "../../../src/negotiate/identity.ts";
import { authorityOf, type Made, make } from "../credentials/made.ts";

const octets = Buffer.from("what AUTH is made of");
const pss: SignatureScheme = { kind: "rsa-pss", hash: "sha256", saltLength: 32 };
const unlooked = { complete: () => expect.unreachable() };
const unanswered = { answerAbout: () => expect.unreachable() };
const unasked = computeWithRevocation({ ...unanswered, check: () => expect.unreachable() }, unlooked);

describe("a signature", () => {
  test("of a long RSA key is made on another thread, while this one goes on", async () => {
    // A short key that says it is long: to make a long one takes a minute where the machine is busy.
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const { publicKey } = privateKeyOf(privateKey);
    const long = new PublicKey(publicKey.spki, { kind: "rsa", bits: 4096, exponent: 65_537n }, publicKey.handle);
    const key = new PrivateKey(privateKey, long);
    const result = unasked({ kind: "sign", key, scheme: pss, octets });
    expect(result).toBeInstanceOf(Promise);
    const settled = await result;
    if (settled.kind !== "signed") return expect.unreachable();
    expect(verifySignature(publicKey, pss, octets, settled.signature)).toBe(true);
  });

  test("of a short one is made at once", () => {
    const key = generatePrivateKey("rsa-2048");
    expect(unasked({ kind: "sign", key, scheme: pss, octets })).toMatchObject({ kind: "signed" });
  });

  test("comes with what the authority's responder says, where that is asked for", async () => {
    const root = authorityOf("Root");
    const { certificate, key } = make("gw", { issuer: root });
    const asked: unknown[] = [];
    const answerAbout = (...about: unknown[]) => {
      asked.push(about);
      return Promise.resolve(asked.length === 1 ? Uint8Array.of(7) : undefined);
    };
    const compute = computeWithRevocation({ check: () => expect.unreachable(), answerAbout }, unlooked);
    const scheme: SignatureScheme = { kind: "ecdsa", hash: "sha256", form: "der" };
    const job = { kind: "sign", key, scheme, octets, answerAbout: { certificate, issuer: root.certificate } } as const;
    expect(await compute(job)).toMatchObject({ kind: "signed", ocspAnswer: Uint8Array.of(7) });
    // Without one, the proof goes out all the same.
    expect(await compute(job)).toMatchObject({ kind: "signed", ocspAnswer: undefined });
    expect(asked[0]).toEqual([certificate, root.certificate]);
  });
});

describe("revocation is asked for", () => {
  const root = authorityOf("Root");
  const gateway = make("gw", { issuer: root, altNames: [{ kind: "dns", text: "gw.example" }] });
  const scheme: SignatureScheme = { kind: "ecdsa", hash: "sha256", form: "der" };
  const proofOf = ({ certificate, key }: Made, changed: Partial<SignatureProof> = {}): SignatureProof => ({
    identity: makeIdentity("fqdn", "gw.example"),
    certificates: [certificate.der],
    rawKey: undefined,
    schemes: [scheme],
    octets,
    signature: key.sign(scheme, octets),
    ...changed,
  });
  const trustIn = (revocation: PeerTrust["revocation"], authority = root): PeerTrust =>
    makePeerTrust(
      { authorities: [authority.certificate], listed: [], keys: [], pins: [] },
      { bound: false, revocation, name: "ca.pem", commonName: false, anyPurpose: false, sha1: false },
    );
  const finding = { check: "revoked", certificate: "CN=gw", depth: 0, wanted: "good", seen: "revoked" } as const;

  test("where all holds, and what it says counts", async () => {
    const asked: unknown[] = [];
    const check = (...[path, policy, inBand]: Parameters<Checker["check"]>) => {
      asked.push([path.map(({ label }) => label), policy, inBand]);
      return Promise.resolve(asked.length === 1 ? undefined : finding);
    };
    const compute = computeWithRevocation({ ...unanswered, check }, unlooked);
    const job = {
      kind: "examine",
      proof: proofOf(gateway, { ocspAnswers: [Buffer.of(1)] }),
      trust: trustIn("strict"),
    } as const;
    expect(await compute(job)).toMatchObject({ kind: "proven" });
    expect(await compute(job)).toMatchObject({ kind: "refused", reason: { code: "certificate-refused", finding } });
    expect(asked[0]).toEqual([["CN=gw", "CN=Root"], "strict", [Buffer.of(1)]]);
  });

  // CVE-2022-40617: whoever could have us fetch what it likes would have us attack others, or wait for ever.
  test.each([
    ["a stranger's certificate", proofOf(make("gw", { issuer: authorityOf("Root") })), "certificate-refused"],
    ["another name", proofOf(gateway, { identity: makeIdentity("fqdn", "x.example") }), "identity-not-in-certificate"],
    ["another's certificate", proofOf(gateway, { signature: make("x").key.sign(scheme, octets) }), "wrong-signature"],
  ] as const)("not for %s", (_, proof, code) => {
    expect(unasked({ kind: "examine", proof, trust: trustIn("strict") })).toMatchObject({ reason: { code } });
  });

  test("after certificates were looked up", async () => {
    const compute = (completed: Completed) =>
      computeWithRevocation(
        { ...unanswered, check: () => Promise.resolve(undefined) },
        { complete: () => Promise.resolve(completed) },
      )({
        kind: "examine",
        proof: { ...proofOf(gateway), certificates: [], references: [] },
        trust: trustIn("strict"),
      });
    expect(await compute({ proof: proofOf(gateway) })).toMatchObject({ kind: "proven" });
    const reason = { code: "certificate-unreadable", identity: "gw.example", fault: "404" };
    expect(await compute({ wrong: "404" })).toEqual({ kind: "refused", reason });
  });

  test("not where the section turns it off", () => {
    expect(unasked({ kind: "examine", proof: proofOf(gateway), trust: trustIn("off") })).toMatchObject({
      kind: "proven",
    });
  });
});
