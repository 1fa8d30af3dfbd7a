import { getDiffieHellman } from "node:crypto";
import { importKePair, type KePair, KeyExchangeError } from "../../crypto/key-exchange.ts";
import type { KeTransform } from "../../crypto/transforms/ke.ts";
import { findTransform } from "../../crypto/transforms.ts";
import type { GroupCase, KeyExchangeCase, Outcome } from "../case.ts";
import { compared, failed, notApplicable, octets } from "./outcome.ts";

/** A shared secret; where the vector has our public value, that too. */
export function checkKeyExchange(vector: KeyExchangeCase): Outcome {
  const row = findTransform("KE", vector.group);
  if (row === undefined) return notApplicable(`group ${vector.group}`, "not in the table");
  if (row.method === undefined) return notApplicable(row.keyword, `never run: ${row.decodeOnly ?? ""}`);
  const peer = octets(vector.peer);
  try {
    if ((vector.iterations ?? 1) > 1) return checkIterated(row, vector);
    const pair = importKePair(row, fixedLength(row, octets(vector.private)));
    if (vector.public !== undefined) {
      const wanted = padded(row, octets(vector.public));
      if (!pair.publicValue.equals(wanted)) return compared([row.keyword], vector.result, pair.publicValue, wanted);
    }
    const shared = pair.deriveShared(
      peer.length < row.publicLength && row.method.kind === "modp" ? padded(row, peer) : peer,
    );
    pair.destroy();
    return compared([row.keyword], vector.result, shared, octets(vector.shared));
  } catch (error) {
    if (!(error instanceof KeyExchangeError)) throw error;
    if (error.reason === "low-order" && isZero(octets(vector.shared))) {
      // RFC 8031 3.2 refuses what other uses of the curve accept.
      return compared([row.keyword], "acceptable", undefined, peer);
    }
    return compared([row.keyword], vector.result, undefined, peer);
  }
}

/** A prime of RFC 2409, RFC 3526 against the group that the key exchange runs in. */
export function checkGroup(vector: GroupCase): Outcome {
  const row = findTransform("KE", vector.group);
  if (row === undefined) return notApplicable(`group ${vector.group}`, "not in the table");
  if (row.method?.kind !== "modp") return notApplicable(row.keyword, `never run: ${row.decodeOnly ?? "no MODP group"}`);
  return compared([row.keyword], "valid", getDiffieHellman(row.method.openssl).getPrime(), octets(vector.prime));
}

function checkIterated(row: KeTransform, vector: KeyExchangeCase): Outcome {
  let scalar: Buffer = octets(vector.private);
  let point: Buffer = octets(vector.peer);
  for (let n = 0; n < (vector.iterations ?? 1); n++) {
    const pair: KePair = importKePair(row, scalar);
    const shared = pair.deriveShared(point);
    point = scalar;
    scalar = shared;
  }
  if (scalar.length === 0) return failed([row.keyword], "no result");
  return compared([row.keyword], vector.result, scalar, octets(vector.shared));
}

/** Sources write numbers with a leading zero octet, or without those that belong there. */
function fixedLength(row: KeTransform, scalar: Buffer): Buffer {
  if (row.method?.kind !== "ecp") return scalar;
  const length = row.method.coordinateLength;
  const start = scalar.findIndex((octet) => octet !== 0);
  const digits = start < 0 ? Buffer.alloc(0) : scalar.subarray(start);
  return digits.length >= length ? digits : Buffer.concat([Buffer.alloc(length - digits.length), digits]);
}

function padded(row: KeTransform, value: Buffer): Buffer {
  const missing = row.publicLength - value.length;
  return missing <= 0 ? value : Buffer.concat([Buffer.alloc(missing), value]);
}

function isZero(value: Buffer): boolean {
  return value.every((octet) => octet === 0);
}
