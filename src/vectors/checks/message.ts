import { encrNamed, integNamed } from "../../crypto/foreign-names.ts";
import { makeSkCipher } from "../../crypto/sk-cipher.ts";
import { openBody } from "../../ikev2/protected-message.ts";
import { WireError } from "../../wire/error.ts";
import { decodeMessage as decodeIkev1, encodeMessage as encodeIkev1 } from "../../wire/ikev1/message.ts";
import { decodeHeader } from "../../wire/ikev2/header.ts";
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads } from "../../wire/ikev2/message.ts";
import type { MessageCase, Outcome } from "../case.ts";
import { compared, failed, notApplicable, octets } from "./outcome.ts";

const LABEL = "ikev2 codec";

/**
 * Decoded and written again to the same octets; opened where the keys are there. Where nobody says what is to come of a
 * message, it is no failure that it is refused as malformed.
 */
export function checkMessage(vector: MessageCase): Outcome {
  const message = octets(vector.octets);
  const isIkev1 = vector.firstType === undefined && (message[17] ?? 0x20) >> 4 === 1;
  const label = isIkev1 ? "ikev1 codec" : LABEL;
  try {
    if (isIkev1) return checkIkev1(vector, message);
    if (vector.firstType !== undefined) return checkChain(vector, vector.firstType, message);
    const decoded = decodeMessage(message, decodeHeader(message));
    // What is to be refused may stand inside SK.
    const outer = vector.open === undefined ? vector.result : "valid";
    const outcome = compared([], outer, encodeMessage(decoded.header, decoded.payloads), message);
    const last = decoded.payloads.at(-1);
    if (outcome.status === "failed" || vector.open === undefined || last?.kind !== "SK") {
      return { ...outcome, algorithm: LABEL };
    }
    return checkOpening(vector, vector.open, message, last);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    if (vector.result === "invalid" || vector.result === "acceptable")
      return { status: "passed", algorithm: label, rows: [] };
    const why = `refused as malformed: ${error.message}`;
    return vector.result === "valid" ? { ...failed([], why), algorithm: label } : notApplicable(label, why);
  }
}

function checkIkev1(vector: MessageCase, message: Buffer): Outcome {
  const decoded = decodeIkev1(message);
  if ("ciphertext" in decoded) return notApplicable("ikev1 codec", "encrypted, and no key beside it");
  if (decoded.padding.length > 0) return notApplicable("ikev1 codec", "padding in clear, which we do not write");
  const written = encodeIkev1(decoded.header, decoded.payloads);
  return { ...compared([], vector.result, written, message), algorithm: "ikev1 codec" };
}

function checkChain(vector: MessageCase, firstType: number, chain: Buffer): Outcome {
  const decoded = decodePayloads(firstType, chain, vector.place ?? "protected");
  return { ...compared([], vector.result, encodePayloads(decoded).octets, chain), algorithm: LABEL };
}

function checkOpening(
  vector: MessageCase,
  keys: NonNullable<MessageCase["open"]>,
  message: Buffer,
  sk: { readonly firstInner: number; readonly body: Uint8Array },
): Outcome {
  const encr = encrNamed(keys.encr);
  const integ = keys.integ === undefined ? undefined : integNamed(keys.integ)?.integ;
  if (encr === undefined) return notApplicable(keys.encr, "not in the table");
  const rows = [encr.keyword, ...(integ === undefined ? [] : [integ.keyword])];
  const cipher = makeSkCipher(encr, integ, octets(keys.encrKey), octets(keys.integKey ?? ""));
  const opened = openBody(message, sk.body, cipher);
  if (opened === undefined) return failed(rows, "the integrity check of SK fails");
  const label = `ikev2 codec, ${rows.join("-")}`;
  if (vector.plaintext !== undefined) {
    return { ...compared(rows, vector.result, opened, octets(vector.plaintext)), algorithm: label };
  }
  decodePayloads(sk.firstInner, opened, "protected");
  if (vector.result === "invalid")
    return { ...failed(rows, "accepted, and should have been refused"), algorithm: label };
  return { status: "passed", algorithm: label, rows };
}
