/** Faults that the simulator must find: each a line of the source, as it might have been written. Nothing on disk changes. */
import type { Invariant } from "./broken.ts";

export interface PlantedFault {
  readonly name: string;
  /** Below src. */
  readonly file: string;
  /** Stands once in the file. */
  readonly find: string;
  readonly replace: string;
  /** A seed that finds it, and is told first where time is short. */
  readonly foundBy: number;
  /** Invariants that may break first. */
  readonly breaks: readonly [Invariant, ...Invariant[]];
}

/** Seeds within which each must be found. */
export const patience = 1_000;

export const plantedFaults: readonly PlantedFault[] = [
  {
    name: "a policy is taken away where it should be locked",
    file: "engine/policy-keeper.ts",
    find: "if (lock === undefined) this.#remove(key, policy);",
    replace: "if (lock?.direction !== 'in') this.#remove(key, policy);",
    foundBy: 1,
    breaks: ["no clear packet"],
  },
  {
    name: "a responder takes its own keys for the peer's",
    file: "ikev2/child-responder.ts",
    find: "own: keys.responder, peer: keys.initiator",
    replace: "own: keys.initiator, peer: keys.responder",
    foundBy: 1,
    breaks: ["both ends agree"],
  },
  {
    name: "a caller that is sent elsewhere leaves before it stands there",
    file: "engine/handover.ts",
    find: "if (heir !== undefined && sa.children.size > 0) this.#renewals.begin(sa, heir);",
    replace: "if (heir === undefined) return reason;",
    foundBy: 37,
    breaks: ["no packet lost in peace"],
  },
  {
    name: "a repeated request is not answered again",
    file: "ikev2/peer-requests.ts",
    find: "if (isSame) this.#sa.host.send",
    replace: "if (isSame && header.messageId < 2) this.#sa.host.send",
    foundBy: 120,
    breaks: ["no packet lost in peace", "what is configured stands once"],
  },
  {
    name: "what a former run left is not adopted",
    file: "engine/configuration.ts",
    find: "standing.adopt(answer.sas)",
    replace: "standing.adopt([])",
    foundBy: 3,
    breaks: ["what is configured stands once", "nothing stays beyond its time"],
  },
  {
    name: "an initial contact removes what came to stand at the same time",
    file: "engine/leftovers.ts",
    find: "if (other.establishedAt >= sa.createdAt) continue;",
    replace: "",
    foundBy: 12,
    breaks: ["what is configured stands once", "no packet lost in peace"],
  },
  {
    name: "of two Child rekeys that crossed, each end gives its own up",
    file: "ikev2/exchanges/create-child-sa-initiator.ts",
    find: "if (crossed !== undefined && this.#loses(sa, child.lowestNonce)) {",
    replace: "if (crossed !== undefined) {",
    foundBy: 189,
    breaks: ["no packet lost in peace", "what is configured stands once"],
  },
  {
    name: "of two IKE rekeys that crossed, each end gives its own up",
    file: "ikev2/succession.ts",
    find: "if (crossed !== undefined && successor.lowestNonce < crossed.lowestNonce) {",
    replace: "if (crossed !== undefined) {",
    foundBy: 120,
    breaks: ["no packet lost in peace", "what is configured stands once"],
  },
  {
    name: "what the peer sent before it knew of a DELETE finds no SA",
    file: "engine/engine-host.ts",
    find: "linger > 0 && this.isCarried(child)",
    replace: "linger > 60_000 && this.isCarried(child)",
    foundBy: 3,
    breaks: ["no packet lost in peace"],
  },
  {
    name: "a responder sends before the initiator can receive",
    file: "ikev2/child-responder.ts",
    find: 'sa.host.isCarried(record) ? "waits" : "now"',
    replace: 'sa.host.isCarried(record) ? "now" : "now"',
    foundBy: 1,
    breaks: ["no packet lost in peace"],
  },
  {
    name: "what the kernel has refused is not asked for again",
    file: "engine/repairs.ts",
    find: 'this.#timers.arm(this, "repair", this.#now() + this.#wait);',
    replace: "",
    foundBy: 111,
    breaks: [
      "nothing stays beyond its time",
      "no clear packet",
      "what is configured stands once",
      "no packet lost in peace",
    ],
  },
  {
    name: "the policy of forwarded packets is not locked when its tunnel is gone",
    file: "engine/policy-keeper.ts",
    find: "if (!this.#isServed(child.reqid)) this.#lock(key, policy);",
    replace: 'if (!this.#isServed(child.reqid) && policy.direction !== "forward") this.#lock(key, policy);',
    foundBy: 2,
    breaks: ["nothing stays beyond its time"],
  },
  {
    name: "of two IKE SAs of one peer the lesser is not closed by who opened it",
    file: "engine/redundancy.ts",
    find: "if (this.#livesBeside(main, sa)) this.#replace(sa, covered);",
    replace: "",
    foundBy: 1,
    breaks: ["what is configured stands once"],
  },
  {
    name: "a response to no request is not expected",
    file: "ikev2/ike-sa.ts",
    find: "if (task === undefined) return;",
    replace: 'if (task === undefined) throw new Error("no request is out");',
    foundBy: 1,
    breaks: ["nothing throws"],
  },
];
