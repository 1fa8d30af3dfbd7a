import { attributes, single, u32Attribute, type WithUnknown } from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import type { Request } from "../codec/request.ts";
import { choice, struct, u8, u32 } from "../codec/struct.ts";
import { DEFAULT_ACTION, type DefaultAction, XFRM_MSG } from "./constants.ts";

interface Flags {
  flags: number;
}
const flags = struct<Flags>("flags", { size: 4, fields: { flags: [0, u32] } });

/** The kernel's wish for the flags of GETSADINFO and GETSPDINFO: all bits, as iproute2 sends them. */
const ALL_FLAGS = 0xffffffff;

/** Hash buckets in use and allowed. */
export interface HashInfo {
  buckets: number;
  maximum: number;
}

/** How many SAs there are. */
export interface SadInfo {
  count?: number;
  hash?: HashInfo;
}

const hashInfo = single<HashInfo>(
  struct<HashInfo>("hash info", { size: 8, fields: { buckets: [0, u32], maximum: [4, u32] } }),
);

const sadBody = body(flags, attributes<SadInfo>("SAD info", { count: [1, u32Attribute], hash: [2, hashInfo] }));

/** Counts the SAs. */
export function getSadInfo(): Request<SadInfo & WithUnknown> {
  return {
    name: "XFRM_MSG_GETSADINFO",
    type: XFRM_MSG.getSadInfo,
    flags: 0,
    write: (writer) => sadBody.write(writer, { flags: ALL_FLAGS }),
    reply: { type: XFRM_MSG.newSadInfo, read: (message) => withoutFlags(sadBody.read(message)) },
  };
}

/** How many policies there are by direction; those of sockets beside them. */
export interface PolicyCounts {
  in: number;
  out: number;
  fwd: number;
  socketIn: number;
  socketOut: number;
  socketFwd: number;
}

/** Policies whose prefixes are at least this long are found by hash, the others by tree. */
export interface HashThreshold {
  localBits: number;
  remoteBits: number;
}

/** The policy database. */
export interface SpdInfo {
  counts?: PolicyCounts;
  hash?: HashInfo;
  ipv4Threshold?: HashThreshold;
  ipv6Threshold?: HashThreshold;
}

const threshold = single<HashThreshold>(
  struct<HashThreshold>("xfrmu_spdhthresh", { size: 2, fields: { localBits: [0, u8], remoteBits: [1, u8] } }),
);

const spdBody = body(
  flags,
  attributes<SpdInfo>("SPD info", {
    counts: [
      1,
      single<PolicyCounts>(
        struct<PolicyCounts>("xfrmu_spdinfo", {
          size: 24,
          fields: {
            in: [0, u32],
            out: [4, u32],
            fwd: [8, u32],
            socketIn: [12, u32],
            socketOut: [16, u32],
            socketFwd: [20, u32],
          },
        }),
      ),
    ],
    hash: [2, hashInfo],
    ipv4Threshold: [3, threshold],
    ipv6Threshold: [4, threshold],
  }),
);

/** Counts the policies and tells the hash thresholds. */
export function getSpdInfo(): Request<SpdInfo & WithUnknown> {
  return {
    name: "XFRM_MSG_GETSPDINFO",
    type: XFRM_MSG.getSpdInfo,
    flags: 0,
    write: (writer) => spdBody.write(writer, { flags: ALL_FLAGS }),
    reply: { type: XFRM_MSG.newSpdInfo, read: (message) => withoutFlags(spdBody.read(message)) },
  };
}

/** Sets the hash thresholds; one left out stays. EINVAL beyond 32 (IPv4) or 128 (IPv6). */
export function setHashThresholds(thresholds: Pick<SpdInfo, "ipv4Threshold" | "ipv6Threshold">): Request<void> {
  return {
    name: "XFRM_MSG_NEWSPDINFO",
    type: XFRM_MSG.newSpdInfo,
    flags: 0,
    write: (writer) => spdBody.write(writer, { flags: ALL_FLAGS, ...thresholds }),
  };
}

function withoutFlags<T extends Flags>(info: T): Omit<T, "flags"> {
  const { flags: _, ...rest } = info;
  return rest;
}

/** What happens to packets that match no policy; "unspecified" leaves it as it is. */
export interface DefaultPolicy {
  in: DefaultAction | number;
  fwd: DefaultAction | number;
  out: DefaultAction | number;
}

const action = choice<DefaultAction>(u8, DEFAULT_ACTION);
const defaultPolicy = struct<DefaultPolicy>("xfrm_userpolicy_default", {
  size: 3,
  fields: { in: [0, action], fwd: [1, action], out: [2, action] },
});
const defaultBody = body(defaultPolicy, attributes<object>("default policy", {}));

/** Reads the default policy of the network namespace. */
export function getDefaultPolicy(): Request<DefaultPolicy> {
  return {
    name: "XFRM_MSG_GETDEFAULT",
    type: XFRM_MSG.getDefault,
    flags: 0,
    write: (writer) => defaultBody.write(writer, {}),
    reply: { type: XFRM_MSG.getDefault, read: (message) => defaultBody.read(message) },
  };
}

/** Changes the default policy of the whole network namespace: everybody's packets, not only the caller's. */
export function setDefaultPolicy(policy: Partial<DefaultPolicy>): Request<void> {
  return {
    name: "XFRM_MSG_SETDEFAULT",
    type: XFRM_MSG.setDefault,
    flags: 0,
    write: (writer) => defaultBody.write(writer, policy),
  };
}
