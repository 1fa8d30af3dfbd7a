import type { Payload } from "../wire/ikev2/payloads/table.ts";
import type { IkeSa } from "./ike-sa.ts";

/** One request of ours: what it sends when its turn comes, and what its response means. */
export interface Task {
  readonly exchangeType: number;
  /** Nothing else is under way while it is: it waits for those before it, and those behind it wait for it. */
  readonly alone?: true;
  /** Calls `sa.sendRequest` now or, after the kernel or a computation has answered, later; or `sa.skip` if it has become needless. */
  begin(sa: IkeSa): void;
  handleResponse(sa: IkeSa, payloads: readonly Payload[]): void;
  /** It will get no response: releases what it holds. */
  abandon?(sa: IkeSa): void;
}
