/** NAT traversal of IKEv1: who speaks it, and where a NAT is (RFC 3947 3 and the drafts before it). */
import { hash } from "../crypto/hash.ts";
import { addressOctets, type Endpoint } from "../negotiate/address.ts";
import { loginOf } from "../negotiate/isakmp-methods.ts";
import type { IkeSuite } from "../negotiate/suite.ts";
import type { NatFinding } from "../sa/nat.ts";
import type { Path } from "../sa/path.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { findVendorId, vendorIds } from "../wire/ikev1/registry/vendor-id.ts";
import { announcesFragmentation, fragmentationVendorId } from "./fragments.ts";
import { hashOf } from "./keying.ts";
import { all, cookieOctets } from "./payloads.ts";

/** How NAT traversal is spoken: as RFC 3947 has it, as its drafts 02 and 03 have, or not at all. */
export type NatTraversal = "rfc" | "draft" | "none";

/** What a Vendor ID of the peer's says of it. */
export interface PeerAbilities {
  readonly natTraversal: NatTraversal;
  /** Dead peer detection (RFC 3706). */
  readonly dpd: boolean;
  readonly fragments: boolean;
}

/** What we say that we can do; XAuth where one of these methods has an end log in (draft-beaulieu-ike-xauth-02 4). */
export function ownVendorIds(methods: readonly number[]): readonly Payload[] {
  return methods.some((method) => loginOf(method) !== undefined) ? [...usualVendorIds, xauthVendorId] : usualVendorIds;
}

const xauthVendorId: Payload = { isakmp: "VID", data: vendorIds.XAUTH.octets };

const usualVendorIds: readonly Payload[] = [
  ...[
    vendorIds.NAT_T_RFC_3947.octets,
    vendorIds.NAT_T_DRAFT_03.octets,
    vendorIds.NAT_T_DRAFT_02_N.octets,
    // RFC 3706 5.1: version 1.0.
    Buffer.concat([vendorIds.DPD.octets, Uint8Array.of(1, 0)]),
  ].map((data) => ({ isakmp: "VID", data }) as const),
  fragmentationVendorId,
];

/** What the peer says that it can do; the newest of the ways that both ends know is taken (RFC 3947 3.1). */
export function readVendorIds(payloads: readonly Payload[]): PeerAbilities {
  const data = all(payloads, "VID").map((payload) => payload.data);
  const names = new Set(data.map(findVendorId));
  const isDraft = names.has("NAT_T_DRAFT_03") || names.has("NAT_T_DRAFT_02_N") || names.has("NAT_T_DRAFT_02");
  return {
    natTraversal: names.has("NAT_T_RFC_3947") ? "rfc" : isDraft ? "draft" : "none",
    dpd: names.has("DPD"),
    fragments: data.some(announcesFragmentation),
  };
}

/** What the hashes of both ends' addresses are made with. */
export interface NatContext {
  readonly suite: IkeSuite;
  readonly initiatorCookie: bigint;
  readonly responderCookie: bigint;
  readonly path: Path;
  /** The source is one that no packet can have, so that a NAT is found. */
  readonly forged: boolean;
}

/** The two NAT-D payloads of our message: the peer's address first, then ours (RFC 3947 3.2). */
export function natDiscoveryPayloads(speaks: NatTraversal, context: NatContext): Payload[] {
  if (speaks === "none") return [];
  const { path, forged } = context;
  const source = forged ? { ...path.local, port: 0 } : path.local;
  const isakmp = speaks === "rfc" ? "NAT-D" : "NAT-D-draft";
  return [path.remote, source].map((endpoint) => ({ isakmp, hash: natHash(context, endpoint) }));
}

/** What the peer's NAT-D payloads say; where it sent none, no NAT is assumed. */
export function findNat(speaks: NatTraversal, payloads: readonly Payload[], context: NatContext): NatFinding {
  const { path, forged } = context;
  const hashes = all(payloads, speaks === "rfc" ? "NAT-D" : "NAT-D-draft").map((payload) => payload.hash);
  const [destination, ...sources] = hashes;
  if (speaks === "none" || destination === undefined || sources.length === 0)
    return { local: false, remote: false, forced: false };
  const local = Buffer.compare(destination, natHash(context, path.local)) !== 0;
  const theirs = natHash(context, path.remote);
  return { local, remote: !sources.some((one) => Buffer.compare(one, theirs) === 0), forced: forged };
}

/** HASH(CKY-I | CKY-R | IP | Port), with the hash of phase 1 (RFC 3947 3.2). */
function natHash({ suite, initiatorCookie, responderCookie }: NatContext, { address, port }: Endpoint): Buffer {
  const octets = [cookieOctets(initiatorCookie), cookieOctets(responderCookie), addressOctets(address)];
  return hash(hashOf(suite), Buffer.concat([...octets, Uint8Array.of(port >> 8, port & 0xff)]));
}
