import { type Codec, field, framed, list, reserved, rest, type Step, struct, u8 } from "../../codec.ts";
import { limits } from "../limits.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/** The R bit, ignored and kept, and the 15-bit type (RFC 7296 3.15.1). */
const attributeType: Step<{ readonly type: number; readonly reserved?: number }> = {
  read(r, into) {
    const both = r.u16("attribute type");
    into.type = both & 0x7fff;
    if (both > 0x7fff) into.reserved = 1;
  },
  write(w, from) {
    const type = from.type as number;
    if (type > 0x7fff) w.fail(`attribute type is ${type}, possible are 0 to 32767`);
    w.u16(type | (from.reserved ? 0x8000 : 0), "attribute type");
  },
};

const attribute = struct(attributeType, framed(0, field("value", rest())));

/** Configuration (RFC 7296 3.15). */
export const configuration = payload(
  "CP",
  payloadType.CP,
  ["protected"],
  field("cfgType", u8),
  reserved("bodyReserved", 3),
  field("attributes", list(attribute, { label: "attribute", max: limits.configurationAttributes })),
);

/** One configuration attribute. */
export type ConfigurationAttribute = typeof attribute extends Codec<infer T> ? T : never;

/** Configuration payload. */
export type CpPayload = PayloadOf<typeof configuration>;
