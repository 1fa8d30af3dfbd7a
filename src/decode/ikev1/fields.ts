/** Every payload of IKEv1 down to its last field. */
import { formatAddress } from "../../negotiate/address.ts";
import { identityFromWire } from "../../negotiate/identity.ts";
import { flag, type Header } from "../../wire/ikev1/header.ts";
import { type Attribute, attributeNumber } from "../../wire/ikev1/payloads/attribute.ts";
import type { Proposal } from "../../wire/ikev1/payloads/sa.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { protocolId } from "../../wire/ikev1/registry/message.ts";
import { nameOf } from "../../wire/ikev1/registry/names.ts";
import { phase1Attribute } from "../../wire/ikev1/registry/phase1.ts";
import { phase2Attribute } from "../../wire/ikev1/registry/phase2.ts";
import { nameOf as ikev2NameOf } from "../../wire/ikev2/registry/names.ts";
import { type Field, field, hexOf, spi64, textOrHex } from "../field.ts";
import { certificateNames } from "../ikev2/fields.ts";
import { protocolName } from "../inner.ts";

/** RFC 2408 3.1. */
export function headerFields(header: Header): Field {
  const said = [
    (header.flags & flag.encryption) !== 0 ? "encrypted" : "",
    (header.flags & flag.commit) !== 0 ? "commit" : "",
    (header.flags & flag.authenticationOnly) !== 0 ? "authentication only" : "",
  ].filter((word) => word !== "");
  return field(
    "header",
    undefined,
    [
      field("initiator's cookie", spi64(header.initiatorCookie)),
      field("responder's cookie", spi64(header.responderCookie)),
      field("version", `${header.majorVersion}.${header.minorVersion}`),
      field("exchange", nameOf.exchange(header.exchangeType)),
      field("flags", said.join(", ")),
      field("message ID", header.messageId.toString(16).padStart(8, "0")),
      field("length", header.length),
    ],
    "RFC 2408 3.1",
  );
}

/** One payload. */
export function payloadField(payload: Payload): Field {
  const { value, fields, reference } = described(payload);
  return field(payload.isakmp === "opaque" ? nameOf.payload(payload.type) : payload.isakmp, value, fields, reference);
}

interface Described {
  readonly value?: string | number;
  readonly fields: readonly Field[];
  readonly reference: string;
}

function described(payload: Payload): Described {
  switch (payload.isakmp) {
    case "SA":
      return {
        // What the codec reads proposals of.
        value: "IPSEC, SIT_IDENTITY_ONLY",
        fields: payload.proposals.map(proposalField),
        reference: "RFC 2408 3.4, RFC 2407 4.6.1",
      };
    case "SA-other":
      return {
        fields: [field("DOI", payload.doi), field("situation", payload.situation), field("data", hexOf(payload.data))],
        reference: "RFC 2408 3.4",
      };
    case "KE":
      return { fields: [field("data", hexOf(payload.data))], reference: "RFC 2408 3.7" };
    case "ID":
      return {
        value: identityText(payload.idType, payload.data),
        fields: [
          field("type", nameOf.id(payload.idType)),
          field("IP protocol", payload.ipProtocol === 0 ? "any" : protocolName(payload.ipProtocol)),
          field("port", payload.port),
          field("data", hexOf(payload.data)),
        ],
        reference: "RFC 2407 4.6.2",
      };
    case "CERT":
      return {
        value: nameOf.cert(payload.encoding),
        fields: [...certificateNames(payload.data), field("data", hexOf(payload.data))],
        reference: "RFC 2408 3.9",
      };
    case "CR":
      return {
        value: nameOf.cert(payload.encoding),
        fields: [field("authority", hexOf(payload.authority))],
        reference: "RFC 2408 3.10",
      };
    case "HASH":
      return { fields: [field("data", hexOf(payload.data))], reference: "RFC 2408 3.11" };
    case "SIG":
      return { fields: [field("data", hexOf(payload.data))], reference: "RFC 2408 3.12" };
    case "NONCE":
      return { fields: [field("data", hexOf(payload.data))], reference: "RFC 2408 3.13" };
    case "N":
      return {
        value: nameOf.notify(payload.type),
        fields: [
          field("protocol", nameOf.protocol(payload.protocolId)),
          ...(payload.spi.length === 0 ? [] : [field("SPI", hexOf(payload.spi))]),
          ...(payload.data.length === 0 ? [] : [field("data", hexOf(payload.data))]),
        ],
        reference: "RFC 2408 3.14",
      };
    case "D":
      return {
        value: nameOf.protocol(payload.protocolId),
        fields: payload.spis.map((spi) => field("SPI", hexOf(spi))),
        reference: "RFC 2408 3.15",
      };
    case "VID":
      return {
        value: nameOf.vendorId(payload.data),
        fields: [field("data", hexOf(payload.data))],
        reference: "RFC 2408 3.16",
      };
    case "ATTR":
      return {
        value: nameOf.cfg(payload.cfgType),
        fields: [
          field("identifier", payload.identifier),
          ...payload.attributes.map((attribute) => field(nameOf.cfgAttribute(attribute.type), valueText(attribute))),
        ],
        reference: "draft-dukes-ike-mode-cfg 3.2",
      };
    case "NAT-D":
    case "NAT-D-draft":
      return { fields: [field("hash", hexOf(payload.hash))], reference: "RFC 3947 3.2" };
    case "NAT-OA":
    case "NAT-OA-draft":
      return { value: formatAddress(payload.address), fields: [], reference: "RFC 3947 5.2" };
    case "FRAGMENT":
      return {
        value: `${payload.fragmentNumber}${payload.fragmentFlags === 0 ? "" : ", the last"}`,
        fields: [field("ID", payload.fragmentId), field("octets", payload.data.length)],
        reference: "[MS-IKEE] 2.2.3.1",
      };
    case "opaque":
      return { fields: [field("body", hexOf(payload.body))], reference: "RFC 2408 3.1" };
  }
}

