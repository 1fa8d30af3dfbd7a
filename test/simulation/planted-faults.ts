/** Faults that the simulator must find: each a line of the source, as it might have been written. Nothing on disk changes. */
import type { Invariant } from "./broken.ts";

export interface PlantedFault {
  readonly name: string;
  /** Below src. */
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Invariants that may break first. */
  readonly breaks: readonly [Invariant, ...Invariant[]];
}

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: "a policy is taken away where it should be locked",
    file: "engine/policy-keeper.ts",
    find: "if (lock === undefined) this.#remove(key, policy);",
    replace: "if (lock?.direction !== 'in') this.#remove(key, policy);",
    breaks: ["no clear packet"],
  },
  {
    name: "a responder takes its own keys for the peer's",
    file: "ikev2/child-responder.ts",
    find: "own: keys.responder, peer: keys.initiator",
    replace: "own: keys.initiator, peer: keys.responder",
    breaks: ["both ends agree"],
  },
  {
    name: "a repeated request is not answered again",
    file: "ikev2/peer-requests.ts",
    find: "if (isSame) this.#sa.host.send",
    replace: "if (isSame && header.messageId < 2) this.#sa.host.send",
    breaks: ["no packet lost in peace", "what is configured stands once"],
  },
  {
    name: "what a former run left is not adopted",
    file: "engine/configuration.ts",
    find: "standing.adopt(answer.sas)",
    replace: "standing.adopt([])",
    breaks: ["what is configured stands once", "nothing stays beyond its time"],
  },
  {
    name: "an initial contact removes what came to stand at the same time",
    file: "engine/leftovers.ts",
    find: "if (other.establishedAt >= sa.createdAt) continue;",
    replace: "",
    breaks: ["what is configured stands once", "no packet lost in peace"],
  },
];
