/** Bringing what runs to what the configuration asks for: at the start, at every change, and at the end. */
import type { KernelAnswer } from "../kernel/port.ts";
import {
  type ChildDesired,
  type DesiredState,
  floodDefaults,
  type LockDesired,
  type PeerDesired,
} from "../sa/desired.ts";
import { renewsOnly } from "./credential-renewal.ts";
import { equalData } from "./equal.ts";
import { LateAdoption } from "./late-adoption.ts";
import type { Parts } from "./parts.ts";
import { Peer, type PeerContext } from "./peer.ts";
import { lockPolicies } from "./policies.ts";
import { assignReqids, childKey } from "./reqid.ts";
import { withTraps } from "./traps.ts";

/** How often the kernel is asked what a former run left. */
const listAttempts = 3;

/** Where the engine stands with the configuration. */
type Phase =
  | { readonly kind: "unconfigured" }
  /** The kernel is asked what a former run left; nothing is received until it has answered. */
  | { readonly kind: "adopting"; desired: DesiredState; attempts: number }
  | { readonly kind: "running"; readonly desired: DesiredState }
  | { readonly kind: "stopping"; readonly desired: DesiredState | undefined }
  | { readonly kind: "stopped" };

/** Owns the phase that the engine is in, and the desired state that was applied last. */
export class Configuration {
  readonly #parts: Parts;
  readonly #context: PeerContext;
  readonly #lateAdoption: LateAdoption;
  #phase: Phase = { kind: "unconfigured" };

  constructor(parts: Parts, context: PeerContext) {
    this.#parts = parts;
    this.#context = context;
    this.#lateAdoption = new LateAdoption(parts, () => this.#refit());
  }

  /** Whether datagrams are taken: the locks stand, and not all is over. */
  get isReceiving(): boolean {
    return this.#phase.kind === "running" || this.#phase.kind === "stopping";
  }

  /** Whether new IKE SAs are taken. */
  get isRunning(): boolean {
    return this.#phase.kind === "running";
  }

  /** The locks towards everybody. */
  get locks(): readonly LockDesired[] {
    return "desired" in this.#phase ? (this.#phase.desired?.local.locks ?? []) : [];
  }

