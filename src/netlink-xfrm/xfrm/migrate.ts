import { type AttributeCodec, attributes, listOf, single, u32Attribute, type WithUnknown } from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import type { Request } from "../codec/request.ts";
import { address, addressBeside, choice, family, struct, u8, u32 } from "../codec/struct.ts";
import { type EncapsulationTemplate, encapsulation, type Offload, offload, policyType } from "./attributes.ts";
import {
  IPSEC_PROTOCOL,
  type IpsecProtocol,
  MAX_TEMPLATES,
  MODE,
  type Mode,
  type PolicyType,
  XFRM_MSG,
  XFRMA,
} from "./constants.ts";
import { type PolicyId, policyId } from "./structs.ts";

/** Moves SAs of these old addresses, protocol, mode and reqid to new addresses. */
export interface MigrationStep {
  oldSource: string;
  oldDestination: string;
  newSource: string;
  newDestination: string;
  protocol: IpsecProtocol | number;
  mode: Mode | number;
  reqid: number;
}

/** `struct xfrm_user_migrate`: old and new addresses have a family each. */
const migrationStep = struct<MigrationStep>("xfrm_user_migrate", {
  size: 76,
  fields: {
    oldDestination: [0, addressBeside(72)],
    oldSource: [16, addressBeside(56)],
    newDestination: [32, addressBeside(42)],
    newSource: [48, addressBeside(26)],
    protocol: [64, choice<IpsecProtocol>(u8, IPSEC_PROTOCOL)],
    mode: [65, choice<Mode>(u8, MODE)],
    reqid: [68, u32],
  },
});

/** The addresses that the key exchange itself should use from now on (RFC 5555 and PF_KEY's MIGRATE). */
export interface KeyManagerAddress {
  local: string;
  remote: string;
  family: number;
}

const keyManagerAddress = single<Partial<KeyManagerAddress>>(
  struct<KeyManagerAddress>("xfrm_user_kmaddress", {
    size: 40,
    familyAt: 36,
    fields: { local: [0, address], remote: [16, address], family: [36, family] },
  }),
);

interface MigrationAttributes {
  policyType?: PolicyType | number;
  keyManagerAddress?: Partial<KeyManagerAddress>;
  steps?: readonly Partial<MigrationStep>[];
  encapsulation?: EncapsulationTemplate;
  /** XFRM interface. */
  ifId?: number;
  offload?: Offload;
}

const steps: AttributeCodec<readonly Partial<MigrationStep>[]> = listOf(migrationStep, MAX_TEMPLATES);

/** A change of addresses: which policy (selector, direction), and which SAs behind it. */
export type Migration = PolicyId & MigrationAttributes & WithUnknown;

/** Payload of MIGRATE, as a request and as an event. */
export const migrationBody = body(
  policyId,
  attributes<MigrationAttributes>("migrate", {
    keyManagerAddress: [XFRMA.kmAddress, keyManagerAddress],
    policyType: [XFRMA.policyType, policyType],
    steps: [XFRMA.migrate, steps],
    encapsulation: [XFRMA.encap, encapsulation],
    ifId: [XFRMA.ifId, u32Attribute],
    offload: [XFRMA.offloadDevice, offload],
  }),
);

/** Moves a policy's templates and SAs to new addresses. ENOPROTOOPT where the kernel is built without it. */
export function migrate(migration: Partial<Migration>): Request<void> {
  return {
    name: "XFRM_MSG_MIGRATE",
    type: XFRM_MSG.migrate,
    flags: 0,
    write: (writer) => migrationBody.write(writer, migration),
  };
}
