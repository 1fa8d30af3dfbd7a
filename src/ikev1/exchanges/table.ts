/** What phase 1 takes in which state (invariant 4). A new exchange of phase 1 is a file beside this one and its rows here. */
import type { Reason, Unbelieved } from "../../negotiate/reason.ts";
import type { Path } from "../../sa/path.ts";
import type { Header } from "../../wire/ikev1/header.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import type { StateKind } from "../state.ts";
import { takeAggressiveAnswer } from "./aggressive-mode-initiator.ts";
import { takeAggressiveProof } from "./aggressive-mode-responder.ts";
import { takeIdentityAnswer, takeKeyAnswer, takeSaAnswer } from "./main-mode-initiator.ts";
import { takeIdentityRequest, takeKeyRequest } from "./main-mode-responder.ts";
import { ownProof, suspectSecret } from "./proof.ts";

/** A message of phase 1. */
export interface Phase1Input {
  readonly payloads: readonly Payload[];
  readonly header: Header;
  readonly path: Path;
}

export interface Step {
  /** Whether the message may be encrypted so, or in clear. */
  takes(isEncrypted: boolean): boolean;
  /** `commit` is called once the message is taken: before, nothing has changed. */
  handle(sa: IkeV1Sa, input: Phase1Input, commit: () => void): void;
  /** Why what came cannot be read. */
  garbled?(sa: IkeV1Sa): Reason | undefined;
  /** What of ours goes unanswered there, where it is a proof. */
  unbelieved?(sa: IkeV1Sa): Unbelieved | undefined;
}

const inClear = (isEncrypted: boolean) => !isEncrypted;
const encrypted = (isEncrypted: boolean) => isEncrypted;

export const phase1: { readonly [K in StateKind]?: Step } = {
  ExpectSaAnswer: { takes: inClear, handle: takeSaAnswer },
  ExpectKeyAnswer: { takes: inClear, handle: takeKeyAnswer },
  ExpectIdentityAnswer: {
    takes: encrypted,
    handle: takeIdentityAnswer,
    garbled: suspectSecret,
    unbelieved: ({ state, peer }) =>
      state.kind === "ExpectIdentityAnswer" && peer !== undefined ? ownProof(peer, state.handshake) : undefined,
  },
  ExpectKeyRequest: { takes: inClear, handle: takeKeyRequest },
  ExpectIdentityRequest: { takes: encrypted, handle: takeIdentityRequest, garbled: suspectSecret },
  ExpectAggressiveAnswer: { takes: inClear, handle: takeAggressiveAnswer },
  // RFC 2409 5.4 has it in clear; some encrypt it.
  ExpectAggressiveProof: { takes: () => true, handle: takeAggressiveProof, garbled: suspectSecret },
};
