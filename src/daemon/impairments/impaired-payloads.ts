/** Messages, ours and the peer's, in which payloads are missing, stand twice, or have no SPI. */
import type { PayloadRewrite } from "../../ikev2/host.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import type { Direction, PayloadImpairment } from "./impairment.ts";
import { isOfKind, type Occurrences } from "./occurrences.ts";

/** The engine's hook for that, on the way out or in. */
export function impairedPayloads(direction: Direction, impairments: Occurrences<PayloadImpairment>): PayloadRewrite {
  return (type, isResponse, payloads) => {
    const hits = impairments.hits((one) => one.direction === direction && isOfKind(one.message, type, isResponse));
    return hits.reduce((rewritten, { action }) => rewritten.flatMap((payload) => rewrite(payload, action)), payloads);
  };
}

function rewrite(payload: Payload, action: PayloadImpairment["action"]): readonly Payload[] {
  if (action.kind === "zero-child-spis") return [withoutSpis(payload)];
  if (payload.kind !== action.payload) return [payload];
  return action.kind === "omit" ? [] : [payload, payload];
}

function withoutSpis(payload: Payload): Payload {
  if (payload.kind !== "SA") return payload;
  const proposals = payload.proposals.map((proposal) => ({ ...proposal, spi: Buffer.alloc(proposal.spi.length) }));
  return { ...payload, proposals };
}
