import {
  type Codec,
  chain,
  check,
  count,
  field,
  framed,
  list,
  rest,
  type Step,
  size,
  sized,
  struct,
  u8,
  u32,
  zeros,
} from "../../codec.ts";
import { limits } from "../limits.ts";
import { doi, payloadType, protocolId, situation } from "../registry/message.ts";
import { attribute } from "./attribute.ts";
import { type PayloadOf, payload } from "./description.ts";

/** RFC 2408 3.6; the first octet, Next Payload, is the chain's. */
const transform = struct(
  zeros(1),
  framed(
    4,
    field("number", u8),
    field("id", u8),
    zeros(2),
    field("attributes", list(attribute, { label: "attribute", max: limits.transformAttributes })),
  ),
);

/** RFC 2408 3.5, RFC 3173 4.1: of a CPI the low 16 bits of an SPI may be sent, or all 32. */
function spiProblem({ protocolId: protocol, spi }: { protocolId: number; spi: Uint8Array }): string | undefined {
  return spiSizeProblem(protocol, spi.length);
}

/** What is wrong with an SPI of `octets` octets of that protocol, in a proposal. */
export function spiSizeProblem(protocol: number, octets: number): string | undefined {
  switch (protocol) {
    case protocolId.IPSEC_AH:
    case protocolId.IPSEC_ESP:
      return octets === 4 ? undefined : `the SPI of protocol ${protocol} has ${octets} octets, possible are 4`;
    case protocolId.IPCOMP:
      return octets === 2 || octets === 4 ? undefined : `the CPI has ${octets} octets, possible are 2 or 4`;
    default:
      return octets <= limits.spi ? undefined : `the SPI has ${octets} octets, possible are at most ${limits.spi}`;
  }
}

/** RFC 2408 3.5; the first octet, Next Payload, is the chain's. */
const proposal = struct(
  zeros(1),
  framed(
    4,
    field("number", u8),
    field("protocolId", u8),
    size("spi"),
    count("transforms", u8),
    field("spi", sized),
    check(spiProblem),
    field("transforms", chain(transform, { label: "transform", max: limits.transforms, more: 3, counted: true })),
  ),
);

/** A 32-bit number that has one possible value and is therefore no property. */
function constant32(what: string, value: number): Step<unknown> {
  return {
    read(r) {
      const seen = r.u32(what);
      if (seen !== value) r.fail("value", `${what} is ${seen}, possible is ${value}`);
    },
    write: (w) => w.u32(value, what),
  };
}

/** Security Association (RFC 2408 3.4) of the IPsec DOI with SIT_IDENTITY_ONLY (RFC 2407 4.2.1). */
export const securityAssociation = payload(
  "SA",
  payloadType.SA,
  constant32("DOI", doi.IPSEC),
  constant32("situation", situation.SIT_IDENTITY_ONLY),
  field("proposals", chain(proposal, { label: "proposal", min: 1, max: limits.proposals, more: 2 })),
);

/** A Security Association of a DOI or situation in which nothing can be agreed on here; where its proposals begin is not known. */
export const otherSecurityAssociation = payload(
  "SA-other",
  payloadType.SA,
  field("doi", u32),
  field("situation", u32),
  check((sa: { doi: number; situation: number }) =>
    sa.doi === doi.IPSEC && sa.situation === situation.SIT_IDENTITY_ONLY ? "this SA has proposals" : undefined,
  ),
  field("data", rest()),
);

/** Whether the SA payload whose body begins at `offset` is of the DOI and situation that {@link securityAssociation} reads. */
export function isIdentityOnly(octets: Uint8Array, offset: number): boolean {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (offset + 8 > octets.length) return true;
  return view.getUint32(offset) === doi.IPSEC && view.getUint32(offset + 4) === situation.SIT_IDENTITY_ONLY;
}

type ItemOf<C> = C extends Codec<infer T> ? T : never;

/** One transform of a proposal. */
export type Transform = ItemOf<typeof transform>;

/** One proposal of an SA payload; those with the same number belong together (RFC 2408 4.2). */
export type Proposal = ItemOf<typeof proposal>;

/** Security Association payload. */
export type SaPayload = PayloadOf<typeof securityAssociation>;

/** Security Association payload of another DOI or situation. */
export type OtherSaPayload = PayloadOf<typeof otherSecurityAssociation>;