  /** Takes a new desired state; while the kernel is being asked what stands, the latest one counts. */
  configure(desired: DesiredState): void {
    switch (this.#phase.kind) {
      case "unconfigured":
        this.#phase = { kind: "adopting", desired, attempts: 0 };
        return this.#askWhatStands();
      case "adopting":
        this.#phase.desired = desired;
        return;
      case "running":
        if (!equalData(this.#phase.desired, desired)) this.#apply(this.#phase.desired, desired);
        return;
      default:
        return;
    }
  }

  /** Closes every IKE SA politely; policies stay locked. */
  stop(): void {
    if (this.#phase.kind === "stopping" || this.#phase.kind === "stopped") return;
    this.#phase = {
      kind: "stopping",
      desired: this.#phase.kind === "running" ? this.#phase.desired : undefined,
    };
    this.#lateAdoption.end();
    const { running } = this.#parts;
    for (const peer of running.peers) peer.down({ code: "operator", action: "stopped" });
    for (const sa of running.sas) sa.close({ code: "operator", action: "stopped" });
  }

  /** Says that the engine has stopped, once nothing is outstanding. */
  finishStopping(): void {
    const { outbox, running } = this.#parts;
    if (this.#phase.kind !== "stopping" || outbox.isAsking) return;
    if (!running.sas.every((sa) => sa.isOver)) return;
    this.#parts.lingering.flush();
    if (outbox.isAsking) return;
    this.#phase = { kind: "stopped" };
    outbox.stopped();
  }

  #askWhatStands(): void {
    this.#parts.outbox.kernel([{ kind: "listPolicies" }, { kind: "listSas" }], (answers) => this.#adopt(answers));
  }

  #adopt(answers: readonly KernelAnswer[]): void {
    if (this.#phase.kind !== "adopting") return;
    const { desired } = this.#phase;
    const { outbox, policies, standing } = this.#parts;
    this.#phase.attempts += 1;
    // Asked again, but not for ever: until the locks stand, packets may pass in clear.
    if (answers.at(-1)?.kind === "refused" && this.#phase.attempts < listAttempts) return this.#askWhatStands();
    for (const answer of answers) {
      if (answer.kind === "policies") policies.adopt(answer.policies);
      else if (answer.kind === "sas") standing.adopt(answer.sas);
      else if (answer.kind === "refused") {
        outbox.log({ level: "error", event: "resync", reason: { code: "kernel-refused", ...answer.refusal } });
      }
    }
    this.#apply({ local: { locks: [] }, peers: [] }, desired);
    if (answers.at(-1)?.kind === "refused") this.#lateAdoption.begin();
  }

  /** More of what a former run left has been found: it goes where nobody wants it, and as soon as it has been replaced. */
  #refit(): void {
    if (this.#phase.kind !== "running") return;
    const { policies, running, standing } = this.#parts;
    const wanted = new Set(running.reqids().values());
    const { desired } = this.#phase;
    const reqidOf = (peer: PeerDesired, child: ChildDesired) =>
      running.peer(peer.name)?.children.get(child.name)?.reqid ?? 0;
    policies.configure(withTraps(lockPolicies(desired), desired, reqidOf), wanted);
    standing.keepOnly(wanted);
    for (const peer of running.peers) {
      for (const { reqid, sas } of peer.children.values())
        if (sas.size > 0) standing.replaced(reqid, peer.desired.timing.linger);
    }
  }

  /** Brings the running state to `desired`; peers that did not change are not touched. */
  #apply(before: DesiredState, desired: DesiredState): void {
    const { admission, directory, policies, running, standing } = this.#parts;
    this.#phase = { kind: "running", desired };
    admission.configure(desired.local.flood ?? floodDefaults);
    const reqids = assignReqids(desired, running.reqids());
    const earlier = new Map(before.peers.map((peer) => [peer.name, peer]));
    const later = new Map(desired.peers.map((peer) => [peer.name, peer]));
    const changed = desired.peers.filter((peer) => !equalData(earlier.get(peer.name), peer));
    const moving = new Map<Peer, PeerDesired>();
    for (const peer of [...running.peers]) {
      const next = later.get(peer.desired.name);
      if (next !== undefined && movesOnly(peer.desired, next)) moving.set(peer, next);
      else if (next !== undefined && changed.includes(next) && renewsOnly(peer.desired, next))
        running.renewPeer(peer, next);
      else if (next === undefined || changed.includes(next)) this.#removePeer(peer, next === undefined);
    }
    const wanted = new Set(reqids.values());
    // Locks first: nothing that is to be protected may pass before its policy stands.
    const reqidOfChild = (peer: PeerDesired, child: ChildDesired) => reqids.get(childKey(peer.name, child.name)) ?? 0;
    policies.configure(withTraps(lockPolicies(desired), desired, reqidOfChild), wanted);
    standing.keepOnly(wanted);
    this.#parts.lingering.keepOnly(wanted);
    running.locked = desired.locked ?? [];
    for (const [peer, next] of moving) if (!peer.relocate(next)) this.#removePeer(peer, false);
    for (const next of changed) {
      if (running.peer(next.name)?.desired !== next)
        running.addPeer(new Peer(next, (child) => reqidOfChild(next, child), this.#context));
    }
    // Who calls is told which peer it is by what that runs with, which an equal one of another file is not.
    directory.configure(desired.peers.map((peer) => running.peer(peer.name)?.desired ?? peer));
    this.#endOrphans();
    for (const next of changed) running.peer(next.name)?.start();
  }

  /** Callers that have proved themselves and do not stand yet: nobody knows of them but the section that is gone. */
  #endOrphans(): void {
    const { running } = this.#parts;
    for (const sa of running.sas)
      if (sa.peer !== undefined && running.peerOf(sa) === undefined) sa.close({ code: "operator", action: "removed" });
  }

  #removePeer(peer: Peer, forGood: boolean): void {
    this.#parts.running.removePeer(peer);
    if (forGood) this.#parts.outbox.log({ level: "info", event: "peer-removed", peer: peer.desired.name });
    peer.down({ code: "operator", action: "removed" });
  }
}

/** Whether nothing but our address towards a peer differs, which MOBIKE can follow. */
function movesOnly(before: PeerDesired, after: PeerDesired): boolean {
  if (!after.mobike || before.local === after.local || after.local === undefined) return false;
  return equalData({ ...before, local: after.local }, after);
}
