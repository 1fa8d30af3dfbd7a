/** What the section of a peer with which IKEv1 is spoken may hold, and what must not be ambiguous between two of them. */
import { ipsecSuites } from "../negotiate/ipsec-proposals.ts";
import type { EncryptionMethod } from "../negotiate/isakmp-methods.ts";
import { isakmpSuites } from "../negotiate/isakmp-proposals.ts";
import type { AuthDesired, ChildDesired, Ikev1Policy, PeerDesired, ProposalDesired } from "../sa/desired.ts";
import { type Ikev1Section, ikev1Methods } from "../sa/ikev1-methods.ts";
import type { XauthDesired } from "../sa/remote-access.ts";
import type { BuiltPeer } from "./peer.ts";
import { errorAt, type Finding, type KeyPath, warningAt } from "./problem.ts";

/** Findings of a section that names `ikev1`, or of one that names what IKEv1 alone may use. `path` is the section's. */
export function checkIkev1(
  peer: {
    readonly ikev1: Ikev1Policy | undefined;
    readonly auth: AuthDesired | undefined;
    readonly xauth?: XauthDesired | undefined;
    readonly proveBy?: EncryptionMethod | undefined;
    readonly ike: readonly ProposalDesired[];
    /** What the section allows of what is weak. */
    readonly weak: readonly string[];
  },
  built: { readonly children: readonly ChildDesired[]; readonly lines: readonly number[] },
  path: KeyPath,
): Finding[] {
  const { ikev1, auth, xauth, proveBy, ike } = peer;
  const findings: Finding[] = [];
  if (proveBy !== undefined && ikev1 !== "main" && ikev1 !== "aggressive")
    findings.push(errorAt([...path, "prove-by"], needsMode));
  if (ikev1 === undefined) return [...findings, ...checkWithoutIkev1(peer, built, path)];
  if (auth !== undefined) findings.push(...checkMethods({ auth, xauth, proveBy }, path));
  if (ikev1 === "aggressive" && auth?.remote[0]?.credential.kind === "psk")
    findings.push(warningAt([...path, "ikev1"], guessable));
  if (isakmpSuites(ike).length === 0) findings.push(errorAt([...path, "ike"], cannotName));
  for (const [i, child] of built.children.entries()) {
    const at = [...path, "protect", built.lines[i] ?? 0];
    if (ipsecSuites({ protocol: child.protocol, ours: child.proposals, ah: child.ah }).length === 0)
      findings.push(errorAt(at, `has no ${child.protocol} proposal that IKEv1 can name: ${examples}`));
    const isSeveral = (child.local.more?.length ?? 0) + (child.remote.more?.length ?? 0) > 0;
    if (isSeveral) findings.push(errorAt(at, oneByOne));
  }
  return findings;
}

/** RFC 8247 2.1: IKEv2 must not negotiate single DES, whatever the operator allows. */
function checkWithoutIkev1(
  { ike, weak }: { readonly ike: readonly ProposalDesired[]; readonly weak: readonly string[] },
  built: { readonly children: readonly ChildDesired[]; readonly lines: readonly number[] },
  path: KeyPath,
): Finding[] {
  const hasDes = (proposals: readonly ProposalDesired[]) =>
    proposals.some(({ transforms }) => transforms.some(({ keyword }) => keyword === singleDes));
  const findings = weak.includes(singleDes) ? [errorAt([...path, "weak"], desNeedsIkev1)] : [];
  if (hasDes(ike)) findings.push(errorAt([...path, "ike"], desNeedsIkev1));
  const lines = new Set(built.children.flatMap(({ proposals }, i) => (hasDes(proposals) ? [built.lines[i] ?? 0] : [])));
  for (const line of lines) findings.push(errorAt([...path, "protect", line], desNeedsIkev1));
  return findings;
}

function checkMethods(section: Ikev1Section, path: KeyPath): Finding[] {
  if (ikev1Methods(section, "initiator").length > 0) return [];
  if (section.proveBy !== undefined) return [errorAt([...path, "prove-by"], needsKnownKey)];
  return [errorAt([...path, "ikev1"], section.xauth === undefined ? needsOneMethod : needsLoginMethod)];
}

/**
 * RFC 2409 5.4: in main mode the secret is found by the address, before the caller has said who it is. Why the second of two
 * peers cannot be told from the first; undefined where it can.
 */
export function sharesAddressOfAnother(first: PeerDesired, second: PeerDesired): boolean {
  if (first.ikev1 === undefined || second.ikev1 === undefined) return false;
  if (first.local !== undefined && second.local !== undefined && first.local !== second.local) return false;
  if (!meet(first.remote, second.remote)) return false;
  const [one, other] = [secretOf(first), secretOf(second)];
  // Whoever signs says who it is in clear, or under keys that no secret is needed for.
  return one !== undefined && other !== undefined && Buffer.compare(one, other) !== 0;
}

/** What is said of it. */
export function ambiguousSecret(built: BuiltPeer, other: string): Finding {
  const sentence = `has a secret of its own, and peers.${other} has another at the same address: IKEv1's main mode finds the secret by the address. Give both the same secret, or take ikev1 out of one`;
  return errorAt(["peers", built.name, "ikev1"], sentence);
}

/** A caller from anywhere is found only where no other peer has its very address. */
function meet(one: PeerDesired["remote"], other: PeerDesired["remote"]): boolean {
  if (one === "any" || other === "any") return one === other;
  return one.some((address) => other.includes(address));
}

function secretOf({ auth }: PeerDesired): Uint8Array | undefined {
  const credential = auth.remote[0]?.credential;
  return credential?.kind === "psk" ? credential.secret.octets : undefined;
}

const singleDes = "des";
const desNeedsIkev1 =
  "names des, which IKEv2 must not use (RFC 8247 2.1) and this peer is spoken to in IKEv2 alone: take it out, or say ikev1: main where the peer speaks nothing newer";
const needsOneMethod =
  "needs one way for both ends to prove themselves: auth: { psk: file:NAME }, or auth: { key: FILE, certificate: FILE, trust: FILE } with an RSA key or one on P-256, P-384 or P-521";
const needsLoginMethod =
  "with xauth needs one secret of both ends, RSA keys of both, or an RSA key of who is called alone: auth: { psk: file:NAME }, or auth: { key: FILE, certificate: FILE, trust: FILE }, or unauthenticated: yes for the end that logs in";
const needsMode = "is for IKEv1 alone: give ikev1: main or ikev1: aggressive beside it, or take it out";
const needsKnownKey =
  "needs RSA keys of 2048 bits at both ends, and the peer's own certificate or public key: auth: { key: FILE, trust: PEER.pem }";
const guessable =
  "in aggressive mode whoever listens can try secrets against what it heard: the secret must be long and random";
const cannotName =
  "has no proposal that IKEv1 can name: AES-CBC, SHA-2 and a MODP or ECP group, for example aes256-sha256-modp2048";
const examples = "for example aes256-sha256 or aes256gcm16-modp2048";
const oneByOne =
  "has several subnets, which an SA of IKEv2 carries at once and an SA of IKEv1 pair by pair: where either may be called, write a line for each pair";
