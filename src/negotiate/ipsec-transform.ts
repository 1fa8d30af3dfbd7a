/** One transform of IKEv1's phase 2: what it says, and how we say it (RFC 2407 4.4, 4.5; RFC 3173 4 for IPComp). */
import { deflate } from "../crypto/transforms/comp.ts";
import { type Attribute, attributeNumber, numericAttribute } from "../wire/ikev1/payloads/attribute.ts";
import type { Transform } from "../wire/ikev1/payloads/sa.ts";
import { protocolId } from "../wire/ikev1/registry/message.ts";
import { nameOf } from "../wire/ikev1/registry/names.ts";
import { encapsulationMode, phase2Attribute } from "../wire/ikev1/registry/phase2.ts";
import { readLifetimes, secondsAttributes } from "./ikev1-lifetime.ts";
import type { ChildSuite } from "./suite.ts";

/** What a proposal of phase 2 can be for. */
export type IpsecProtocol = "esp" | "ah" | "ipcomp";

/** How the packets travel. */
export interface IpsecMode {
  readonly mode: "tunnel" | "transport";
  /** ESP goes in UDP; `draft`: under the private numbers that came before RFC 3947. */
  readonly encapsulation: "none" | "udp" | "draft";
}

/** What one transform says, as numbers; those of attributes that are not there are undefined. */
export interface Said {
  readonly id: number;
  readonly keyBits: number | undefined;
  readonly auth: number | undefined;
  readonly group: number | undefined;
  readonly esn: boolean;
  readonly mode: number | undefined;
  readonly seconds: number | undefined;
  readonly kilobytes: number | undefined;
}

/** What of a suite one protocol has: beside ESP, AH has its own algorithm, and the group and the numbers are common. */
export function partOf(suite: ChildSuite, protocol: IpsecProtocol): ChildSuite {
  const { ah, ke, esn } = suite;
  if (protocol === "ipcomp") return { ke, esn };
  return protocol === "ah" && ah !== undefined ? { integ: ah, ke, esn } : suite;
}

/** The transform that asks for, or agrees to, a part. */
export function ipsecTransform(
  protocol: IpsecProtocol,
  part: ChildSuite,
  { mode, seconds, number }: { readonly mode: IpsecMode; readonly seconds: number; readonly number: number },
): Transform {
  const { encr, integ, ke, esn } = part;
  const attributes = secondsAttributes(seconds, phase2Attribute.SA_LIFE_TYPE, phase2Attribute.SA_LIFE_DURATION);
  const add = (type: number, value: number): unknown => attributes.push(numericAttribute(type, value));
  if (ke?.ikev1 !== undefined) add(phase2Attribute.GROUP_DESCRIPTION, ke.ikev1);
  add(phase2Attribute.ENCAPSULATION_MODE, modeNumbers(mode)[0] ?? 0);
  if (integ?.ikev1 !== undefined) add(phase2Attribute.AUTHENTICATION_ALGORITHM, integ.ikev1.auth);
  if (encr?.keyLengthAttribute === true) add(phase2Attribute.KEY_LENGTH, encr.keyBits);
  if (esn.ikev2 === 1 && protocol !== "ipcomp") add(phase2Attribute.EXTENDED_SEQUENCE_NUMBER, 1);
  return { number, id: transformId(protocol, part), attributes };
}

/** What a transform says; undefined where it says something that is not understood here. */
export function readTransform({ id, attributes }: Transform): Said | undefined {
  const numbers = new Map<number, number | undefined>();
  for (const one of attributes) {
    if (!understood.has(one.type)) return undefined;
    numbers.set(one.type, attributeNumber(one));
  }
  return {
    id,
    keyBits: numbers.get(phase2Attribute.KEY_LENGTH),
    auth: numbers.get(phase2Attribute.AUTHENTICATION_ALGORITHM),
    group: numbers.get(phase2Attribute.GROUP_DESCRIPTION),
    esn: numbers.get(phase2Attribute.EXTENDED_SEQUENCE_NUMBER) === 1,
    mode: numbers.get(phase2Attribute.ENCAPSULATION_MODE),
    ...readLifetimes(attributes, phase2Attribute.SA_LIFE_TYPE, phase2Attribute.SA_LIFE_DURATION),
  };
}

/**
 * Whether what was said is the part, in that mode. `isAround`: AH around ESP is in transport mode where ESP makes the
 * tunnel, and some say so. IPComp may leave group and mode to what it stands in.
 */
