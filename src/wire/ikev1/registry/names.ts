import { namer } from "../../registry.ts";
import { cfgAttribute, cfgType, xauthType } from "./configuration.ts";
import { certEncoding, idType } from "./identity.ts";
import { doi, exchangeType, payloadType, protocolId } from "./message.ts";
import { notifyType } from "./notify.ts";
import {
  authenticationMethod,
  encryptionAlgorithm,
  groupType,
  hashAlgorithm,
  isakmpTransform,
  lifeType,
  phase1Attribute,
} from "./phase1.ts";
import {
  ahTransform,
  authenticationAlgorithm,
  encapsulationMode,
  espTransform,
  ipcompTransform,
  phase2Attribute,
} from "./phase2.ts";
import { findVendorId, vendorIds } from "./vendor-id.ts";

const transformNames = new Map<number, (id: number) => string>([
  [protocolId.ISAKMP, namer("ISAKMP transform", isakmpTransform)],
  [protocolId.IPSEC_AH, namer("AH transform", ahTransform)],
  [protocolId.IPSEC_ESP, namer("ESP transform", espTransform)],
  [protocolId.IPCOMP, namer("IPCOMP transform", ipcompTransform)],
]);

/** Prints registered numbers by name, others as such as `notify 40960`. */
export const nameOf = {
  exchange: namer("exchange", exchangeType),
  payload: namer("payload", payloadType),
  doi: namer("DOI", doi),
  protocol: namer("protocol", protocolId),
  notify: namer("notify", notifyType),
  id: namer("ID type", idType),
  cert: namer("certificate encoding", certEncoding),
  /** A transform ID, whose meaning depends on its proposal's protocol. */
  transform(protocol: number, id: number): string {
    return transformNames.get(protocol)?.(id) ?? `protocol ${protocol} transform ${id}`;
  },
  phase1Attribute: namer("attribute", phase1Attribute),
  encryption: namer("encryption algorithm", encryptionAlgorithm),
  hash: namer("hash algorithm", hashAlgorithm),
  authenticationMethod: namer("authentication method", authenticationMethod),
  groupType: namer("group type", groupType),
  lifeType: namer("life type", lifeType),
  phase2Attribute: namer("attribute", phase2Attribute),
  encapsulation: namer("encapsulation mode", encapsulationMode),
  authenticationAlgorithm: namer("authentication algorithm", authenticationAlgorithm),
  cfg: namer("configuration type", cfgType),
  cfgAttribute: namer("configuration attribute", cfgAttribute),
  xauthType: namer("XAuth type", xauthType),
  /** A Vendor ID: its name, or the octets in hex. */
  vendorId(data: Uint8Array): string {
    const known = findVendorId(data);
    return known === undefined ? `Vendor ID ${Buffer.from(data).toString("hex")}` : vendorIds[known].name;
  },
} as const;