function proposalField(proposal: Proposal): Field {
  const isPhase1 = proposal.protocolId === protocolId.ISAKMP;
  return field(
    `proposal ${proposal.number}`,
    nameOf.protocol(proposal.protocolId),
    [
      ...(proposal.spi.length === 0 ? [] : [field("SPI", hexOf(proposal.spi))]),
      ...proposal.transforms.map((transform) =>
        field(
          `transform ${transform.number}`,
          nameOf.transform(proposal.protocolId, transform.id),
          transform.attributes.map((attribute) =>
            isPhase1
              ? field(nameOf.phase1Attribute(attribute.type), phase1Text(attribute))
              : field(nameOf.phase2Attribute(attribute.type), phase2Text(attribute)),
          ),
          "RFC 2408 3.6",
        ),
      ),
    ],
    "RFC 2408 3.5",
  );
}

/** A phase 1 attribute's value by its name. */
export function phase1Text(attribute: Attribute): string {
  const number = attributeNumber(attribute);
  if (number === undefined) return valueText(attribute);
  switch (attribute.type) {
    case phase1Attribute.ENCRYPTION_ALGORITHM:
      return nameOf.encryption(number);
    case phase1Attribute.HASH_ALGORITHM:
      return nameOf.hash(number);
    case phase1Attribute.AUTHENTICATION_METHOD:
      return nameOf.authenticationMethod(number);
    case phase1Attribute.GROUP_DESCRIPTION:
      return ikev2NameOf.ke(number);
    case phase1Attribute.GROUP_TYPE:
      return nameOf.groupType(number);
    case phase1Attribute.LIFE_TYPE:
      return nameOf.lifeType(number);
    default:
      return String(number);
  }
}

/** A phase 2 attribute's value by its name. */
export function phase2Text(attribute: Attribute): string {
  const number = attributeNumber(attribute);
  if (number === undefined) return valueText(attribute);
  switch (attribute.type) {
    case phase2Attribute.SA_LIFE_TYPE:
      return nameOf.lifeType(number);
    case phase2Attribute.GROUP_DESCRIPTION:
      return ikev2NameOf.ke(number);
    case phase2Attribute.ENCAPSULATION_MODE:
      return nameOf.encapsulation(number);
    case phase2Attribute.AUTHENTICATION_ALGORITHM:
      return nameOf.authenticationAlgorithm(number);
    default:
      return String(number);
  }
}

function valueText({ value }: Attribute): string {
  if (typeof value === "number") return String(value);
  return value.length === 4 ? `${hexOf(value)} (${formatAddress(value)})` : value.length === 0 ? "" : textOrHex(value);
}

/** Addresses, networks and names as people write them (RFC 2407 4.6.2.1). */
export function identityText(type: number, data: Uint8Array): string {
  const half = data.length / 2;
  switch (type) {
    case 1:
    case 5:
      return formatAddress(data);
    case 4:
    case 6:
      return `${formatAddress(data.subarray(0, half))}/${formatAddress(data.subarray(half))}`;
    case 7:
    case 8:
      return `${formatAddress(data.subarray(0, half))}-${formatAddress(data.subarray(half))}`;
    case 2:
    case 3:
    case 11:
      return textOrHex(data);
    case 9:
      return identityFromWire(type, data).text;
    default:
      return `${nameOf.id(type)} ${hexOf(data)}`;
  }
}
