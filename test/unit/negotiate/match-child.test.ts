import { describe, expect, test } from "vitest";
import { type CandidateChild, type ChildRequest, matchChild } from "../../../src/negotiate/match-child.ts";
import { formatSelector } from "../../../src/negotiate/selector.ts";
import { childSelectors } from "../../../src/negotiate/traffic-selector.ts";
import { offerSelectors } from "../../../src/negotiate/traffic-selectors.ts";
import { expandProtect, type ProtectLine } from "../../../src/overlay/expand.ts";
import { any, hosts, prefix, ts } from "./selectors.ts";

function children(...lines: readonly ProtectLine[]): CandidateChild[] {
  return lines.flatMap(expandProtect).map((child) => ({ ...child, protocol: "esp" }));
}

const mirrored = { local: hosts.remote, remote: hosts.local };

/** What the other end asks for when it has `child` in its file. */
function requestFor(child: CandidateChild | undefined, packet?: Parameters<typeof offerSelectors>[1]): ChildRequest {
  if (child === undefined) throw new Error("no such child");
  return { ...offerSelectors(childSelectors(child, mirrored), packet), mode: child.mode, protocols: [child.protocol] };
}

function reasonFor(candidates: readonly CandidateChild[], request: ChildRequest, nat = false) {
  const match = matchChild(candidates, request, { ...hosts, ...(nat ? { nat: { local: false, remote: true } } : {}) });
  if (match.ok) throw new Error(`matched ${match.child.name}`);
  return match.reason;
}

const tunnel: ProtectLine = { kind: "tunnel", local: prefix("10.1.0.0/16"), remote: prefix("10.2.0.0/16") };
const mirroredTunnel: ProtectLine = { kind: "tunnel", local: tunnel.remote, remote: tunnel.local };
const everything = children(
  { kind: "gre" },
  { kind: "vxlan" },
  { kind: "vxlan", port: 8472 },
  { kind: "geneve" },
  tunnel,
);

describe("matchChild", () => {
  test.each(["gre", "vxlan-4789/to", "vxlan-4789/from", "vxlan-8472/to", "geneve-6081/from"])(
    "the mirrored file's %s meets its counterpart, whatever else is configured and in any order",
    (name) => {
      const counterpart = name.includes("/to") ? name.replace("/to", "/from") : name.replace("/from", "/to");
      const theirs = everything.find((child) => child.name === name);
      for (const candidates of [everything, everything.toReversed()]) {
        const match = matchChild(candidates, requestFor(theirs), hosts);
        expect(match).toMatchObject({ ok: true, child: { name: counterpart }, narrowed: { fit: "same" } });
      }
    },
  );

  test("a VXLAN pair comes to the two selectors of the kernel", () => {
    const selectors = ["vxlan-4789/to", "vxlan-4789/from"].map((name) => {
      const match = matchChild(everything, requestFor(everything.find((child) => child.name === name)), hosts);
      return match.ok ? match.narrowed.selectors.map(formatSelector) : [];
    });
    expect(selectors).toEqual([
      ["192.0.2.1/32 -> 192.0.2.2/32 udp :4789 -> :*"],
      ["192.0.2.1/32 -> 192.0.2.2/32 udp :* -> :4789"],
    ]);
  });

  test("a tunnel meets the mirrored tunnel", () => {
    const match = matchChild(everything, requestFor(children(mirroredTunnel)[0]), hosts);
    expect(match).toMatchObject({ ok: true, child: { name: "tunnel 10.1.0.0/16 <-> 10.2.0.0/16" } });
  });

  test("the better fit goes before the caller's order, the caller's order decides between equals", () => {
    const half: ProtectLine = { kind: "tunnel", local: prefix("10.1.0.0/17"), remote: prefix("10.2.0.0/16") };
    const [wide, narrow] = [children(tunnel), children(half)].flat();
    if (wide === undefined || narrow === undefined) throw new Error("two children");
    const request = requestFor(children(mirroredTunnel)[0]);
    expect(matchChild([narrow, wide], request, hosts)).toMatchObject({ child: { name: wide.name } });
    const twin = { ...wide, name: "twin" };
    expect(matchChild([twin, wide], request, hosts)).toMatchObject({ child: { name: "twin" } });
    expect(matchChild([wide, twin], request, hosts)).toMatchObject({ child: { name: wide.name } });
  });

  test("a child of a protocol that was not proposed is taken only where there is no other", () => {
    const [gre] = children({ kind: "gre" });
    if (gre === undefined) throw new Error("one child");
    const ah: CandidateChild = { ...gre, name: "gre-ah", protocol: "ah" };
    expect(matchChild([ah, gre], requestFor(gre), hosts)).toMatchObject({ child: { name: "gre" } });
    expect(matchChild([ah], requestFor(gre), hosts)).toMatchObject({ child: { name: "gre-ah" } });
  });

  test("RFC 7296 1.3.1: the other mode is a reason of its own", () => {
    const request: ChildRequest = { ...requestFor(everything[0]), mode: "tunnel" };
    expect(reasonFor(everything, request)).toEqual({
      code: "mode-mismatch",
      child: "gre",
      ours: "transport",
      theirs: "tunnel",
    });
  });

  test("the nearest child gives the first difference, and the reason lists all", () => {
    const theirs = children({ kind: "vxlan", port: 4790 })[0];
    const reason = reasonFor(children({ kind: "gre" }, { kind: "vxlan" }), requestFor(theirs));
    expect(reason).toEqual({
      code: "selectors-do-not-fit",
      ours: [
        "192.0.2.1/32 gre <-> 192.0.2.2/32 gre",
        "192.0.2.1/32 udp <-> 192.0.2.2/32 udp :4789",
        "192.0.2.1/32 udp :4789 <-> 192.0.2.2/32 udp",
      ],
      theirs: ["192.0.2.1/32 udp :4790 <-> 192.0.2.2/32 udp"],
      difference: "ports at our end: we have :4789, the peer has :4790",
    });
  });

  test("RFC 7296 2.23.1: transport mode with an address that is not the IKE SA's", () => {
    const request: ChildRequest = {
      tsi: [ts(47, any, "10.0.0.5")],
      tsr: [ts(47, any, hosts.local)],
      mode: "transport",
      protocols: ["esp"],
    };
    expect(reasonFor(everything, request)).toMatchObject({
      code: "selectors-do-not-fit",
      difference:
        "the peer's end: we have 192.0.2.2/32, the peer has 10.0.0.5/32; transport mode needs the addresses of the IKE SA itself",
    });
    // Behind a NAT it is the address that the host has for itself; ours stands for it here.
    const behind = { ...hosts, nat: { local: false, remote: true } };
    const matched = matchChild(everything, request, behind);
    expect(matched).toMatchObject({ ok: true, child: { name: "gre" } });
    expect(matched.ok && matched.narrowed.tsi).toEqual([ts(47, any, hosts.remote)]);
    expect(reasonFor(everything, { ...request, mode: "tunnel" }, true).code).toBe("selectors-do-not-fit");
    const range = { ...request, tsi: [ts(47, any, "10.0.0.0", "10.0.0.255")] };
    expect(reasonFor(everything, range, true).code).toBe("selectors-do-not-fit");
    const unknown = { ...request, tsi: [ts(50, any, "10.0.0.5")], tsr: [ts(50, any, hosts.local)] };
    expect(reasonFor(everything, unknown, true).code).toBe("selectors-do-not-fit");
  });

  test("nothing configured", () => {
    expect(reasonFor([], requestFor(everything[0]))).toMatchObject({ code: "selectors-do-not-fit", ours: [] });
  });
});
