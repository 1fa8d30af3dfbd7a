import { field, framed, rest, type Step, u8 } from "../../codec.ts";
import { eapCode } from "../registry/identity.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/** Request and Response (RFC 7296 3.16), and Initiate and Finish (RFC 6867), have a type; the others are empty. */
const typed: ReadonlySet<number> = new Set([eapCode.Request, eapCode.Response, eapCode.Initiate, eapCode.Finish]);

/** Absent where the code has no type; `data` is then empty. */
const eapType: Step<{ readonly type?: number }> = {
  read(r, into) {
    const code = into.code as number;
    if (typed.has(code)) into.type = r.u8("EAP type");
    else if (r.left > 0) r.fail("value", `EAP code ${code} has ${r.left} octets of data, possible are none`);
  },
  write(w, from) {
    const code = from.code as number;
    if (typed.has(code)) w.u8(from.type as number, "EAP type");
    else if (from.type !== undefined || (from.data as Uint8Array).length > 0) {
      w.fail(`EAP code ${code} has no type and no data`);
    }
  },
};

/** Extensible Authentication Protocol (RFC 7296 3.16); the EAP length must be that of the payload's body. */
export const eap = payload(
  "EAP",
  payloadType.EAP,
  ["protected"],
  field("code", u8),
  field("identifier", u8),
  framed(4, eapType, field("data", rest())),
);

/** EAP payload. */
export type EapPayload = PayloadOf<typeof eap>;
