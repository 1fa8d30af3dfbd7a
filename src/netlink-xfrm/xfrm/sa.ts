import { attributes, octetsAttribute, single, u32Attribute, type WithUnknown } from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import type { ReadOptions } from "../codec/message-reader.ts";
import type { Dump, Request } from "../codec/request.ts";
import { address, choice, family, struct, u8, u32 } from "../codec/struct.ts";
import {
  type AeadAlgorithm,
  type Algorithm,
  aeadAlgorithm,
  algorithm,
  type TruncatedAlgorithm,
  truncatedAlgorithm,
} from "./algorithms.ts";
import {
  addressOfMessage,
  type EncapsulationTemplate,
  encapsulation,
  lastUsed,
  type Mark,
  mark,
  type Offload,
  offload,
  type ReplayEsnState,
  type ReplayState,
  replayEsnState,
  replayState,
  saDirection,
} from "./attributes.ts";
import { IPSEC_PROTOCOL, type IpsecProtocol, type SaDirection, XFRM_MSG, XFRMA } from "./constants.ts";
import { type SaId, type SaInfo, saId, saInfo } from "./structs.ts";

/** What an SA may have beside its fixed part. */
export interface SaAttributes {
  aead?: AeadAlgorithm;
  /** Integrity with its ICV cut; what to use for every integrity algorithm. */
  authTrunc?: TruncatedAlgorithm;
  /** Integrity as the older interface has it; the kernel reports both. */
  auth?: Algorithm;
  crypt?: Algorithm;
  compression?: Algorithm;
  encapsulation?: EncapsulationTemplate;
  /** Care-of address of mobile IPv6. */
  coAddress?: string;
  /** Which packets find the SA, on the way out. */
  mark?: Mark;
  replayEsn?: ReplayEsnState;
  replay?: ReplayState;
  /** Packets between two replay events. */
  replayThreshold?: number;
  /** Time between two replay events, in units of 100 ms. */
  eventTimerThreshold?: number;
  /** Bits of SA_EXTRA_FLAG. */
  extraFlags?: number;
  offload?: Offload;
  /** XFRM interface. */
  ifId?: number;
  /** The mark that transformed packets get. */
  outputMark?: number;
  outputMarkMask?: number;
  /** Octets to which ESP packets are padded. */
  tfcPadding?: number;
  /** Seconds between two MAPPING events of one peer. */
  mappingTimerThreshold?: number;
  /** Kernels from 6.10 on. */
  direction?: SaDirection | number;
  /** Seconds; kernels from 6.11 on. */
  natKeepaliveInterval?: number;
  /** Kernels from 6.13 on. */
  cpu?: number;
  /** Seconds since 1970. */
  lastUsed?: number;
  /** As the kernel gave it: `struct xfrm_user_sec_ctx`. */
  securityContext?: Uint8Array;
}

/** The attributes of NEWSA and UPDSA. */
export const saAttributes = attributes<SaAttributes>("SA", {
  aead: [XFRMA.algAead, aeadAlgorithm],
  authTrunc: [XFRMA.algAuthTrunc, truncatedAlgorithm],
  auth: [XFRMA.algAuth, algorithm],
  crypt: [XFRMA.algCrypt, algorithm],
  compression: [XFRMA.algComp, algorithm],
  encapsulation: [XFRMA.encap, encapsulation],
  coAddress: [XFRMA.coAddress, addressOfMessage],
  mark: [XFRMA.mark, mark],
  replayEsn: [XFRMA.replayEsnValue, replayEsnState],
  replay: [XFRMA.replayValue, replayState],
  replayThreshold: [XFRMA.replayThreshold, u32Attribute],
  eventTimerThreshold: [XFRMA.eventTimerThreshold, u32Attribute],
  extraFlags: [XFRMA.saExtraFlags, u32Attribute],
  offload: [XFRMA.offloadDevice, offload],
  ifId: [XFRMA.ifId, u32Attribute],
  outputMark: [XFRMA.setMark, u32Attribute],
  outputMarkMask: [XFRMA.setMarkMask, u32Attribute],
  tfcPadding: [XFRMA.tfcPad, u32Attribute],
  mappingTimerThreshold: [XFRMA.mappingTimerThreshold, u32Attribute],
  direction: [XFRMA.saDirection, saDirection],
  natKeepaliveInterval: [XFRMA.natKeepaliveInterval, u32Attribute],
  cpu: [XFRMA.saCpu, u32Attribute],
  lastUsed: [XFRMA.lastUsed, lastUsed],
  securityContext: [XFRMA.securityContext, octetsAttribute],
});

/** An SA as the kernel tells it. Keys are there only when asked for. */
export type Sa = SaInfo & SaAttributes & WithUnknown;

/** An SA to be installed: source, destination, spi, protocol, reqid, mode and algorithms at least. */
export type SaInput = Partial<SaInfo & SaAttributes>;

/** Payload of NEWSA, UPDSA and of the answers that carry an SA. */
export const saBody = body(saInfo, saAttributes);

/** Installs an SA; EEXIST where the destination, SPI and protocol are taken (except by a larval SA, which it replaces). */
export function newSa(sa: SaInput): Request<void> {
  return {
    name: "XFRM_MSG_NEWSA",
    type: XFRM_MSG.newSa,
    flags: 0,
    secret: true,
    write: (writer) => saBody.write(writer, sa),
  };
}

