import { type AttributeCodec, single, wantAtLeast } from "../codec/attribute.ts";
import { HOST_LITTLE_ENDIAN } from "../codec/octets.ts";
import { address, choice, s32, seconds, struct, u8, u16, u16be, u32 } from "../codec/struct.ts";
import { InvalidValueError, MalformedMessageError } from "../errors.ts";
import {
  ENCAPSULATION,
  type Encapsulation,
  POLICY_TYPE,
  type PolicyType,
  SA_DIRECTION,
  type SaDirection,
} from "./constants.ts";

/** A value and the bits of it that count. */
export interface Mark {
  value: number;
  mask: number;
}

/** `struct xfrm_mark`: XFRMA_MARK. */
export const mark = single<Mark>(struct<Mark>("xfrm_mark", { size: 8, fields: { value: [0, u32], mask: [4, u32] } }));

/** UDP (RFC 3948) or TCP encapsulation of ESP; ports in host numbers. */
export interface EncapsulationTemplate {
  type: Encapsulation | number;
  sourcePort: number;
  destinationPort: number;
  /** The original address of RFC 3948, which Linux keeps but does not use. */
  originalAddress?: string;
}

/** `struct xfrm_encap_tmpl`: XFRMA_ENCAP. */
export const encapsulation = single<EncapsulationTemplate>(
  struct<EncapsulationTemplate>("xfrm_encap_tmpl", {
    size: 24,
    fields: {
      type: [0, choice<Encapsulation>(u16, ENCAPSULATION)],
      sourcePort: [2, u16be],
      destinationPort: [4, u16be],
      originalAddress: [8, address],
    },
  }),
);

/** Sequence numbers of an SA with a window of at most 32 packets. */
export interface ReplayState {
  outbound: number;
  inbound: number;
  bitmap: number;
}

/** `struct xfrm_replay_state`: XFRMA_REPLAY_VAL. */
export const replayState = single<ReplayState>(
  struct<ReplayState>("xfrm_replay_state", {
    size: 12,
    fields: { outbound: [0, u32], inbound: [4, u32], bitmap: [8, u32] },
  }),
);

/** Sequence numbers of an SA with a window of up to 4096 packets, with (SA_FLAG.esn) or without ESN. */
export interface ReplayEsnState {
  /** Packets; the bitmap has one bit for each. */
  readonly window: number;
  readonly outbound?: number;
  readonly inbound?: number;
  readonly outboundHigh?: number;
  readonly inboundHigh?: number;
  /** Words of 32 bits; zeroes when left out. */
  readonly bitmap?: readonly number[];
}

const ESN_HEAD = 24;
/** XFRMA_REPLAY_ESN_MAX: octets of the bitmap. */
const ESN_BITMAP_MAX = 4096;

/** `struct xfrm_replay_state_esn`: XFRMA_REPLAY_ESN_VAL. */
export const replayEsnState: AttributeCodec<ReplayEsnState> = {
  read(octets, start, end, _context, name) {
    wantAtLeast(start, end, ESN_HEAD, name);
    const word = (index: number): number => octets.view.getUint32(start + index * 4, HOST_LITTLE_ENDIAN);
    const words = word(0);
    const withBitmap = end - start > ESN_HEAD;
    if (words * 4 > (withBitmap ? Math.min(ESN_BITMAP_MAX, end - start - ESN_HEAD) : ESN_BITMAP_MAX)) {
      throw new MalformedMessageError(name, start, `a bitmap of ${end - start - ESN_HEAD} octets`, words * 4);
    }
    return {
      window: word(5),
      outbound: word(1),
      inbound: word(2),
      outboundHigh: word(3),
      inboundHigh: word(4),
      ...(withBitmap && { bitmap: Array.from({ length: words }, (_, index) => word(6 + index)) }),
    };
  },
  write(writer, type, value, name) {
    const words = value.bitmap?.length ?? Math.ceil(value.window / 32);
    if (!Number.isInteger(value.window) || value.window < 0 || words * 4 > ESN_BITMAP_MAX) {
      throw new InvalidValueError(`${name} window`, value.window, `whole numbers from 0 to ${ESN_BITMAP_MAX * 8}`);
    }
    // The kernel takes the head alone for a bitmap of zeroes.
    const at = writer.attribute(type, ESN_HEAD + (value.bitmap === undefined ? 0 : words * 4), name);
    const { octets } = writer;
    u32.write(octets, at, words, `${name} bitmap length`);
    u32.write(octets, at + 4, value.outbound, `${name} outbound`);
    u32.write(octets, at + 8, value.inbound, `${name} inbound`);
    u32.write(octets, at + 12, value.outboundHigh, `${name} outboundHigh`);
    u32.write(octets, at + 16, value.inboundHigh, `${name} inboundHigh`);
    u32.write(octets, at + 20, value.window, `${name} window`);
    value.bitmap?.forEach((bits, index) => {
      u32.write(octets, at + ESN_HEAD + index * 4, bits, `${name} bitmap`);
    });
  },
};

/** The device to which an SA or policy is offloaded. */
export interface Offload {
  ifindex: number;
  /** Bits of OFFLOAD_FLAG. */
  flags: number;
}

/** `struct xfrm_user_offload`: XFRMA_OFFLOAD_DEV. */
export const offload = single<Offload>(
  struct<Offload>("xfrm_user_offload", { size: 8, fields: { ifindex: [0, s32], flags: [4, u8] } }),
);

/** `struct xfrm_userpolicy_type`: XFRMA_POLICY_TYPE. */
export const policyType: AttributeCodec<PolicyType | number> = {
  read: (octets, start, end, context, name) => {
    wantAtLeast(start, end, 1, name);
    return choiceOfType.read(octets, start, context.family);
  },
  write: (writer, type, value, name) => choiceOfType.write(writer.octets, writer.attribute(type, 6, name), value, name),
};
const choiceOfType = choice<PolicyType>(u8, POLICY_TYPE);

/** XFRMA_SA_DIR. */
export const saDirection = single(choice<SaDirection>(u8, SA_DIRECTION));

/** An xfrm_address_t of the message's family: XFRMA_SRCADDR, XFRMA_COADDR. */
export const addressOfMessage = single(address);

/** XFRMA_LASTUSED: seconds since 1970. */
export const lastUsed = single(seconds);
