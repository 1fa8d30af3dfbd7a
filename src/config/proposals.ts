/** Proposals: good defaults, and weak ones only where the peer's section names the very thing (invariant 9). */
import { type ProposalProtocol, parseProposal } from "../crypto/keywords.ts";
import type { Transform } from "../crypto/transforms.ts";
import type { Ikev1Policy, ProposalDesired } from "../sa/desired.ts";

const keyExchange = "x25519-ecp256-ecp384-ecp521-x448-modp3072-modp4096-modp2048";

/**
 * What is offered where the file says nothing, best first.
 *
 * IKE: AEAD before CBC, which need a proposal each (RFC 7296 3.3). X25519 first: fast, and what strongSwan prefers too;
 * no group above 4096 bits, whose cost an unauthenticated stranger could ask for; nothing with SHA-1, which RFC 8247
 * keeps for old peers only: those need a line of their own.
 *
 * ESP: both `esn` and `noesn`, as RFC 7296 3.3.2 suggests, extended first: at ten gigabit per second of small packets
 * 2^32 of them pass in some five minutes, and an SA without extended numbers then stands still. A peer that knows only
 * one of the two takes that. With a key exchange of its own before without: it counts where CREATE_CHILD_SA carries one
 * (RFC 7296 1.3), so that old traffic stays closed to whoever learns the IKE SA's keys. Libreswan refuses to do without;
 * others, strongSwan for one, do not take it unless it is configured.
 */
export const defaultProposalTexts = {
  ike: [
    `aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-prfsha512-${keyExchange}`,
    `aes256-aes128-sha256-sha384-sha512-prfsha384-prfsha256-prfsha512-${keyExchange}`,
  ],
  esp: [
    `aes256gcm16-aes128gcm16-chacha20poly1305-${keyExchange}-esn-noesn`,
    `aes256-aes128-sha256-${keyExchange}-esn-noesn`,
    "aes256gcm16-aes128gcm16-chacha20poly1305-esn-noesn",
    "aes256-aes128-sha256-esn-noesn",
  ],
} as const satisfies Partial<Record<ProposalProtocol, readonly string[]>>;

/**
 * The same where a peer is called with IKEv1, which knows no AEAD in phase 1 and none of the newer curves. Short: every
 * combination is a transform of its own there, and the message must fit in one datagram. Perfect forward secrecy is asked
 * for with the first group, and done without where a caller does.
 */
export const ikev1ProposalTexts = {
  ike: ["aes256-aes128-sha256-sha384-modp2048-ecp256-modp3072"],
  esp: ["aes256gcm16-aes128gcm16-modp2048", "aes256-aes128-sha256-modp2048", "aes256-aes128-sha256"],
} as const satisfies Partial<Record<ProposalProtocol, readonly string[]>>;

/** `ikev1`: the peer is called with it. */
export function defaultProposals(
  protocol: keyof typeof defaultProposalTexts,
  ikev1: Ikev1Policy | undefined,
): readonly ProposalDesired[] {
  return (ikev1 === undefined || ikev1 === "accept" ? defaults : ikev1Defaults)[protocol];
}

const defaults: Readonly<Record<keyof typeof defaultProposalTexts, readonly ProposalDesired[]>> = {
  ike: defaultProposalTexts.ike.map((text) => ({ transforms: parseProposal(text, "ike") })),
  esp: defaultProposalTexts.esp.map((text) => ({ transforms: parseProposal(text, "esp") })),
};

const ikev1Defaults: typeof defaults = {
  ike: ikev1ProposalTexts.ike.map((text) => ({ transforms: parseProposal(text, "ike") })),
  esp: ikev1ProposalTexts.esp.map((text) => ({ transforms: parseProposal(text, "esp") })),
};

/** What is weak in a proposal and allowed by name: a warning, or undefined. */
export function tellWeak(proposal: ProposalDesired, allowed: readonly string[]): string | undefined {
  const told = proposal.transforms.filter((row) => weakness(row) !== undefined && allowed.includes(row.keyword));
  if (told.length === 0) return undefined;
  return `${told.map((row) => `${row.keyword} is weak: ${weakness(row)}`).join("; ")}. This peer's weak allows it`;
}

/** What is weak in a proposal and not allowed by name: a sentence that says what to write, or undefined. */
export function refuseWeak(proposal: ProposalDesired, allowed: readonly string[]): string | undefined {
  const refused = proposal.transforms.filter((row) => weakness(row) !== undefined && !allowed.includes(row.keyword));
  if (refused.length === 0) return undefined;
  const reasons = refused.map((row) => `${row.keyword} is weak: ${weakness(row)}`);
  const keywords = [...allowed, ...refused.map((row) => row.keyword)];
  return `${reasons.join("; ")}. Take it out, or allow it for this peer with weak: [${keywords.join(", ")}]`;
}

function weakness(row: Transform): string | undefined {
  return row.type === "ESN" ? undefined : row.weak;
}
