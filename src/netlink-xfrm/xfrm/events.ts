import { attributes, extendedBy, single } from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import type { Message } from "../codec/message-reader.ts";
import { address, choice, family, flag, struct, u8, u16be, u32, u32be } from "../codec/struct.ts";
import { MalformedMessageError } from "../errors.ts";
import { type Acquire, readAcquire } from "./acquire.ts";
import { addressOfMessage, policyType } from "./attributes.ts";
import { IPSEC_PROTOCOL, type IpsecProtocol, type PolicyType, XFRM_MSG, XFRMA } from "./constants.ts";
import { type Migration, migrationBody } from "./migrate.ts";
import { type Policy, type PolicyAttributes, policyAttributes, policyBody } from "./policy.ts";
import { type Sa, type SaAttributes, saAttributes, saBody } from "./sa.ts";
import {
  type PolicyInfo,
  policyId,
  policyInfo,
  type SaId,
  type SaInfo,
  type Selector,
  saId,
  saInfo,
  selector,
} from "./structs.ts";

/** A UDP-encapsulated SA hears its peer from another address or port than before. */
export interface Mapping {
  destination?: string;
  spi: number;
  protocol: IpsecProtocol | number;
  family: number;
  reqid: number;
  oldSource?: string;
  newSource?: string;
  oldSourcePort: number;
  newSourcePort: number;
}

/** What the XFRM interface tells without being asked. */
export type XfrmEvent =
  | { readonly kind: "acquire"; readonly acquire: Acquire }
  /** A soft limit (the SA goes on) or a hard one (it is gone). Larval SAs expire too. */
  | { readonly kind: "expire"; readonly hard: boolean; readonly sa: Sa }
  | { readonly kind: "policy-expire"; readonly hard: boolean; readonly policy: Policy }
  | { readonly kind: "sa-added"; readonly sa: Sa }
  | { readonly kind: "sa-updated"; readonly sa: Sa }
  | { readonly kind: "sa-deleted"; readonly id: SaId; readonly sa?: Sa }
  | { readonly kind: "sas-flushed"; readonly protocol: number }
  | { readonly kind: "policy-added"; readonly policy: Policy }
  | { readonly kind: "policy-updated"; readonly policy: Policy }
  | { readonly kind: "policy-deleted"; readonly policy: Policy }
  | { readonly kind: "policies-flushed"; readonly type?: PolicyType | number }
  | { readonly kind: "mapping"; readonly mapping: Mapping }
  | { readonly kind: "migrate"; readonly migration: Migration }
  | {
      readonly kind: "report";
      readonly protocol: number;
      readonly selector: Partial<Selector>;
      readonly coAddress?: string;
    }
  /** A message of a type that this package does not know, as it came. */
  | { readonly kind: "unknown"; readonly type: number; readonly octets: Uint8Array };

interface ExpireHead {
  state: SaInfo;
  hard: boolean;
}

/** `struct xfrm_user_expire`. */
const expireBody = body(
  struct<ExpireHead>("xfrm_user_expire", {
    size: 232,
    familyAt: 212,
    fields: { state: [0, saInfo], hard: [224, flag(u8)] },
  }),
  saAttributes,
);

interface PolicyExpireHead {
  info: PolicyInfo;
  hard: boolean;
}

/** `struct xfrm_user_polexpire`. */
const policyExpireBody = body(
  struct<PolicyExpireHead>("xfrm_user_polexpire", {
    size: 176,
    fields: { info: [0, policyInfo], hard: [168, flag(u8)] },
  }),
  policyAttributes,
);

/** DELSA tells of an SA as an identifier, and the SA's fixed part as an attribute. */
const deletedSaBody = body(
  saId,
  extendedBy<SaAttributes, { info?: SaInfo }>(saAttributes, "deleted SA", { info: [XFRMA.sa, single<SaInfo>(saInfo)] }),
);

/** DELPOLICY, likewise. */
const deletedPolicyBody = body(
  policyId,
  extendedBy<PolicyAttributes, { info?: PolicyInfo }>(policyAttributes, "deleted policy", {
    info: [XFRMA.policy, single<PolicyInfo>(policyInfo)],
  }),
);

