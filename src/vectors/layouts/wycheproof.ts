import type { SignatureCase, VectorCase, Verdict } from "../case.ts";
import { hex, isObject, type JsonObject, number, objects, text } from "../json.ts";

/** Wycheproof's own layout: groups of tests, whose type says what they are. */
export function* wycheproofCases(file: JsonObject): Generator<VectorCase> {
  const algorithm = text(file, "algorithm") ?? "";
  for (const group of objects(file.testGroups)) {
    const type = text(group, "type") ?? "";
    for (const test of objects(group.tests)) {
      const name = String(number(test, "tcId") ?? "");
      yield { name, result: verdictOf(test), ...caseOf(type, algorithm, group, test) } as VectorCase;
    }
  }
}

type Nameless = { readonly check: VectorCase["check"] } & Readonly<Record<string, unknown>>;

function caseOf(type: string, algorithm: string, group: JsonObject, test: JsonObject): Nameless {
  const key = hex(test, "key") ?? "";
  switch (type) {
    case "AeadTest":
      return {
        check: "aead",
        algorithm,
        key,
        nonce: hex(test, "iv") ?? "",
        aad: hex(test, "aad") ?? "",
        plaintext: hex(test, "msg") ?? "",
        ciphertext: hex(test, "ct") ?? "",
        tag: hex(test, "tag") ?? "",
      };
    case "MacTest":
      return { check: "mac", algorithm, key, data: hex(test, "msg") ?? "", mac: hex(test, "tag") ?? "" };
    case "MacWithIvTest":
      return {
        check: "mac",
        algorithm,
        key,
        nonce: hex(test, "iv") ?? "",
        data: hex(test, "msg") ?? "",
        mac: hex(test, "tag") ?? "",
      };
    case "IndCpaTest":
      return cipherCase(algorithm, key, test);
    case "XdhComp":
      return {
        check: "key-exchange",
        group: text(group, "curve") === "curve448" ? 32 : 31,
        private: hex(test, "private") ?? "",
        peer: hex(test, "public") ?? "",
        shared: hex(test, "shared") ?? "",
      };
    case "EcdhTest":
    case "EcdhEcpointTest":
      return ecdhCase(group, test);
    case "EcdsaVerify":
    case "EcdsaP1363Verify":
    case "EddsaVerify":
    case "RsassaPkcs1Verify":
    case "RsassaPssVerify":
      return signatureCase(type, algorithm, group, test);
    default:
      return { check: "none", algorithm, why: whyNot(type) };
  }
}

/** PKCS #5 padding is not IPsec's: where it is right it is put into the plaintext, which leaves the cipher to be checked. */
function cipherCase(algorithm: string, key: string, test: JsonObject): Nameless {
  if (text(test, "result") === "invalid") {
    return { check: "none", algorithm, why: "PKCS #5 padding, which IPsec has not" };
  }
  const plaintext = hex(test, "msg") ?? "";
  const missing = 16 - ((plaintext.length / 2) % 16);
  const padding = missing.toString(16).padStart(2, "0").repeat(missing);
  const padded = algorithm.includes("PKCS5") ? plaintext + padding : plaintext;
  return {
    check: "cipher",
    algorithm: algorithm.replace("-PKCS5", ""),
    key,
    iv: hex(test, "iv") ?? "",
    plaintext: padded,
    ciphertext: hex(test, "ct") ?? "",
  };
}

const groups: Readonly<Record<string, readonly [group: number, coordinate: number]>> = {
  secp192r1: [25, 24],
  secp224r1: [26, 28],
  secp256r1: [19, 32],
  secp384r1: [20, 48],
  secp521r1: [21, 66],
  brainpoolP224r1: [27, 28],
  brainpoolP256r1: [28, 32],
  brainpoolP384r1: [29, 48],
  brainpoolP512r1: [30, 64],
};

/** IKE sends x | y (RFC 5903 7): a point in another form has no place in a KE payload. */
function ecdhCase(group: JsonObject, test: JsonObject): Nameless {
  const curve = text(group, "curve") ?? "";
  const known = groups[curve];
  if (known === undefined) return { check: "none", algorithm: `ECDH ${curve}`, why: "no key exchange of IKE" };
  const [id, coordinate] = known;
  const encoded = hex(test, "public") ?? "";
  const point = pointOf(encoded, text(group, "encoding") ?? "", coordinate, firstPublic(group));
  if (point === undefined) {
    return {
      check: "none",
      algorithm: `ECDH ${curve}`,
      why: "the public key is not in the form of a KE payload (x | y)",
    };
  }
  return {
    check: "key-exchange",
    group: id,
    private: (hex(test, "private") ?? "").replace(/^00(?=.)/, ""),
    peer: point,
    shared: hex(test, "shared") ?? "",
  };
}

function pointOf(encoded: string, encoding: string, coordinate: number, first: string): string | undefined {
  const digits = 4 * coordinate;
  if (encoding === "ecpoint")
    return encoded.length === digits + 2 && encoded.startsWith("04") ? encoded.slice(2) : undefined;
  // A SubjectPublicKeyInfo with the curve's name begins as that of the group's first test, which is a valid one.
  const header = first.slice(0, first.length - digits);
  return encoded.length === first.length && encoded.startsWith(header) ? encoded.slice(header.length) : undefined;
}

function firstPublic(group: JsonObject): string {
  const valid = objects(group.tests).find((test) => test.result === "valid");
  return (valid === undefined ? undefined : hex(valid, "public")) ?? "";
}

function signatureCase(type: string, algorithm: string, group: JsonObject, test: JsonObject): Nameless {
  const scheme: SignatureCase["scheme"] = type.startsWith("Ecdsa")
    ? "ecdsa"
    : type.startsWith("Eddsa")
      ? "eddsa"
      : type === "RsassaPssVerify"
        ? "rsa-pss"
        : "rsa-pkcs1";
  const publicKey = isObject(group.publicKey) ? group.publicKey : group;
  return {
    check: "signature",
    scheme,
    algorithm:
      `${algorithm} ${text(publicKey, "curve") ?? number(group, "keySize") ?? ""} ${text(group, "sha") ?? ""}`.trim(),
    publicKey: hex(group, "publicKeyDer", "keyDer") ?? "",
    message: hex(test, "msg") ?? "",
    signature: hex(test, "sig") ?? "",
    ...(text(group, "sha") === undefined ? {} : { hash: text(group, "sha") }),
    ...(number(group, "sLen") === undefined ? {} : { saltLength: number(group, "sLen") }),
    ...(scheme === "ecdsa" ? { encoding: type === "EcdsaVerify" ? "der" : "concatenated" } : {}),
  };
}

function verdictOf(test: JsonObject): Verdict {
  const result = text(test, "result");
  return result === "invalid" || result === "acceptable" ? result : "valid";
}

function whyNot(type: string): string {
  if (type.startsWith("MLKEM")) return "ML-KEM is not in the table";
  return `tests of type ${type} concern nothing that IPsec does`;
}