/** Changes an SA (a larval one into a real one, or lifetimes and encapsulation ports); ESRCH where there is none. */
export function updSa(sa: SaInput): Request<void> {
  return {
    name: "XFRM_MSG_UPDSA",
    type: XFRM_MSG.updSa,
    flags: 0,
    secret: true,
    write: (writer) => saBody.write(writer, sa),
  };
}

/** What else may tell one SA from another. */
export interface SaIdAttributes {
  source?: string;
  mark?: Mark;
}

/** What names an SA in GETSA and DELSA: destination, spi and protocol; mark where it has one. */
export type SaKey = Partial<SaId & SaIdAttributes>;

const saIdBody = body(
  saId,
  attributes<SaIdAttributes>("SA id", {
    source: [XFRMA.sourceAddress, addressOfMessage],
    mark: [XFRMA.mark, mark],
  }),
);

/** Reads one SA; ESRCH where there is none. */
export function getSa(key: SaKey, options: ReadOptions = {}): Request<Sa> {
  return {
    name: "XFRM_MSG_GETSA",
    type: XFRM_MSG.getSa,
    flags: 0,
    write: (writer) => saIdBody.write(writer, key),
    reply: { type: XFRM_MSG.newSa, read: (message) => saBody.read(message, options) },
  };
}

/** Deletes one SA; ESRCH where there is none, and for larval SAs without an SPI. */
export function delSa(key: SaKey): Request<void> {
  return {
    name: "XFRM_MSG_DELSA",
    type: XFRM_MSG.delSa,
    flags: 0,
    write: (writer) => saIdBody.write(writer, key),
  };
}

/** Which SPI to reserve, for which SA (source, destination, protocol, mode, reqid; sequence of the ACQUIRE). */
export interface SpiRange {
  /** 0x100 to 0xffffffff; for IPComp at most 0xffff (a CPI). */
  min: number;
  max: number;
}

const spiRange = struct<SpiRange>("xfrm_userspi_info range", { size: 8, fields: { min: [0, u32], max: [4, u32] } });

type SpiAttributes = Pick<SaAttributes, "mark" | "ifId" | "direction" | "cpu">;

const spiAttributes = attributes<SpiAttributes>("ALLOCSPI", {
  mark: [XFRMA.mark, mark],
  ifId: [XFRMA.ifId, u32Attribute],
  direction: [XFRMA.saDirection, saDirection],
  cpu: [XFRMA.saCpu, u32Attribute],
});

/** The SA for which an SPI is reserved, and the range. */
export type SpiInput = Partial<SaInfo> & SpiRange & SpiAttributes;

/** Reserves an SPI for an inbound SA: a larval SA that lives `net.core.xfrm_acq_expires` seconds. ENOENT where the range is full. */
export function allocSpi(input: SpiInput): Request<Sa> {
  return {
    name: "XFRM_MSG_ALLOCSPI",
    type: XFRM_MSG.allocSpi,
    flags: 0,
    write(writer) {
      writer.put(saInfo, input, "SA");
      writer.put(spiRange, input, "SPI range");
      spiAttributes.write(writer, input);
    },
    reply: { type: XFRM_MSG.newSa, read: (message) => saBody.read(message) },
  };
}

/** Which SAs a dump tells; filtered by the kernel. */
export interface SaFilter {
  /** Addresses whose first `sourcePrefix` bits are these. */
  source?: string;
  sourcePrefix?: number;
  destination?: string;
  destinationPrefix?: number;
  family?: number;
  protocol?: IpsecProtocol | number;
}

interface AddressFilter {
  source?: string;
  destination?: string;
  family: number;
  sourcePrefix: number;
  destinationPrefix: number;
}

interface SaFilterAttributes {
  filter?: AddressFilter;
  protocol?: IpsecProtocol | number;
}

const saFilterAttributes = attributes<SaFilterAttributes>("SA filter", {
  filter: [
    XFRMA.addressFilter,
    single<AddressFilter>(
      struct<AddressFilter>("xfrm_address_filter", {
        size: 36,
        familyAt: 32,
        fields: {
          source: [0, address],
          destination: [16, address],
          family: [32, family],
          sourcePrefix: [34, u8],
          destinationPrefix: [35, u8],
        },
      }),
    ),
  ],
  protocol: [XFRMA.protocol, single(choice<IpsecProtocol>(u8, IPSEC_PROTOCOL))],
});

/** Lists SAs, larval ones (spi 0 or without algorithms) too. */
export function dumpSas(filter: SaFilter = {}, options: ReadOptions = {}): Dump<Sa> {
  const { source, destination, protocol, family } = filter;
  const byAddress = source !== undefined || destination !== undefined || family !== undefined;
  return {
    name: "XFRM_MSG_GETSA dump",
    type: XFRM_MSG.getSa,
    itemType: XFRM_MSG.newSa,
    write(writer) {
      // The kernel reads the attributes of this dump right behind the header: there is no fixed part.
      if (byAddress) saFilterAttributes.write(writer, { filter: addressFilter(filter) });
      if (protocol !== undefined) saFilterAttributes.write(writer, { protocol });
    },
    read: (message) => saBody.read(message, options),
  };
}

function addressFilter(filter: SaFilter): AddressFilter {
  const whole = (text: string | undefined): number => (text === undefined ? 0 : text.includes(":") ? 128 : 32);
  const { source, destination, family = 0 } = filter;
  return {
    ...(source !== undefined && { source }),
    ...(destination !== undefined && { destination }),
    family,
    sourcePrefix: filter.sourcePrefix ?? whole(source),
    destinationPrefix: filter.destinationPrefix ?? whole(destination),
  };
}
