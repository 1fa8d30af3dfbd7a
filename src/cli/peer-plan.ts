/** What a peer of the file comes to, for `check`. */
import { formatProposal } from "../crypto/keywords.ts";
import type { PeerDesired } from "../sa/desired.ts";

export interface PeerPlan {
  readonly name: string;
  readonly remote: readonly string[] | "any";
  /** Null: whatever the host's routes give. */
  readonly local: string | null;
  readonly localId: string;
  /** Null: any that proves itself. */
  readonly remoteId: string | null;
  readonly initiate: boolean;
  /** Proposals in keywords, best first. */
  readonly ike: readonly string[];
  readonly children: readonly {
    readonly name: string;
    readonly line: string;
    readonly protocol: string;
    readonly mode: string;
    readonly proposals: readonly string[];
  }[];
}

/** The plan without the secret. */
export function peerPlan(peer: PeerDesired): PeerPlan {
  return {
    name: peer.name,
    remote: peer.remote,
    local: peer.local ?? null,
    localId: peer.localId.text,
    remoteId: peer.remoteId?.text ?? null,
    initiate: peer.initiate,
    ike: peer.ike.map(({ transforms }) => formatProposal(transforms)),
    children: peer.children.map(({ name, line, protocol, mode, proposals }) => ({
      name,
      line,
      protocol,
      mode,
      proposals: proposals.map(({ transforms }) => formatProposal(transforms)),
    })),
  };
}

/** The plan as lines for people. */
export function planLines(plan: PeerPlan): string[] {
  const remote = plan.remote === "any" ? "any address" : plan.remote.join(", ");
  const local = plan.local ?? "our address by the host's routes";
  const ways = plan.initiate ? "we call it" : "it calls us";
  return [
    `${plan.name}: ${local} - ${remote}, ${plan.localId} - ${plan.remoteId ?? "any identity"}, ${ways}`,
    ...plan.ike.map((proposal) => `  IKE ${proposal}`),
    ...plan.children.flatMap(({ name, protocol, mode, proposals }) => [
      `  ${name}: ${protocol} ${mode}`,
      ...proposals.map((proposal) => `    ${proposal}`),
    ]),
  ];
}
