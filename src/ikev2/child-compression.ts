/** The IPCOMP_SUPPORTED notify: which CPI its sender receives compressed packets under (RFC 7296 2.22). */
import { deflate } from "../crypto/transforms/comp.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { notify } from "./payloads.ts";

/** Says that we take deflate under this CPI of ours. */
export function compressionNotify(cpi: number): Payload {
  return notify(notifyType.IPCOMP_SUPPORTED, Uint8Array.of(cpi >> 8, cpi & 0xff, deflate.ikev2));
}

/** The CPI under which the peer takes deflate; undefined where it does not, or names none that can be used (RFC 3173 3.3). */
export function peerCpi(payloads: readonly Payload[]): number | undefined {
  for (const payload of payloads) {
    if (payload.kind !== "N" || payload.type !== notifyType.IPCOMP_SUPPORTED) continue;
    const [high = 0, low = 0, transform] = payload.data;
    const cpi = (high << 8) | low;
    if (transform === deflate.ikev2 && cpi > 255) return cpi;
  }
  return undefined;
}
