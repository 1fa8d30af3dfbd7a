/** Wycheproof through the function that verifies AUTH payloads and certificates alike. */
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { KeyError } from "../../../../src/crypto/signature/key-error.ts";
import { importPublicKey, type PublicKey } from "../../../../src/crypto/signature/public-key.ts";
import type { SignatureHash, SignatureScheme } from "../../../../src/crypto/signature/scheme.ts";
import { verifySignature } from "../../../../src/crypto/signature/verify.ts";
import { hex, wycheproof } from "../vectors.ts";

interface Group {
  readonly type: string;
  readonly publicKeyDer: string;
  readonly sha?: string;
  readonly sLen?: number;
}

interface Case {
  readonly comment: string;
  readonly msg: string;
  readonly sig: string;
}

const names = readdirSync(new URL("../../../../vectors/sources/wycheproof/", import.meta.url))
  .filter((name) => /^(rsa_|ecdsa_|ed25519|ed448)/.test(name))
  .map((name) => name.replace("_test.json", ""));

test("there are files of each kind", () => {
  expect(names).toHaveLength(18);
});

describe.each(names)("%s", (name) => {
  const groups = wycheproof<Group, Case>(name);

  test("every signature holds that should, and no other", () => {
    const wrong: string[] = [];
    let counted = 0;
    for (const group of groups) {
      const key = keyOf(group);
      for (const { tcId, msg, sig, result, flags, comment } of group.tests) {
        counted += 1;
        const holds = key !== undefined && verifySignature(key, schemeOf(group), hex(msg), hex(sig));
        // What is acceptable to some is refused here.
        if (holds !== (result === "valid")) wrong.push(`${tcId} ${comment} (${flags.join(", ")}): ${result}`);
      }
    }
    expect(counted).toBeGreaterThan(80);
    expect(wrong).toEqual([]);
  });
});

/** A key that is refused verifies nothing. */
function keyOf({ publicKeyDer }: Group): PublicKey | undefined {
  try {
    return importPublicKey(hex(publicKeyDer));
  } catch (error) {
    if (error instanceof KeyError) return undefined;
    throw error;
  }
}

function schemeOf({ type, sha = "", sLen = 0, publicKeyDer }: Group): SignatureScheme {
  const hash = sha.replace("-", "").toLowerCase() as SignatureHash;
  switch (type) {
    case "RsassaPkcs1Verify":
      return { kind: "rsa-pkcs1", hash };
    case "RsassaPssVerify":
      return { kind: "rsa-pss", hash, saltLength: sLen };
    case "EcdsaVerify":
      return { kind: "ecdsa", hash, form: "der" };
    case "EcdsaP1363Verify":
      return { kind: "ecdsa", hash, form: "concatenated" };
    case "EddsaVerify":
      return { kind: "eddsa", curve: publicKeyDer.startsWith("302a") ? "ed25519" : "ed448" };
    default:
      throw new Error(`${type} is no type of this test`);
  }
}
