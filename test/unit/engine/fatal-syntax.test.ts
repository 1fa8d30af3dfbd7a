// RFC 7296 2.21.3: a request that is authentic and badly formed ends the IKE SA at both ends, and both begin anew.
import { describe, expect, it } from "vitest";
import type { PayloadRewrite } from "../../../src/ikev2/host.ts";
import type { KnownPayload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { connected, expectRest, gre } from "./pair.ts";

/** Leaves a payload out of the first CREATE_CHILD_SA request. */
function omitting(kind: KnownPayload["kind"]): PayloadRewrite {
  let done = false;
  return (type, isResponse, payloads) => {
    if (done || type !== exchangeType.CREATE_CHILD_SA || isResponse) return payloads;
    done = true;
    return payloads.filter((payload) => payload.kind !== kind);
  };
}

describe("a rekey that lacks a payload", () => {
  it.each([
    ["children", "Nonce"],
    ["children", "TSi"],
    ["ike", "Nonce"],
    ["ike", "KE"],
  ] as const)(
    "of %s, %s: both ends drop the IKE SA without a DELETE, and the next one stands within seconds",
    (what, kind) => {
      const pair = connected({}, { one: { rewrite: omitting(kind) } }, 3_000);
      const { one, two, world } = pair;
      const before = one.peer().ikeSas.map(({ initiatorSpi }) => initiatorSpi);
      expect(before).toHaveLength(1);
      world.guarded.push(...gre(pair));
      const sent = one.sent.length;
      one.handle({ kind: "rekey", peer: "peer", what });
      world.run(100);
      // The request, and the first of the next IKE SA: nothing else was said on the old one.
      for (const end of [one, two])
        expect(end.peer().ikeSas.map(({ initiatorSpi }) => initiatorSpi)).not.toEqual(before);
      expect(one.sent.slice(sent).filter(({ octets }) => octets[18] === exchangeType.INFORMATIONAL)).toEqual([]);
      world.run(10_000);
      expectRest(pair, 1);
      expect(one.peer().ikeSas.map(({ initiatorSpi }) => initiatorSpi)).not.toEqual(before);
      expect(one.peer().children.map(({ state }) => state)).toEqual(["up"]);
    },
  );
});