/** `struct xfrm_user_mapping`. */
const mapping = struct<Mapping>("xfrm_user_mapping", {
  size: 64,
  familyAt: 20,
  fields: {
    destination: [0, address],
    spi: [16, u32be],
    family: [20, family],
    protocol: [22, choice<IpsecProtocol>(u8, IPSEC_PROTOCOL)],
    reqid: [24, u32],
    oldSource: [28, address],
    newSource: [44, address],
    oldSourcePort: [60, u16be],
    newSourcePort: [62, u16be],
  },
});
const mappingBody = body(mapping, attributes<object>("mapping", {}));

interface ReportHead {
  protocol: number;
  selector: Partial<Selector>;
}

/** `struct xfrm_user_report`. */
const reportBody = body(
  struct<ReportHead>("xfrm_user_report", {
    size: 60,
    familyAt: 44,
    fields: { protocol: [0, u8], selector: [4, selector] },
  }),
  attributes<{ coAddress?: string }>("report", { coAddress: [XFRMA.coAddress, addressOfMessage] }),
);

/** `struct xfrm_usersa_flush`. */
const flushBody = body(
  struct<{ protocol: number }>("xfrm_usersa_flush", { size: 1, fields: { protocol: [0, u8] } }),
  attributes<object>("SA flush", {}),
);

/** FLUSHPOLICY has no fixed part. */
const policyFlushBody = body(
  struct<object>("policy flush", { size: 0, fields: {} }),
  attributes<{ type?: PolicyType | number }>("policy flush", { type: [XFRMA.policyType, policyType] }),
);

/** Reads a message of an XFRM multicast group. Keys are never copied out. Throws MalformedMessageError. */
export function readXfrmEvent(message: Message): XfrmEvent {
  switch (message.type) {
    case XFRM_MSG.acquire:
      return { kind: "acquire", acquire: readAcquire(message) };
    case XFRM_MSG.expire: {
      const { state, hard, ...rest } = expireBody.read(message);
      return { kind: "expire", hard, sa: { ...state, ...rest } };
    }
    case XFRM_MSG.polExpire: {
      const { info, hard, ...rest } = policyExpireBody.read(message);
      return { kind: "policy-expire", hard, policy: { ...info, ...rest } };
    }
    case XFRM_MSG.newSa:
      return { kind: "sa-added", sa: saBody.read(message) };
    case XFRM_MSG.updSa:
      return { kind: "sa-updated", sa: saBody.read(message) };
    case XFRM_MSG.delSa:
      return readDeletedSa(message);
    case XFRM_MSG.flushSa:
      return { kind: "sas-flushed", protocol: flushBody.read(message).protocol };
    case XFRM_MSG.newPolicy:
      return { kind: "policy-added", policy: policyBody.read(message) };
    case XFRM_MSG.updPolicy:
      return { kind: "policy-updated", policy: policyBody.read(message) };
    case XFRM_MSG.delPolicy:
      return { kind: "policy-deleted", policy: readDeletedPolicy(message) };
    case XFRM_MSG.flushPolicy:
      return { kind: "policies-flushed", ...policyFlushBody.read(message) };
    case XFRM_MSG.mapping:
      return { kind: "mapping", mapping: mappingBody.read(message) };
    case XFRM_MSG.migrate:
      return { kind: "migrate", migration: migrationBody.read(message) };
    case XFRM_MSG.report:
      return { kind: "report", ...reportBody.read(message) };
    default:
      return { kind: "unknown", type: message.type, octets: message.octets.slice(message.start, message.end) };
  }
}

function readDeletedSa(message: Message): XfrmEvent {
  const { info, destination, spi, family, protocol, ...rest } = deletedSaBody.read(message);
  const id: SaId = { spi, family, protocol, ...(destination !== undefined && { destination }) };
  return info === undefined ? { kind: "sa-deleted", id } : { kind: "sa-deleted", id, sa: { ...info, ...rest } };
}

function readDeletedPolicy(message: Message): Policy {
  const { info, selector: _selector, index: _index, direction: _direction, ...rest } = deletedPolicyBody.read(message);
  if (info === undefined) throw new MalformedMessageError("DELPOLICY event", message.start, "XFRMA_POLICY", "none");
  return { ...info, ...rest };
}
