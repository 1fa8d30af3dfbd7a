import { EspCipher, EspKeyError } from "../../crypto/esp-cipher.ts";
import { encrNamed, integNamed } from "../../crypto/foreign-names.ts";
import { verifyAh } from "../../esp/ah.ts";
import { espContent } from "../../esp/trailer.ts";
import type { AhCase, EspCase, Outcome } from "../case.ts";
import { compared, failed, notApplicable, octets } from "./outcome.ts";

/** A whole ESP packet: opened, compared, and sealed again to the same octets. */
export function checkEsp(vector: EspCase): Outcome {
  const key = octets(vector.encrKey);
  const encr = encrNamed(vector.encr, { keyLength: key.length, icvLength: vector.icvLength });
  if (encr === undefined) return notApplicable(vector.encr, "not in the table");
  const named = vector.integ === undefined ? undefined : integNamed(vector.integ);
  if (vector.integ !== undefined && named === undefined && !encr.aead && !/^(?:null|none)$/i.test(vector.integ)) {
    return notApplicable(vector.integ, "not in the table");
  }
  const rows = [encr.keyword, ...(named === undefined ? [] : [named.integ.keyword])];
  const cipher = espCipher(vector, encr, key);
  if (typeof cipher === "string") return failed(rows, cipher);
  const packet = octets(vector.packet);
  const opened = cipher.open(packet, vector.highSequence);
  const label = (outcome: Outcome): Outcome => ({ ...outcome, algorithm: `esp, ${rows.join("-")}` });
  if (opened?.padded === undefined || (opened.integrity !== "verified" && named !== undefined)) {
    return label(compared(rows, vector.result, undefined, packet));
  }
  const content = espContent(opened.padded);
  if (content === undefined) return label(failed(rows, "the pad length does not fit"));
  if (vector.padded !== undefined) {
    const wanted = octets(vector.padded);
    if (!opened.padded.equals(wanted)) return label(compared(rows, vector.result, opened.padded, wanted));
  }
  if (vector.payload !== undefined) {
    const wanted = octets(vector.payload);
    if (Buffer.compare(content.payload, wanted) !== 0)
      return label(compared(rows, vector.result, content.payload, wanted));
  }
  const iv = packet.subarray(8, 8 + cipher.ivLength);
  return label(
    compared(rows, vector.result, cipher.seal(packet.subarray(0, 8), iv, opened.padded, vector.highSequence), packet),
  );
}

/** The ICV of a whole IP packet with AH. */
export function checkAh(vector: AhCase): Outcome {
  const named = integNamed(vector.integ);
  if (named === undefined) return notApplicable(vector.integ, "not computed for AH here: Linux has it not");
  const packet = octets(vector.packet);
  const at = (packet[0] ?? 0) >> 4 === 4 ? ((packet[0] ?? 0) & 0x0f) * 4 : 40;
  const right = verifyAh(packet, at, named.integ, octets(vector.integKey));
  const outcome = compared([named.integ.keyword], vector.result, right === true ? packet : undefined, packet);
  return { ...outcome, algorithm: `ah, ${named.integ.keyword}` };
}

function espCipher(vector: EspCase, encr: NonNullable<ReturnType<typeof encrNamed>>, key: Buffer): EspCipher | string {
  const named = vector.integ === undefined ? undefined : integNamed(vector.integ);
  try {
    return new EspCipher({
      encr,
      encrKey: Buffer.concat([key, octets(vector.salt ?? "")]),
      integ: named?.integ,
      integKey: vector.integKey === undefined ? undefined : octets(vector.integKey),
      icvLength: vector.icvLength ?? named?.icvLength,
    });
  } catch (error) {
    if (error instanceof EspKeyError) return error.message;
    throw error;
  }
}
