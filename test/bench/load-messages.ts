/** What the bench asks of the load generator's process, and what it answers. */
import type { Endpoint } from "../../src/negotiate/address.ts";
import type { CaseName } from "./cases.ts";
import type { SignatureName } from "./credentials.ts";
import type { Offered } from "./offer.ts";
import type { RekeyKind } from "./rekeyer.ts";

/** The generator's own addresses, all on loopback; tunnels are spread over them in turn. */
export interface Sources {
  readonly addresses: readonly string[];
  readonly port: number;
}

export type LoadRequest =
  | {
      readonly kind: "establish";
      readonly target: Endpoint;
      readonly sources: Sources;
      readonly case: CaseName;
      readonly count: number;
      readonly withChild: boolean;
      /** Both ends prove themselves by signatures: with which keys, and in which folder they are. */
      readonly signature?: { readonly name: SignatureName; readonly folder: string };
      /** Whether the generator remembers them, so that `delete` can end them. */
      readonly keep: boolean;
    }
  /** Main mode and quick mode; all are remembered. */
  | { readonly kind: "establish-ikev1"; readonly target: Endpoint; readonly sources: Sources; readonly count: number }
  /** Replaces SAs of those that it remembers, in turn, so often in all. */
  | {
      readonly kind: "rekey";
      readonly target: Endpoint;
      readonly sources: Sources;
      readonly what: RekeyKind;
      readonly count: number;
    }
  /** Begins so many a second, whatever becomes of them; cookies are returned. */
  | {
      readonly kind: "offer";
      readonly target: Endpoint;
      readonly sources: Sources;
      readonly rate: number;
      readonly seconds: number;
    }
  /** Ends, politely, every SA that it remembers. */
  | { readonly kind: "delete"; readonly target: Endpoint; readonly sources: Sources }
  /** Sends one IKE_SA_INIT after the other until one is answered. */
  | { readonly kind: "probe"; readonly target: Endpoint; readonly sources: Sources };

export type LoadAnswer =
  | { readonly kind: "done"; readonly count: number; readonly retransmissions: number }
  /** When the answer came, on the system's monotonic clock in nanoseconds. */
  | { readonly kind: "answered"; readonly at: string }
  | ({ readonly kind: "offered" } & Offered)
  | { readonly kind: "failed"; readonly message: string };
