import { AF_UNSPEC } from "../codec/address.ts";
import { attributes, listOf, u32Attribute, type WithUnknown } from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import type { Message } from "../codec/message-reader.ts";
import { address, choice, octetString, struct, u8, u32, u32be } from "../codec/struct.ts";
import { type Mark, mark, policyType } from "./attributes.ts";
import { IPSEC_PROTOCOL, type IpsecProtocol, MAX_TEMPLATES, type PolicyType, XFRMA } from "./constants.ts";
import { type PolicyInfo, policyInfo, type Selector, selector, type Template, template } from "./structs.ts";

/** A packet needs an SA that is not there: which packet, which policy, and which of its templates. */
export interface Acquire extends WithUnknown {
  /** Outer addresses that the SA should have. */
  source?: string;
  destination?: string;
  spi: number;
  protocol: IpsecProtocol | number;
  /** The packet. */
  selector: Partial<Selector>;
  policy: PolicyInfo;
  authAlgorithms: number;
  encryptionAlgorithms: number;
  compressionAlgorithms: number;
  /** For the `sequence` of the ALLOCSPI or NEWSA that answers. */
  sequence: number;
  templates?: readonly Template[];
  mark?: Mark;
  ifId?: number;
  policyType?: PolicyType | number;
}

type AcquireHead = Omit<
  Acquire,
  "source" | "destination" | "templates" | "mark" | "ifId" | "policyType" | "unknown"
> & {
  outer: OuterAddresses;
};

/** The addresses as they came: their family is the template's, which comes later in the message. */
interface OuterAddresses {
  destination: Uint8Array;
  source: Uint8Array;
}

const outerAddresses = struct<OuterAddresses>("xfrm_user_acquire addresses", {
  size: 40,
  fields: { destination: [0, octetString(16)], source: [24, octetString(16)] },
});

const acquireHead = struct<AcquireHead>("xfrm_user_acquire", {
  size: 280,
  fields: {
    outer: [0, outerAddresses],
    spi: [16, u32be],
    protocol: [20, choice<IpsecProtocol>(u8, IPSEC_PROTOCOL)],
    selector: [40, selector],
    policy: [96, policyInfo],
    authAlgorithms: [264, u32],
    encryptionAlgorithms: [268, u32],
    compressionAlgorithms: [272, u32],
    sequence: [276, u32],
  },
});

interface AcquireAttributes {
  templates?: readonly Template[];
  mark?: Mark;
  ifId?: number;
  policyType?: PolicyType | number;
}

const acquireBody = body(
  acquireHead,
  attributes<AcquireAttributes>("ACQUIRE", {
    templates: [XFRMA.template, listOf(template, MAX_TEMPLATES)],
    mark: [XFRMA.mark, mark],
    ifId: [XFRMA.ifId, u32Attribute],
    policyType: [XFRMA.policyType, policyType],
  }),
);

/** Reads an ACQUIRE. */
export function readAcquire(message: Message): Acquire {
  const { outer: _, ...acquire } = acquireBody.read(message);
  const { octets, start } = message;
  const family = outerFamily(acquire);
  const destination = address.read(octets, start, family);
  const source = address.read(octets, start + 24, family);
  return {
    ...acquire,
    ...(destination !== undefined && { destination }),
    ...(source !== undefined && { source }),
  };
}

/** The message does not say which template it is about: the first of its protocol, or else the family of the packet. */
function outerFamily(acquire: Pick<Acquire, "templates" | "protocol" | "selector">): number {
  const about = acquire.templates?.find((template) => template.protocol === acquire.protocol);
  return about?.family || acquire.selector.family || AF_UNSPEC;
}
