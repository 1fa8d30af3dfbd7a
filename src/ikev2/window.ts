/** How many requests may be under way on one IKE SA: SET_WINDOW_SIZE (RFC 7296 2.3, 3.10.1). */
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import type { IkeSa } from "./ike-sa.ts";
import { findNotify, notify } from "./payloads.ts";

/** Our promise to keep so many responses, to be sent in IKE_AUTH; nothing where it is one, which holds without a word. */
export function windowPayloads(window: number): Payload[] {
  if (window <= 1) return [];
  const data = Buffer.allocUnsafe(4);
  data.writeUInt32BE(window);
  return [notify(notifyType.SET_WINDOW_SIZE, data)];
}

/** Takes the peer's promise from an authenticated message. */
export function takeWindow(sa: IkeSa, payloads: readonly Payload[]): void {
  const data = findNotify(payloads, notifyType.SET_WINDOW_SIZE)?.data;
  if (data?.length !== 4) return;
  sa.widen("ours", Buffer.from(data.buffer, data.byteOffset, 4).readUInt32BE());
}
