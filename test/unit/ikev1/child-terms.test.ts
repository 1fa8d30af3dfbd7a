import { describe, expect, test } from "vitest";
import { originalAddresses } from "../../../src/ikev1/child-terms.ts";
import { noNat } from "../../../src/sa/nat.ts";
import { desired, type PeerOptions, peer } from "../engine/desired.ts";

const [initiator, responder] = ["192.0.2.1", "198.51.100.2"];
const octetsOf = (address: string) => Uint8Array.from(address.split(".").map(Number));

/** Of one end of an ISAKMP SA with a NAT between, and its child. */
function said(
  role: "initiator" | "responder",
  change: { readonly nat?: boolean; readonly draft?: boolean } = {},
  options: PeerOptions = {},
) {
  const [local, remote] = role === "initiator" ? [initiator, responder] : [responder, initiator];
  const [child] = desired([peer(local, remote, options)]).peers[0]?.children ?? [];
  if (child === undefined) throw new Error("no child");
  const sa = {
    nat: change.nat === false ? noNat : { local: role === "initiator", remote: role === "responder", forced: false },
    natTraversal: change.draft === true ? "draft" : "rfc",
    path: { local: { address: local, port: 4500 }, remote: { address: remote, port: 4500 } },
  } as const;
  return originalAddresses(sa, child, role);
}

describe("NAT-OA (RFC 3947 5.2)", () => {
  test.each(["initiator", "responder"] as const)(
    "from the %s: the initiator's address first, as the sender has both",
    (role) => {
      expect(said(role)).toEqual([
        { isakmp: "NAT-OA", idType: 1, address: octetsOf(initiator) },
        { isakmp: "NAT-OA", idType: 1, address: octetsOf(responder) },
      ]);
    },
  );

  test("with a peer that speaks a draft: in the draft's payload", () => {
    expect(said("initiator", { draft: true }).map(({ isakmp }) => isakmp)).toEqual(["NAT-OA-draft", "NAT-OA-draft"]);
  });

  test("of a tunnel, and without a NAT: none", () => {
    const net = (number: number) => ({ address: `10.${number}.0.0`, length: 16 });
    expect(said("initiator", {}, { protect: [{ kind: "tunnel", local: net(1), remote: net(2) }] })).toEqual([]);
    expect(said("responder", { nat: false })).toEqual([]);
  });
});
