/** Every payload of IKEv2 down to its last field. */
import { X509Certificate } from "node:crypto";
import { schemeName } from "../../crypto/signature/scheme.ts";
import { readSignature } from "../../ikev2/auth/signature-schemes.ts";
import { formatAddress, rangeAsPrefix } from "../../negotiate/address.ts";
import { identityFromWire } from "../../negotiate/identity.ts";
import { formatWireProposal } from "../../negotiate/proposal-text.ts";
import { findVendorId, vendorIds } from "../../wire/ikev1/registry/vendor-id.ts";
import { decodeDigitalSignature } from "../../wire/ikev2/auth/digital-signature.ts";
import { flag, type Header } from "../../wire/ikev2/header.ts";
import type { AuthPayload } from "../../wire/ikev2/payloads/identity.ts";
import type { Proposal } from "../../wire/ikev2/payloads/sa.ts";
import type { Selector } from "../../wire/ikev2/payloads/selectors.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { authMethod, certEncoding } from "../../wire/ikev2/registry/identity.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { type Field, field, hexOf, spi64, textOrHex } from "../field.ts";
import { protocolName } from "../inner.ts";
import { notifyFields } from "./notify.ts";

/** RFC 7296 3.1. */
export function headerFields(header: Header): Field {
  const said = [
    (header.flags & flag.initiator) !== 0 ? "initiator" : "",
    (header.flags & flag.response) !== 0 ? "response" : "request",
    (header.flags & flag.version) !== 0 ? "higher version" : "",
  ].filter((word) => word !== "");
  return field(
    "header",
    undefined,
    [
      field("initiator's SPI", spi64(header.initiatorSpi)),
      field("responder's SPI", spi64(header.responderSpi)),
      field("version", `${header.majorVersion}.${header.minorVersion}`),
      field("exchange", nameOf.exchange(header.exchangeType)),
      field("flags", said.join(", ")),
      field("message ID", header.messageId),
      field("length", header.length),
    ],
    "RFC 7296 3.1",
  );
}

/** One payload; `inner` are those inside SK, once opened. */
export function payloadField(payload: Payload): Field {
  const critical = payload.kind !== "unknown" && payload.critical === true ? [field("critical", "set")] : [];
  const { value, fields, reference } = described(payload);
  return field(
    payload.kind === "unknown" ? nameOf.payload(payload.type) : payload.kind,
    value,
    [...critical, ...fields],
    reference,
  );
}

interface Described {
  readonly value?: string | number;
  readonly fields: readonly Field[];
  readonly reference: string;
}

function described(payload: Payload): Described {
  switch (payload.kind) {
    case "SA":
      return { fields: payload.proposals.map(proposalField), reference: "RFC 7296 3.3" };
    case "KE":
      return {
        value: nameOf.ke(payload.group),
        fields: [field("group", payload.group), field("data", hexOf(payload.data))],
        reference: "RFC 7296 3.4",
      };
    case "IDi":
    case "IDr":
      return {
        value: identityFromWire(payload.idType, payload.data).text,
        fields: [field("type", nameOf.id(payload.idType)), field("data", hexOf(payload.data))],
        reference: "RFC 7296 3.5",
      };
    case "CERT":
      return { ...certificate(payload.encoding, payload.data), reference: "RFC 7296 3.6" };
    case "CERTREQ": {
      const keys = payload.data.length % 20 === 0 ? split(payload.data, 20) : [payload.data];
      return {
        value: nameOf.cert(payload.encoding),
        fields: keys.map((key) => field("authority", hexOf(key))),
        reference: "RFC 7296 3.7",
      };
    }
    case "AUTH":
      return {
        value: nameOf.auth(payload.method),
        fields: [...signatureFields(payload), field("data", hexOf(payload.data))],
        reference: "RFC 7296 3.8",
      };
    case "Nonce":
      return { fields: [field("data", hexOf(payload.data))], reference: "RFC 7296 3.9" };
    case "N":
      return notifyFields(payload);
    case "D":
      return {
        value: nameOf.protocol(payload.protocolId),
        fields: payload.spis.map((spi) => field("SPI", hexOf(spi))),
        reference: "RFC 7296 3.11",
      };
    case "V":
      return vendor(payload.data);
    case "TSi":
    case "TSr":
      return {
        value: payload.selectors.map(selectorText).join(", "),
        fields: payload.selectors.map(selectorField),
        reference: "RFC 7296 3.13",
      };
    case "SK":
      return {
        fields: [field("first inside", nameOf.payload(payload.firstInner)), field("octets", payload.body.length)],
        reference: "RFC 7296 3.14",
      };
    case "SKF":
      return {
        value: `${payload.fragmentNumber} of ${payload.totalFragments}`,
        fields: [field("first inside", nameOf.payload(payload.firstInner)), field("octets", payload.body.length)],
        reference: "RFC 7383 2.5",
      };
    case "CP":
      return {
        value: nameOf.cp(payload.cfgType),
        fields: payload.attributes.map(({ type, value }) =>
          field(nameOf.cpAttribute(type), attributeText(type, value)),
        ),
        reference: "RFC 7296 3.15",
      };
    case "EAP":
      return {
        value: nameOf.eap(payload.code),
        fields: [
          field("identifier", payload.identifier),
          ...(payload.type === undefined ? [] : [field("type", payload.type)]),
          field("data", hexOf(payload.data)),
        ],
        reference: "RFC 7296 3.16",
      };
    case "PS":
      return { fields: [field("data", hexOf(payload.data))], reference: "RFC 8019 8.2" };
    case "unknown":
      return { fields: [field("body", hexOf(payload.body))], reference: "RFC 7296 2.5" };
  }
}

