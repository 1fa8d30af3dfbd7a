import { field, list, u8, u16, zeros } from "../../codec.ts";
import { limits } from "../limits.ts";
import { payloadType } from "../registry/message.ts";
import { attribute } from "./attribute.ts";
import { type PayloadOf, payload } from "./description.ts";

/** Attributes (draft-dukes-ike-mode-cfg-02 3.2): mode config and XAuth. */
export const attributes = payload(
  "ATTR",
  payloadType.ATTR,
  field("cfgType", u8),
  zeros(1),
  field("identifier", u16),
  field("attributes", list(attribute, { label: "attribute", max: limits.configurationAttributes })),
);

/** Attributes payload. */
export type AttrPayload = PayloadOf<typeof attributes>;
