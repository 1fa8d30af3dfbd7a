import { NETLINK_XFRM } from "../socket/descriptor.ts";
import { EventSource, type SourceEvent } from "../socket/event-source.ts";
import { XFRM_GROUP } from "./constants.ts";
import { readXfrmEvent, type XfrmEvent } from "./events.ts";

/** How XFRM events are subscribed to. */
export interface XfrmEventOptions {
  /** Which kinds: `policy` tells of POLEXPIRE only as far as `expire` is there too. */
  readonly groups: readonly (keyof typeof XFRM_GROUP)[];
  /** Octets for events not yet read; 8 MiB when left out, of which the kernel makes 16: about 13,000 policy events. */
  readonly receiveBuffer?: number;
}

/** Listens to the kernel's XFRM events until it is closed. */
export function watchXfrm(
  options: XfrmEventOptions,
  listener: (event: XfrmEvent | SourceEvent) => void,
): EventSource<XfrmEvent> {
  return new EventSource<XfrmEvent>({
    protocol: NETLINK_XFRM,
    groups: options.groups.map((group) => XFRM_GROUP[group]),
    receiveBuffer: options.receiveBuffer ?? 0x800000,
    read: readXfrmEvent,
    listener,
  });
}
