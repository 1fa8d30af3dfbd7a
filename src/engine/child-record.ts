/** One child that is to stand, and how it stands. */
import type { IkeSa } from "../ikev2/ike-sa.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { ChildDesired } from "../sa/desired.ts";

export type ChildState =
  | { readonly kind: "locked" /** Not asked for before. */; readonly retryAt: number }
  | { readonly kind: "connecting"; readonly by: IkeSa }
  /** `movingTo`: another IKE SA has been asked for it, because the one that carries it is to be closed. */
  | { readonly kind: "up"; readonly movingTo?: IkeSa };

export class ChildRecord {
  readonly desired: ChildDesired;
  readonly reqid: number;
  /** Newest last: that is what Linux sends on. */
  readonly sas = new Set<ChildSa>();
  state: ChildState = { kind: "locked", retryAt: 0 };
  since: number;
  reason: Reason | undefined;
  failures = 0;

  constructor(desired: ChildDesired, reqid: number, now: number) {
    this.desired = desired;
    this.reqid = reqid;
    this.since = now;
  }

  change(state: ChildState, now: number): void {
    if (state.kind !== this.state.kind) this.since = now;
    this.state = state;
  }
}
