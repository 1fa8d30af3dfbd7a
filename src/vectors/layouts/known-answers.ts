import type { VectorCase } from "../case.ts";
import { hex, type JsonObject, number, text } from "../json.ts";

/** Known answers of other implementations: strongSwan's by `kind`, DPDK's whole packets by `proto`. */
export function* knownAnswer(entry: JsonObject): Generator<VectorCase> {
  const name = text(entry, "name") ?? "";
  const algorithm = text(entry, "alg", "method") ?? "";
  const key = hex(entry, "key") ?? "";
  switch (text(entry, "kind") ?? text(entry, "proto")) {
    case "aead":
      yield* aead(entry, name, algorithm.replace("ICV", ""), key);
      return;
    case "crypter": {
      const salted = /CTR/.test(algorithm) ? 8 : 0;
      const keyDigits = (number(entry, "key_size") ?? (key.length - salted) / 2) * 2;
      yield {
        check: "cipher",
        name,
        algorithm,
        key: key.slice(0, keyDigits),
        // The counter's nonce stands behind the key, as key derivation has it, or before the IV.
        salt: key.slice(keyDigits),
        iv: hex(entry, "iv") ?? "",
        plaintext: hex(entry, "plain") ?? "",
        ciphertext: hex(entry, "cipher") ?? "",
      };
      return;
    }
    case "signer":
      yield {
        check: "mac",
        name,
        algorithm,
        key,
        data: hex(entry, "data") ?? "",
        mac: truncated(algorithm, hex(entry, "mac") ?? ""),
      };
      return;
    case "prf":
      yield { check: "prf", name, prf: algorithm, key, data: hex(entry, "seed") ?? "", out: hex(entry, "out") ?? "" };
      return;
    case "kdf": {
      const plus = algorithm.includes("PLUS");
      const salt = hex(entry, "salt") ?? "";
      const [prfKey, data] = plus ? [key, salt] : [salt, key];
      yield {
        check: plus ? "prf+" : "prf",
        name,
        prf: text(entry, "arg.prf", "prf") ?? "",
        key: prfKey,
        data,
        out: hex(entry, "out") ?? "",
      };
      return;
    }
    case "ke":
      yield* keyExchange(entry, name, algorithm);
      return;
    case "esp":
      yield espPacket(entry, name, key);
      return;
    case "ah":
      yield {
        check: "ah",
        name,
        integ: text(entry, "auth") ?? "",
        integKey: hex(entry, "authKey") ?? "",
        packet: hex(entry, text(entry, "direction") === "decrypt" ? "input" : "output") ?? "",
      };
      return;
    default:
  }
}

function* aead(entry: JsonObject, name: string, algorithm: string, key: string): Generator<VectorCase> {
  const icv = 2 * Number(/_(8|12|16)$/.exec(algorithm)?.[1] ?? 16);
  const keyDigits = 2 * (number(entry, "key_size") ?? 0) || key.length;
  const saltDigits = 2 * (number(entry, "salt_size") ?? 0);
  const sealed = hex(entry, "cipher") ?? "";
  yield {
    check: "aead",
    name,
    algorithm,
    key: key.slice(0, keyDigits),
    nonce: key.slice(keyDigits, keyDigits + saltDigits) + (hex(entry, "iv") ?? ""),
    aad: hex(entry, "adata") ?? "",
    plaintext: hex(entry, "plain") ?? "",
    ciphertext: sealed.slice(0, sealed.length - icv),
    tag: sealed.slice(sealed.length - icv),
  };
}

/** The source lists more octets than the ICV for some, of which only the ICV is used. */
function truncated(algorithm: string, mac: string): string {
  const bits = Number(/_(96|128|160|192|256)$/.exec(algorithm)?.[1] ?? 0);
  return bits === 0 ? mac : mac.slice(0, bits / 4);
}

const strongswanGroups: Readonly<Record<string, number>> = {
  MODP_768_BIT: 1,
  MODP_1024_BIT: 2,
  MODP_1536_BIT: 5,
  MODP_2048_BIT: 14,
  MODP_3072_BIT: 15,
  MODP_4096_BIT: 16,
  MODP_6144_BIT: 17,
  MODP_8192_BIT: 18,
  ECP_256_BIT: 19,
  ECP_384_BIT: 20,
  ECP_521_BIT: 21,
  MODP_1024_160: 22,
  MODP_2048_224: 23,
  MODP_2048_256: 24,
  ECP_192_BIT: 25,
  ECP_224_BIT: 26,
  ECP_224_BP: 27,
  ECP_256_BP: 28,
  ECP_384_BP: 29,
  ECP_512_BP: 30,
  CURVE_25519: 31,
  CURVE_448: 32,
};

/** `seed` is both private values, each half of it. */
function* keyExchange(entry: JsonObject, name: string, method: string): Generator<VectorCase> {
  const seed = hex(entry, "seed") ?? "";
  const group = strongswanGroups[method];
  if (group === undefined) {
    yield { check: "none", name, algorithm: method, why: "not a key exchange of the table" };
    return;
  }
  const half = seed.length / 2;
  const shared = hex(entry, "shared") ?? "";
  const [i, r] = [hex(entry, "pub_i") ?? "", hex(entry, "pub_r") ?? ""];
  yield {
    check: "key-exchange",
    name: `${name} initiator`,
    group,
    private: seed.slice(0, half),
    public: i,
    peer: r,
    shared,
  };
  yield {
    check: "key-exchange",
    name: `${name} responder`,
    group,
    private: seed.slice(half),
    public: r,
    peer: i,
    shared,
  };
}

function espPacket(entry: JsonObject, name: string, key: string): VectorCase {
  const decrypts = text(entry, "direction") === "decrypt";
  const whole = hex(entry, decrypts ? "input" : "output") ?? "";
  const version = Number.parseInt(whole.slice(0, 1) || "4", 16);
  const headerDigits = version === 4 ? 8 * Number.parseInt(whole.slice(1, 2) || "5", 16) : 80;
  const integ = text(entry, "auth");
  const icvLength = number(entry, "icvLength");
  const highSequence = entry.esn === true ? number(entry, "seqHigh", "highSequence") : undefined;
  return {
    check: "esp",
    name,
    encr: text(entry, "aead", "cipher") ?? "NULL",
    encrKey: key,
    ...(hex(entry, "salt") === undefined ? {} : { salt: hex(entry, "salt") ?? "" }),
    ...(integ === undefined ? {} : { integ }),
    ...(hex(entry, "authKey") === undefined ? {} : { integKey: hex(entry, "authKey") ?? "" }),
    ...(icvLength === undefined ? {} : { icvLength }),
    ...(highSequence === undefined ? {} : { highSequence }),
    packet: whole.slice(headerDigits),
    ...(text(entry, "mode") === "tunnel" ? { payload: hex(entry, decrypts ? "output" : "input") ?? "" } : {}),
  };
}
