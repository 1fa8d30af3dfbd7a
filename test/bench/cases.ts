/** What is measured: the three handshakes, and the configuration that both daemons get for them. */
import { parseProposal } from "../../src/crypto/keywords.ts";
import { makeIdentity } from "../../src/negotiate/identity.ts";
import type { ProposalPolicy } from "../../src/negotiate/proposals.ts";
import type { IkeSuite } from "../../src/negotiate/suite.ts";

/** The handshakes, by the name of their key exchange. */
export const caseNames = ["x25519", "modp2048", "ecp384"] as const;

export type CaseName = (typeof caseNames)[number];

/** The one proposal of each case, in strongSwan's keywords: both daemons are configured with these very words. */
export const ikeProposals: Readonly<Record<CaseName, string>> = {
  x25519: "aes128gcm16-prfsha256-x25519",
  modp2048: "aes128-sha256-modp2048",
  ecp384: "aes256gcm16-prfsha384-ecp384",
};

/** The proposal of the Child SA that our daemon is also measured with. */
export const espProposal = "aes128gcm16-noesn";

/** The same with a key exchange of its own, for rekeying. */
export const espKeProposal = "aes128gcm16-x25519-noesn";

/** What an IPsec SA of IKEv1 is negotiated with. */
export const espIkev1Proposal = "aes128-sha256";

/** The secret of every tunnel: both daemons take any identity that has it. */
export const secret = "a pre-shared key of the usual length, 52 octets long";

/** The responder's identity. */
export const responderId = makeIdentity("fqdn", "responder.bench.example");

/** A case's proposal as the load generator offers it. */
export function offerOf(name: CaseName): ProposalPolicy<"ike"> {
  return offers[name];
}

/** The suite that a case's proposal can only come to. */
export function suiteOfCase(name: CaseName): IkeSuite {
  return suites[name];
}

const offers: Readonly<Record<CaseName, ProposalPolicy<"ike">>> = perCase((name) => {
  return { protocol: "ike", ours: [{ transforms: parseProposal(ikeProposals[name], "ike") }], withKe: true };
});

const suites: Readonly<Record<CaseName, IkeSuite>> = perCase((name) => {
  const rows = parseProposal(ikeProposals[name], "ike");
  const encr = rows.find((row) => row.type === "ENCR");
  const integ = rows.find((row) => row.type === "INTEG");
  const prf = rows.find((row) => row.type === "PRF");
  const ke = rows.find((row) => row.type === "KE");
  if (encr === undefined || prf === undefined || ke === undefined) throw new RangeError(`${name} is no IKE proposal`);
  return { encr, integ, prf, ke };
});

/** One value for each case. */
export function perCase<T>(make: (name: CaseName) => T): Record<CaseName, T> {
  return { x25519: make("x25519"), modp2048: make("modp2048"), ecp384: make("ecp384") };
}
