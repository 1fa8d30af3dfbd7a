/** A Vendor ID that says something: what it announces, or who sends it. */
export interface KnownVendorId {
  readonly name: string;
  readonly octets: Uint8Array;
  /** Octets follow that differ: a version, capabilities. */
  readonly prefix: boolean;
}

/** Vendor IDs by what they announce. Most are the MD5 of a text, which is then their name. */
export const vendorIds = {
  /** RFC 3947 3.1. */
  NAT_T_RFC_3947: id("RFC 3947", "4a131c81070358455c5728f20e95452f"),
  NAT_T_DRAFT: id("draft-ietf-ipsec-nat-t-ike", "4df37928e9fc4fd1b3262170d515c662"),
  NAT_T_DRAFT_00: id("draft-ietf-ipsec-nat-t-ike-00", "4485152d18b6bbcd0be8a8469579ddcc"),
  NAT_T_DRAFT_01: id("draft-ietf-ipsec-nat-t-ike-01", "16f6ca16e4a4066d83821a0f0aeaa862"),
  NAT_T_DRAFT_02: id("draft-ietf-ipsec-nat-t-ike-02", "cd60464335df21f87cfdb2fc68b6a448"),
  /** The text with a line end, as most of those that have it send it. */
  NAT_T_DRAFT_02_N: id("draft-ietf-ipsec-nat-t-ike-02\\n", "90cb80913ebb696e086381b5ec427b1f"),
  NAT_T_DRAFT_03: id("draft-ietf-ipsec-nat-t-ike-03", "7d9419a65310ca6f2c179d9215529d56"),
  NAT_T_DRAFT_04: id("draft-ietf-ipsec-nat-t-ike-04", "9909b64eed937c6573de52ace952fa6b"),
  NAT_T_DRAFT_05: id("draft-ietf-ipsec-nat-t-ike-05", "80d0bb3def54565ee84645d4c85ce3ee"),
  NAT_T_DRAFT_06: id("draft-ietf-ipsec-nat-t-ike-06", "4d1e0e136deafa34c4f3ea9f02ec7285"),
  NAT_T_DRAFT_07: id("draft-ietf-ipsec-nat-t-ike-07", "439b59f8ba676c4c7737ae22eab8f582"),
  NAT_T_DRAFT_08: id("draft-ietf-ipsec-nat-t-ike-08", "8f8d83826d246b6fc7a8a6a428c11de8"),
  /** RFC 3706 5.1: the last two octets are the version, 1.0. */
  DPD: id("Dead Peer Detection", "afcad71368a1f1c96b8696fc7757", true),
  /** draft-beaulieu-ike-xauth-02 4. */
  XAUTH: id("XAuth", "09002689dfd6b712"),
  /** Four octets of capabilities may follow. */
  FRAGMENTATION: id("FRAGMENTATION", "4048b7d56ebce88525e7de7f00d6c2d3", true),
  CISCO_UNITY: id("Cisco Unity", "12f5f28c457168a9702d9fe274cc", true),
  STRONGSWAN: id("strongSwan", "882fe56d6fd20dbc2251613b2ebe5beb"),
  KAME_RACOON: id("KAME/racoon", "7003cbc1097dbe9c2600ba6983bc8b35"),
  ALTIGA_NETWORKS: id("ALTIGA NETWORKS", "f6f7efc7f5aeb8cb158cb9d094ba69e7"),
  ALTIGA_GATEWAY: id("ALTIGA GATEWAY", "1f07f70eaa6514d3b0fa96542a50", true),
  MS_NT5_ISAKMPOAKLEY: id("MS NT5 ISAKMPOAKLEY", "1e2b516905991c7d7c96fcbfb587e461", true),
  MS_INITIAL_CONTACT: id("Vid-Initial-Contact", "26244d38eddb61b3172a36e3d0cfb819"),
  GSSAPI: id("GSSAPI", "621b04bb09882ac1e15935fefa24aeee"),
  MS_NEGOTIATION_DISCOVERY: id("MS-Negotiation Discovery Capable", "fb1de3cdf341b7ea16b7e5be0855f120"),
  IKE_CGA: id("IKE CGA version 1", "e3a5966a76379fe707228231e5ce8652"),
  HEARTBEAT_NOTIFY: id("HeartBeat_Notify", "4865617274426561745f4e6f74696679", true),
} as const satisfies Readonly<Record<string, KnownVendorId>>;

/** Names of the rows. */
export type VendorIdName = keyof typeof vendorIds;

const rows = Object.entries(vendorIds) as readonly [VendorIdName, KnownVendorId][];

/** The row that a Vendor ID payload's data belongs to; undefined when nobody here knows it. */
export function findVendorId(data: Uint8Array): VendorIdName | undefined {
  for (const [name, { octets, prefix }] of rows) {
    if (data.length < octets.length || (!prefix && data.length !== octets.length)) continue;
    if (octets.every((octet, i) => data[i] === octet)) return name;
  }
  return undefined;
}

function id(name: string, digits: string, prefix = false): KnownVendorId {
  return { name, octets: Uint8Array.from(Buffer.from(digits, "hex")), prefix };
}
