import {
  type Codec,
  chain,
  check,
  count,
  type Draft,
  field,
  framed,
  reserved,
  type Step,
  size,
  sized,
  struct,
  u8,
  u16,
} from "../../codec.ts";
import { limits } from "../limits.ts";
import { payloadType, protocolId } from "../registry/message.ts";
import { transformAttribute } from "../registry/transform.ts";
import { type PayloadOf, payload } from "./description.ts";

/** An attribute that is not the transform's Key Length; `value` is a number in TV form, octets in TLV form. */
export interface TransformAttribute {
  readonly type: number;
  readonly value: number | Uint8Array;
}

/** What a transform's attributes say (RFC 7296 3.3.5). */
export interface TransformAttributes {
  /** Key Length in bits: the first attribute of type 14 in TV form. */
  readonly keyLength?: number;
  /** Every other attribute in wire order; a transform that has any is one we do not understand (RFC 7296 3.3.6). */
  readonly attributes?: readonly TransformAttribute[];
  /** How many of `attributes` stand before the Key Length, when not 0. */
  readonly keyLengthAt?: number;
}

const shortForm = 0x8000;

const attributes: Step<TransformAttributes> = {
  read(r, into) {
    if (r.left === 0) return;
    const others: TransformAttribute[] = [];
    let seen = 0;
    while (r.left > 0) {
      if (++seen > limits.transformAttributes) {
        r.fail("limit", `more than ${limits.transformAttributes} attributes`);
      }
      const first = r.u16("attribute type");
      const type = first & 0x7fff;
      if ((first & shortForm) === 0) {
        others.push({ type, value: r.bytes(r.u16("attribute length"), "attribute value") });
      } else if (type === transformAttribute.KEY_LENGTH && into.keyLength === undefined) {
        into.keyLength = r.u16("key length");
        if (others.length > 0) into.keyLengthAt = others.length;
      } else others.push({ type, value: r.u16("attribute value") });
    }
    if (others.length > 0) into.attributes = others;
  },
  write(w, from) {
    const { keyLength, keyLengthAt = 0, attributes: others = [] } = from as TransformAttributes & Draft;
    if (keyLength === undefined && others.length === 0) return;
    let index = 0;
    for (;;) {
      if (keyLength !== undefined && index === keyLengthAt) {
        w.u16(shortForm | transformAttribute.KEY_LENGTH, "attribute type");
        w.u16(keyLength, "key length");
      }
      const attribute = others[index++];
      if (attribute === undefined) break;
      const { type, value } = attribute;
      w.u16(typeof value === "number" ? shortForm | type : type, "attribute type");
      if (typeof value === "number") w.u16(value, "attribute value");
      else {
        w.u16(value.length, "attribute length");
        w.bytes(value);
      }
    }
  },
};

/** RFC 7296 3.3.2; the first octet is the chain's. */
const transform = struct(
  reserved("reserved", 1),
  framed(4, field("type", u8), reserved("reserved2", 1), field("id", u16), attributes),
);

/**
 * RFC 7296 3.3.1: 4 octets for AH and ESP. For IKE it is 0 in IKE_SA_INIT, where its value means nothing, and 8 in a
 * rekey: which of them is known to the exchange, not here.
 */
function spiSizeProblem({ protocolId: protocol, spi }: { protocolId: number; spi: Uint8Array }): string | undefined {
  if ((protocol !== protocolId.AH && protocol !== protocolId.ESP) || spi.length === 4) return undefined;
  return `the SPI of protocol ${protocol} has ${spi.length} octets, possible are 4`;
}

/** RFC 7296 3.3.1; the first octet is the chain's. */
const proposal = struct(
  reserved("reserved", 1),
  framed(
    4,
    field("number", u8),
    field("protocolId", u8),
    size("spi"),
    count("transforms", u8),
    field("spi", sized),
    check(spiSizeProblem),
    // RFC 7296 3.3.1 wants at least one; a proposal without any can never be chosen and needs no refusal here.
    field("transforms", chain(transform, { label: "transform", max: limits.transforms, more: 3, counted: true })),
  ),
);

/** Security Association (RFC 7296 3.3). */
export const securityAssociation = payload(
  "SA",
  payloadType.SA,
  ["clear", "protected"],
  field("proposals", chain(proposal, { label: "proposal", min: 1, max: limits.proposals, more: 2 })),
);

type ItemOf<C> = C extends Codec<infer T> ? T : never;

/** One transform of a proposal; `reserved` and `reserved2` are its two RESERVED octets when not zero. */
export type Transform = ItemOf<typeof transform>;

/** One proposal of an SA payload. */
export type Proposal = ItemOf<typeof proposal>;

/** Security Association payload. */
export type SaPayload = PayloadOf<typeof securityAssociation>;