export function isPart(
  said: Said,
  protocol: IpsecProtocol,
  part: ChildSuite,
  how: { readonly mode: IpsecMode; readonly isAround: boolean },
): boolean {
  if (said.id !== transformId(protocol, part)) return false;
  const { encr, integ, ke, esn } = part;
  const isCompression = protocol === "ipcomp";
  const modes = modeNumbers(how.mode);
  const isMode =
    said.mode === undefined
      ? isCompression || modes.includes(encapsulationMode.TUNNEL)
      : modes.includes(said.mode) ||
        (how.isAround && said.mode === encapsulationMode.TRANSPORT) ||
        (isCompression && said.mode === encapsulationMode[how.mode.mode === "tunnel" ? "TUNNEL" : "TRANSPORT"]);
  return (
    isMode &&
    said.keyBits === (encr?.keyLengthAttribute === true ? encr.keyBits : undefined) &&
    // RFC 4106 8.3: with a cipher that authenticates by itself the attribute must not be there.
    said.auth === integ?.ikev1?.auth &&
    (said.group === ke?.ikev1 || (isCompression && said.group === undefined)) &&
    (isCompression || said.esn === (esn.ikev2 === 1))
  );
}

/** The mode that a transform asks for; undefined where it does not say. */
export function transformMode({ attributes }: Transform): "tunnel" | "transport" | undefined {
  const mode = attributes.find(({ type }) => type === phase2Attribute.ENCAPSULATION_MODE);
  const number = mode === undefined ? undefined : attributeNumber(mode);
  if (number === undefined) return undefined;
  return transportModes.has(number) ? "transport" : "tunnel";
}

/** What a transform says, in registered names. */
export function formatIpsecTransform(protocol: number, { id, attributes }: Transform): string {
  const words = [nameOf.transform(protocol, id)];
  for (const attribute of attributes) {
    const number = attributeNumber(attribute) ?? 0;
    if (attribute.type === phase2Attribute.KEY_LENGTH) words.push(String(number));
    else if (attribute.type === phase2Attribute.AUTHENTICATION_ALGORITHM)
      words.push(nameOf.authenticationAlgorithm(number));
    else if (attribute.type === phase2Attribute.GROUP_DESCRIPTION) words.push(`group_${number}`);
    else if (attribute.type === phase2Attribute.ENCAPSULATION_MODE) words.push(nameOf.encapsulation(number));
    else if (attribute.type === phase2Attribute.EXTENDED_SEQUENCE_NUMBER) words.push("esn");
  }
  return words.join("-").replaceAll(" ", "_");
}

/** Whether IKEv1 has numbers for all of a part. */
export function isNameable({ encr, integ, ke }: ChildSuite, protocol: "esp" | "ah"): boolean {
  if (ke !== undefined && ke.ikev1 === undefined) return false;
  if (integ !== undefined && integ.ikev1 === undefined) return false;
  return protocol === "ah" ? integ !== undefined : encr?.ikev1?.esp !== undefined;
}

/** The Protocol-ID of each. */
export const protocolNumbers = {
  esp: protocolId.IPSEC_ESP,
  ah: protocolId.IPSEC_AH,
  ipcomp: protocolId.IPCOMP,
} as const satisfies Record<IpsecProtocol, number>;

function transformId(protocol: IpsecProtocol, { encr, integ }: ChildSuite): number {
  if (protocol === "ipcomp") return deflate.ikev1;
  return (protocol === "ah" ? integ?.ikev1?.ah : encr?.ikev1?.esp) ?? 0;
}

/** Those that mean what the policy does, the one that we send first. */
function modeNumbers({ mode, encapsulation }: IpsecMode): readonly number[] {
  const tunnel = mode === "tunnel";
  if (encapsulation === "none") return [tunnel ? encapsulationMode.TUNNEL : encapsulationMode.TRANSPORT];
  const rfc = tunnel ? encapsulationMode.UDP_ENCAPSULATED_TUNNEL : encapsulationMode.UDP_ENCAPSULATED_TRANSPORT;
  const draft = tunnel
    ? encapsulationMode.UDP_ENCAPSULATED_TUNNEL_DRAFT
    : encapsulationMode.UDP_ENCAPSULATED_TRANSPORT_DRAFT;
  return encapsulation === "draft" ? [draft, rfc] : [rfc, draft];
}

const transportModes: ReadonlySet<number> = new Set([
  encapsulationMode.TRANSPORT,
  encapsulationMode.UDP_ENCAPSULATED_TRANSPORT,
  encapsulationMode.UDP_ENCAPSULATED_TRANSPORT_DRAFT,
]);

const understood: ReadonlySet<Attribute["type"]> = new Set([
  phase2Attribute.SA_LIFE_TYPE,
  phase2Attribute.SA_LIFE_DURATION,
  phase2Attribute.GROUP_DESCRIPTION,
  phase2Attribute.ENCAPSULATION_MODE,
  phase2Attribute.AUTHENTICATION_ALGORITHM,
  phase2Attribute.KEY_LENGTH,
  phase2Attribute.EXTENDED_SEQUENCE_NUMBER,
]);
