import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { readSignatureAlgorithm, signatureAlgorithm } from "../../../src/credentials/algorithm-identifier.ts";
import { KeyError } from "../../../src/crypto/signature/key-error.ts";
import { verifySignature } from "../../../src/crypto/signature/verify.ts";
import { authority, Openssl, rsa2048 } from "./openssl.ts";

const file = new URL("../../../vectors/sources/rfc/rfc7427-8420-algorithm-identifiers.json", import.meta.url);
const { cases } = z
  .object({ cases: z.array(z.object({ name: z.string(), section: z.string(), der: z.string() })) })
  .parse(JSON.parse(readFileSync(file, "utf8")));

describe("the identifiers printed in RFC 7427 and RFC 8420", () => {
  test("there are some", () => expect(cases.length).toBeGreaterThan(12));

  test.each(cases.filter(({ name }) => !name.startsWith("dsa-")))("$section $name", ({ der }) => {
    const { scheme } = readSignatureAlgorithm(Buffer.from(der, "hex"));
    if (scheme === undefined) expect.unreachable();
    const written = signatureAlgorithm(scheme);
    // The RFC writes the defaults of RSA-PSS out, which DER leaves out (X.690 11.5).
    if (scheme.kind === "rsa-pss") expect(readSignatureAlgorithm(written).scheme).toEqual(scheme);
    else expect(Buffer.from(written).toString("hex")).toBe(der);
  });

  test.each(cases.filter(({ name }) => name.startsWith("dsa-")))("$name is not verified", ({ der }) => {
    expect(readSignatureAlgorithm(Buffer.from(der, "hex")).scheme).toBeUndefined();
  });
});

describe("RSA-PSS with MGF1 over another hash", () => {
  const openssl = new Openssl();
  afterAll(() => openssl.remove());
  const masked = ["rsa_padding_mode:pss", "rsa_pss_saltlen:32", "rsa_mgf1_md:sha1"].flatMap((one) => ["-sigopt", one]);
  const bound = [
    "rsa_keygen_bits:2048",
    ...["md:sha256", "mgf1_md:sha1", "saltlen:32"].map((one) => `rsa_pss_keygen_${one}`),
  ];
  const keys = [
    { name: "any RSA key", key: rsa2048, signing: ["-sha256", ...masked] },
    {
      name: "a key for that alone",
      key: ["-algorithm", "RSA-PSS", ...bound.flatMap((one) => ["-pkeyopt", one])],
      signing: [],
    },
  ];

  test.each(keys)("is verified with $name, and with no other mask", ({ name, key, signing }) => {
    const file = name.replaceAll(" ", "-");
    const root = openssl.issue({ name: file, subject: "/CN=root", key, extensions: authority, signing });
    const { publicKey, signed } = root;
    const { scheme } = signed.algorithm;
    expect(scheme).toEqual({ kind: "rsa-pss", hash: "sha256", saltLength: 32, mask: "sha1" });
    if (publicKey instanceof KeyError || scheme?.kind !== "rsa-pss") return expect.unreachable();
    expect(readSignatureAlgorithm(signatureAlgorithm(scheme)).scheme).toEqual(scheme);
    expect(verifySignature(publicKey, scheme, signed.toBeSigned, signed.signature)).toBe(true);
    expect(verifySignature(publicKey, scheme, signed.toBeSigned.slice(1), signed.signature)).toBe(false);
    const { mask: _, ...plain } = scheme;
    for (const other of [plain, { ...scheme, mask: "sha384" as const }])
      expect(verifySignature(publicKey, other, signed.toBeSigned, signed.signature)).toBe(false);
  });
});