function proposalField(proposal: Proposal): Field {
  return field(
    `proposal ${proposal.number}`,
    `${nameOf.protocol(proposal.protocolId)} ${formatWireProposal(proposal)}`,
    [
      ...(proposal.spi.length === 0 ? [] : [field("SPI", hexOf(proposal.spi))]),
      ...proposal.transforms.map((transform) =>
        field(
          nameOf.transformType(transform.type),
          `${nameOf.transform(transform.type, transform.id)}${transform.keyLength === undefined ? "" : `, ${transform.keyLength} bits`}`,
          (transform.attributes ?? []).map(({ type, value }) =>
            field(`attribute ${type}`, typeof value === "number" ? value : hexOf(value)),
          ),
        ),
      ),
    ],
    "RFC 7296 3.3.1",
  );
}

/** `192.0.2.1/32 UDP 4789`. */
export function selectorText(selector: Selector): string {
  if ("raw" in selector) return `${nameOf.ts(selector.tsType)} ${hexOf(selector.raw)}`;
  const prefix = rangeAsPrefix(selector.startAddress, selector.endAddress);
  const range = `${formatAddress(selector.startAddress)}-${formatAddress(selector.endAddress)}`;
  const addresses = prefix === undefined ? range : `${prefix.address}/${prefix.length}`;
  const { startPort, endPort, ipProtocol } = selector;
  const ports =
    startPort === 0 && endPort === 65535 ? "" : ` ${startPort === endPort ? startPort : `${startPort}-${endPort}`}`;
  return `${addresses}${ipProtocol === 0 ? "" : ` ${protocolName(ipProtocol)}`}${ports}`;
}

function selectorField(selector: Selector): Field {
  if ("raw" in selector) return field(nameOf.ts(selector.tsType), hexOf(selector.raw));
  return field("selector", nameOf.ts(selector.tsType), [
    field("IP protocol", selector.ipProtocol),
    field("ports", `${selector.startPort}-${selector.endPort}`),
    field("addresses", `${formatAddress(selector.startAddress)}-${formatAddress(selector.endAddress)}`),
  ]);
}

/** Vendor IDs that IKEv1 brought along are sent in IKEv2 too. */
function vendor(data: Uint8Array): Described {
  const reference = "RFC 7296 3.12";
  const known = findVendorId(data);
  if (known === undefined) return { value: textOrHex(data), fields: [], reference };
  return { value: vendorIds[known].name, fields: [field("data", hexOf(data))], reference };
}

/** The AlgorithmIdentifier and the signature of RFC 7427 3; of other methods the data is all there is. */
function signatureFields(auth: AuthPayload): Field[] {
  const parts = auth.method === authMethod.DIGITAL_SIGNATURE ? decodeDigitalSignature(auth.data) : undefined;
  if (parts === undefined) return [];
  const read = readSignature(auth, true);
  const [scheme] = "schemes" in read ? read.schemes : [];
  const name = scheme === undefined ? ("seen" in read ? read.seen : "") : schemeName(scheme);
  return [
    field("algorithm", name, [field("AlgorithmIdentifier", hexOf(parts.algorithm))], "RFC 7427 3"),
    field("signature", hexOf(parts.signature)),
  ];
}

function certificate(encoding: number, data: Uint8Array): { value: string; fields: Field[] } {
  const value = nameOf.cert(encoding);
  const plain = { value, fields: [field("data", hexOf(data))] };
  if (encoding !== certEncoding.X509_CERTIFICATE_SIGNATURE) return plain;
  return { value, fields: [...certificateNames(data), ...plain.fields] };
}

/** Whose certificate it is and who signed it; nothing where it cannot be read. */
export function certificateNames(data: Uint8Array): Field[] {
  try {
    const { subject, issuer, validFrom, validTo } = new X509Certificate(data);
    const line = (name: string) => name.split("\n").join(", ");
    return [
      field("subject", line(subject)),
      field("issuer", line(issuer)),
      field("valid", `${validFrom} to ${validTo}`),
    ];
  } catch {
    return [];
  }
}

function attributeText(type: number, value: Uint8Array): string {
  if (value.length === 4 || value.length === 16) return formatAddress(value);
  // INTERNAL_IP6_ADDRESS and _SUBNET: an address and a prefix length; INTERNAL_IP4_SUBNET: address and mask.
  if (value.length === 17) return `${formatAddress(value.subarray(0, 16))}/${value[16]}`;
  if (type === 13 && value.length === 8)
    return `${formatAddress(value.subarray(0, 4))}/${formatAddress(value.subarray(4))}`;
  return value.length === 0 ? "" : textOrHex(value);
}

function split(octets: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: octets.length / size }, (_, index) => octets.subarray(index * size, (index + 1) * size));
}
