/** `up`, `down` and `rekey`: asks the engine, and waits for how it ends where it ends soon. */

import { nearestWord } from "../config/nearest.ts";
import type { PeerStatus, Status } from "../engine/status.ts";
import type { Reason } from "../negotiate/reason.ts";
import { describeReason } from "../negotiate/reason-text.ts";
import type { LogRecord } from "../sa/log-record.ts";
import { ControlError, errorCodes } from "./control-protocol.ts";

export type RekeyWhat = "children" | "ike";

/** What the waiting needs of the daemon. */
export interface OperatorHost {
  status(): Status;
  ask(kind: "up" | "down", peer: string): void;
  /** Hears the engine's records; returns what ends it. */
  onRecord(listener: (record: LogRecord) => void): () => void;
}

/** What `rekey` needs of the daemon. */
export interface RekeyHost {
  status(): Status;
  /** Has the peer's SAs of that kind replaced, from now on. */
  rekey(peer: string, what: RekeyWhat): void;
}

/** How a peer ended up, for `up` and `down`. */
export interface OperatorAnswer {
  readonly peer: string;
  readonly state: PeerStatus["state"];
  readonly children: readonly { readonly name: string; readonly state: string }[];
}

/** Brings a peer up or down; throws ControlError with the reason where that does not come about within `waitMilliseconds`. */
export async function operate(
  host: OperatorHost,
  kind: "up" | "down",
  params: Readonly<Record<string, unknown>>,
): Promise<OperatorAnswer> {
  const { peer: name, waitMilliseconds = defaultWait } = params;
  if (typeof name !== "string") throw new ControlError(errorCodes.invalidParams, '"peer" must be the name of a peer');
  if (typeof waitMilliseconds !== "number" || !(waitMilliseconds >= 0 && waitMilliseconds <= longestWait))
    throw new ControlError(errorCodes.invalidParams, `"waitMilliseconds" must be a number from 0 to ${longestWait}`);
  findPeer(host, name);
  const outcome = await waitFor(host, kind, name, waitMilliseconds);
  if (outcome === "done") return answerOf(findPeer(host, name));
  const why =
    outcome === "undecided" ? `nothing decided after ${waitMilliseconds / 1000} seconds` : describeReason(outcome);
  throw new ControlError(
    errorCodes.failed,
    `${name} is not ${kind}: ${why}`,
    outcome === "undecided" ? undefined : outcome,
  );
}

/** Begins to replace a peer's Child SAs, or its IKE SA; throws ControlError where it is not up. */
export function rekey(
  host: RekeyHost,
  params: Readonly<Record<string, unknown>>,
): { readonly peer: string; readonly rekeying: RekeyWhat } {
  const { peer: name, what = "children" } = params;
  if (typeof name !== "string") throw new ControlError(errorCodes.invalidParams, '"peer" must be the name of a peer');
  if (what !== "children" && what !== "ike")
    throw new ControlError(errorCodes.invalidParams, '"what" must be children or ike');
  const { state } = findPeer(host, name);
  if (state !== "up") throw new ControlError(errorCodes.failed, `${name} is not up: there is nothing to rekey`);
  host.rekey(name, what);
  return { peer: name, rekeying: what };
}

type Outcome = "done" | "undecided" | Reason;

async function waitFor(host: OperatorHost, kind: "up" | "down", name: string, wait: number): Promise<Outcome> {
  return await new Promise((resolve) => {
    let lastFailure: Reason | undefined;
    let scheduled: NodeJS.Immediate | undefined;
    const finish = (outcome: Outcome): void => {
      clearTimeout(timer);
      clearImmediate(scheduled);
      unsubscribe();
      resolve(outcome);
    };
    const look = (): void => {
      scheduled = undefined;
      const peer = host.status().peers.find((candidate) => candidate.name === name);
      const outcome = outcomeOf(peer, kind, lastFailure);
      if (outcome !== "undecided") finish(outcome);
    };
    const timer = setTimeout(() => finish(lastFailure ?? "undecided"), wait);
    const unsubscribe = host.onRecord((record) => {
      if (record.peer !== name) return;
      if (record.event === "ike-sa-failed") lastFailure = record.reason;
      scheduled ??= setImmediate(look);
    });
    host.ask(kind, name);
    scheduled ??= setImmediate(look);
  });
}

function outcomeOf(peer: PeerStatus | undefined, kind: "up" | "down", failure: Reason | undefined): Outcome {
  if (peer === undefined) return { code: "operator", action: "removed" };
  if (kind === "down") return isDown(peer) ? "done" : "undecided";
  if (isUp(peer)) return "done";
  return failureOf(peer) ?? failure ?? "undecided";
}

/** The status of that peer; throws ControlError where there is none of that name. */
export function findPeer(host: Pick<OperatorHost, "status">, name: string): PeerStatus {
  const peers = host.status().peers;
  const found = peers.find((peer) => peer.name === name);
  if (found !== undefined) return found;
  const names = peers.map((peer) => peer.name);
  const close = nearestWord(name, names);
  const hint = close === undefined ? "" : `; did you mean "${close}"?`;
  throw new ControlError(errorCodes.unknownPeer, `no peer is named "${name}"${hint}`, { nearest: close ?? null });
}

function isUp(peer: PeerStatus): boolean {
  return peer.state === "up" && peer.children.every((child) => child.state === "up");
}

function isDown(peer: PeerStatus): boolean {
  return peer.ikeSas.length === 0 && peer.children.every(({ state }) => state === "locked" || state === "waiting");
}

/** The IKE SA stands and nothing is under way any more, yet a child stays locked. */
function failureOf(peer: PeerStatus): Reason | undefined {
  if (peer.state !== "up" || peer.children.some((child) => child.state === "connecting")) return undefined;
  return peer.children.find((child) => child.state === "locked" && child.reason !== undefined)?.reason;
}

function answerOf(peer: PeerStatus): OperatorAnswer {
  return {
    peer: peer.name,
    state: peer.state,
    children: peer.children.map(({ name, state }) => ({ name, state })),
  };
}

/** Milliseconds. */
const defaultWait = 30_000;
const longestWait = 600_000;
