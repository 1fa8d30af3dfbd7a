/** What goes into the engine and what comes out: data only (invariant 1). Time is in milliseconds of a monotonic clock. */
import type { KernelAnswer, KernelEvent, KernelRequest } from "../kernel/port.ts";
import type { Address } from "../negotiate/address.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";
import type { DesiredState, Gateway } from "../sa/desired.ts";
import type { LogRecord } from "../sa/log-record.ts";
import type { Path } from "../sa/path.ts";

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
  /** Of our addresses in the desired state, the host lacks these from now on, and has the others. */
  | { readonly kind: "addresses"; readonly missing: readonly Address[] }
  /** The operator asks for a peer (and all or one of its children) to be up, or down until asked again. */
  | { readonly kind: "up"; readonly peer: string }
  /** The operator wants the peer's Child SAs, or its IKE SAs, replaced now. */
  | { readonly kind: "rekey"; readonly peer: string; readonly what: "children" | "ike" }
  | { readonly kind: "down"; readonly peer: string }
  /** Callers of a peer are sent to another gateway, those too that have a tunnel; `to` undefined: they may stay. */
  | { readonly kind: "redirect"; readonly peer: string; readonly to: Gateway | undefined }
  /** Delete every SA politely; policies stay locked. The engine is `stopped` when nothing is outstanding. */
  | { readonly kind: "stop" };

export type Effect =
  | { readonly kind: "send"; readonly octets: Uint8Array; readonly path: Path }
  /** Carried out in order, up to the first refusal; `answers` has one for each request carried out. */
  | { readonly kind: "kernel"; readonly id: number; readonly requests: readonly KernelRequest[] }
  | { readonly kind: "compute"; readonly id: number; readonly job: ComputeJob }
  | { readonly kind: "log"; readonly record: LogRecord }
  | { readonly kind: "stopped" };
