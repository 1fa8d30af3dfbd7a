/** What goes into the engine and what comes out: data only (invariant 1). Time is in milliseconds of a monotonic clock. */
import type { KePair } from "../crypto/key-exchange.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";
import type { KernelAnswer, KernelEvent, KernelRequest } from "../kernel/port.ts";
import type { Endpoint } from "../negotiate/address.ts";
import type { DesiredState } from "./desired.ts";
import type { LogRecord } from "./log-record.ts";

/** A pair of endpoints, seen from here. Port 4500 means that a non-ESP marker is on the wire (RFC 3948 2.2). */
export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

export type EngineEvent =
  /** A UDP datagram, non-ESP marker already taken off. */
  | { readonly kind: "datagram"; readonly octets: Uint8Array; readonly path: Path }
  | { readonly kind: "computed"; readonly id: number; readonly result: ComputeResult }
  | { readonly kind: "answered"; readonly id: number; readonly answers: readonly KernelAnswer[] }
  | { readonly kind: "kernel"; readonly event: KernelEvent }
  /** A datagram could not be sent. */
  | { readonly kind: "send-failed"; readonly path: Path; readonly errno: string }
  /** The deadline that `nextDeadline()` named has come. */
  | { readonly kind: "wake" }
  | { readonly kind: "configure"; readonly desired: DesiredState }
  /** The operator asks for a peer (and all or one of its children) to be up, or down until asked again. */
  | { readonly kind: "up"; readonly peer: string }
  | { readonly kind: "down"; readonly peer: string }
  /** Delete every SA politely; policies stay locked. The engine is `stopped` when nothing is outstanding. */
  | { readonly kind: "stop" };

export type Effect =
  | { readonly kind: "send"; readonly octets: Uint8Array; readonly path: Path }
  /** Carried out in order, up to the first refusal; `answers` has one for each request carried out. */
  | { readonly kind: "kernel"; readonly id: number; readonly requests: readonly KernelRequest[] }
  | { readonly kind: "compute"; readonly id: number; readonly job: ComputeJob }
  | { readonly kind: "log"; readonly record: LogRecord }
  | { readonly kind: "stopped" };

/** Work that is costly or not deterministic. */
export type ComputeJob =
  /** Initiator's first half: a fresh pair. */
  | { readonly kind: "generate"; readonly method: KeTransform }
  /** Responder: a fresh pair and the shared secret at once. */
  | { readonly kind: "respond"; readonly method: KeTransform; readonly peerPublic: Uint8Array }
  /** Initiator's second half. */
  | { readonly kind: "finish"; readonly pair: KePair; readonly peerPublic: Uint8Array };

export type ComputeResult =
  | { readonly kind: "generated"; readonly pair: KePair }
  | { readonly kind: "shared"; readonly publicValue: Uint8Array; readonly secret: Uint8Array }
  /** The peer's value fails the checks of RFC 6989, with the fault in words. */
  | { readonly kind: "invalid"; readonly fault: string };
