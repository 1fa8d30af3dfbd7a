/** How many requests may be under way on one IKE SA: SET_WINDOW_SIZE (RFC 7296 2.3, 3.10.1). */
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import type { IkeSa } from "./ike-sa.ts";
import { findNotify, notify } from "./payloads.ts";
import type { Task } from "./task.ts";

/** Our promise to keep so many responses, to be sent in IKE_AUTH; nothing where it is one, which holds without a word. */
export function windowPayloads(window: number): Payload[] {
  if (window <= 1) return [];
  const data = Buffer.allocUnsafe(4);
  data.writeUInt32BE(window);
  return [notify(notifyType.SET_WINDOW_SIZE, data)];
}

/** Takes the peer's promise from an authenticated message; whether there is one in it. */
export function takeWindow(sa: IkeSa, payloads: readonly Payload[]): boolean {
  const data = findNotify(payloads, notifyType.SET_WINDOW_SIZE)?.data;
  if (data?.length !== 4) return false;
  sa.widen("ours", Buffer.from(data.buffer, data.byteOffset, 4).readUInt32BE());
  return true;
}

/** RFC 7296 2.3: an IKE SA that replaces another starts with a window of one, until both ends have said theirs again. */
export function renewWindow(sa: IkeSa, replaced: IkeSa): void {
  if ((sa.peer?.messages.window ?? 1) > 1 && replaced.peerWindow > 1) sa.request(announceWindow);
}

const announceWindow: Task = {
  exchangeType: exchangeType.INFORMATIONAL,
  begin(sa) {
    const window = sa.peer?.messages.window ?? 1;
    sa.sendRequest(announceWindow, windowPayloads(window));
    // Whoever has the request may act on it before we have the response.
    sa.widen("theirs", window);
  },
  handleResponse: (sa, payloads) => {
    takeWindow(sa, payloads);
  },
};
