import { describe, expect, test } from "vitest";
import { formatSelector, reverseSelector } from "../../../src/negotiate/selector.ts";
import { formatTrafficSelector } from "../../../src/negotiate/selector-text.ts";
import { childSelectors, type TrafficSelector } from "../../../src/negotiate/traffic-selector.ts";
import {
  formatSelectorOffer,
  narrowSelectors,
  offerSelectors,
  type SelectorOffer,
  verifySelectors,
} from "../../../src/negotiate/traffic-selectors.ts";
import { any, child, hosts, opaque, prefix, ts } from "./selectors.ts";

function narrowed(ours: ReturnType<typeof child>, offer: SelectorOffer) {
  const result = narrowSelectors(ours, offer);
  if (!result.ok) throw new Error(JSON.stringify(result.reason));
  return {
    fit: result.fit,
    tsi: result.tsi.map(formatTrafficSelector),
    tsr: result.tsr.map(formatTrafficSelector),
    selectors: result.selectors.map(formatSelector),
    additional: result.additional,
  };
}

function difference(result: ReturnType<typeof narrowSelectors> | ReturnType<typeof verifySelectors>): string {
  if (result.ok || result.reason.code !== "selectors-do-not-fit") throw new Error("it fits");
  return result.reason.difference;
}

/** The networks of RFC 7296 2.9: the initiator has 198.51.100.0/24, the responder 192.0.2.0/24. */
const initiatorNet = ts(0, any, "198.51.100.0", "198.51.100.255");
const responderNet = ts(0, any, "192.0.2.0", "192.0.2.255");
const responder = child("192.0.2.0/24", "198.51.100.0/24");
const initiator = child("198.51.100.0/24", "192.0.2.0/24");

describe("RFC 7296 2.9, the responder", () => {
  test("returns the same selectors where its policy allows all of them", () => {
    expect(narrowed(responder, { tsi: [initiatorNet], tsr: [responderNet] })).toEqual({
      fit: "same",
      tsi: ["198.51.100.0/24"],
      tsr: ["192.0.2.0/24"],
      selectors: ["192.0.2.0/24 -> 198.51.100.0/24"],
      additional: false,
    });
  });

  test("the packet's selectors in front do not narrow what is configured", () => {
    const packet = [ts(17, [3000, 3000], "198.51.100.43"), ts(17, [53, 53], "192.0.2.7")] as const;
    const result = narrowed(responder, { tsi: [packet[0], initiatorNet], tsr: [packet[1], responderNet] });
    expect(result).toMatchObject({ fit: "same", selectors: ["192.0.2.0/24 -> 198.51.100.0/24"] });
  });

  test("narrows to its own where the initiator offers more", () => {
    const everything = ts(0, any, "0.0.0.0", "255.255.255.255");
    const result = narrowed(responder, { tsi: [everything], tsr: [everything] });
    expect(result).toMatchObject({ fit: "ours", tsi: ["198.51.100.0/24"], tsr: ["192.0.2.0/24"], additional: false });
  });

  test("narrows to what is common where the initiator offers less", () => {
    const half = ts(0, any, "198.51.100.0", "198.51.100.127");
    expect(narrowed(responder, { tsi: [half], tsr: [responderNet] })).toMatchObject({
      fit: "narrowed",
      tsi: ["198.51.100.0/25"],
      selectors: ["192.0.2.0/24 -> 198.51.100.0/25"],
    });
  });

  test("parts that together are all of ours count as all of ours", () => {
    const halves = [ts(0, any, "198.51.100.128", "198.51.100.255"), ts(0, any, "198.51.100.0", "198.51.100.127")];
    expect(narrowed(responder, { tsi: halves, tsr: [responderNet] })).toMatchObject({
      fit: "same",
      tsi: ["198.51.100.0/24"],
    });
  });

  test("overlapping parts and parts that meet across an octet are joined", () => {
    const overlapping = [ts(0, any, "198.51.100.0", "198.51.100.150"), ts(0, any, "198.51.100.100", "198.51.100.255")];
    expect(narrowed(responder, { tsi: overlapping, tsr: [responderNet] })).toMatchObject({ fit: "same" });
    const wide = child("192.0.2.0/24", "10.0.0.0/23");
    const meeting = [ts(0, any, "10.0.0.0", "10.0.0.255"), ts(0, any, "10.0.1.0", "10.0.1.255")];
    expect(narrowed(wide, { tsi: meeting, tsr: [responderNet] })).toMatchObject({ fit: "same", tsi: ["10.0.0.0/23"] });
    const apart = [ts(0, any, "10.0.0.0", "10.0.0.254"), ts(0, any, "10.0.1.0", "10.0.1.255")];
    expect(narrowed(wide, { tsi: apart, tsr: [responderNet] })).toMatchObject({
      fit: "narrowed",
      tsi: ["10.0.1.0/24"],
    });
  });

  test("MUST include the initiator's first choice, first, where it narrows", () => {
    const first = ts(17, [53, 53], "198.51.100.200");
    const ranges = [ts(0, any, "198.51.100.0", "198.51.100.63"), ts(0, any, "198.51.100.192", "198.51.100.255")];
    const result = narrowed(responder, { tsi: [first, ...ranges], tsr: [responderNet] });
    expect(result.tsi).toEqual(["198.51.100.192/26", "198.51.100.0/26"]);
    expect(result.selectors).toHaveLength(2);
  });

  test("keeps the first choice where the wider range cannot be expressed", () => {
    const tsi = [ts(0, any, "198.51.100.7"), ts(0, any, "198.51.100.5", "198.51.100.20")];
    expect(narrowed(responder, { tsi, tsr: [responderNet] }).tsi).toEqual(["198.51.100.7/32"]);
  });

  test("says that more would be possible where the pieces are too many for one SA", () => {
    const tsi = Array.from({ length: 9 }, (_, i) => ts(0, any, `198.51.100.${i * 2}`));
    const result = narrowed(responder, { tsi, tsr: [responderNet] });
    expect(result.additional).toBe(true);
    expect(result.tsi).toEqual(["198.51.100.0/32", "198.51.100.2/32", "198.51.100.4/32", "198.51.100.6/32"]);
  });

  test("ignores selectors of an unknown type", () => {
    const unknown = { tsType: 10, raw: Uint8Array.of(1, 2) };
    expect(narrowed(responder, { tsi: [unknown, initiatorNet], tsr: [responderNet] }).fit).toBe("same");
    expect(difference(narrowSelectors(responder, { tsi: [unknown], tsr: [responderNet] }))).toContain("none that is");
  });

  test("copies what it keeps out of the message's buffer", () => {
    const buffer = Uint8Array.of(198, 51, 100, 9);
    const mine = { ...initiatorNet, startAddress: buffer, endAddress: buffer };
    const result = narrowSelectors(responder, { tsi: [mine], tsr: [responderNet] });
    buffer.fill(0);
    expect(result.ok && result.tsi.map(formatTrafficSelector)).toEqual(["198.51.100.9/32"]);
  });
});

describe("RFC 7296 3.13, lists are a cross product", () => {
  const everywhere = ts(17, [300, 300], "0.0.0.0", "255.255.255.255");
  const tsi = [ts(17, [100, 100], "198.51.100.66"), ts(17, [200, 200], "198.51.100.66")];
  const tsr = [everywhere, { ...everywhere, startPort: 400, endPort: 400 }];

  test("the example comes to its four combinations of ports", () => {
    const result = narrowed(child("0.0.0.0/0", "198.51.100.0/24", 17), { tsi, tsr });
    expect(result.selectors.toSorted()).toEqual([
      "0.0.0.0/0 -> 198.51.100.66/32 udp :300 -> :100",
      "0.0.0.0/0 -> 198.51.100.66/32 udp :300 -> :200",
      "0.0.0.0/0 -> 198.51.100.66/32 udp :400 -> :100",
      "0.0.0.0/0 -> 198.51.100.66/32 udp :400 -> :200",
    ]);
  });

  test("pairs that no packet matches are no pairs", () => {
    const both = child("0.0.0.0/0", "198.51.100.0/24");
    const mixed = [ts(6, any, "0.0.0.0", "255.255.255.255"), everywhere];
    const result = narrowed(both, { tsi, tsr: mixed });
    expect(result.tsr).toEqual(["0.0.0.0/0 udp :300"]);
    const tcp = ts(6, any, "0.0.0.0", "255.255.255.255");
    expect(difference(narrowSelectors(both, { tsi, tsr: [tcp] }))).toBe("no packet matches the selectors of both ends");
  });
});

describe("ports (RFC 7296 3.13.1, RFC 4301 4.4.1.3)", () => {
  const udp = child("host", "host", 17);
  const offer = (ports: readonly [number, number], protocol = 17) => ({
    tsi: [ts(protocol, ports, "192.0.2.2")],
    tsr: [ts(protocol, any, "192.0.2.1")],
  });

  test("a port range is refused in plain words", () => {
    expect(difference(narrowSelectors(udp, offer([4000, 5000])))).toBe(
      "the peer's end: the port range 4000-5000 cannot be expressed: the kernel's policies take one port or any",
    );
  });

  test("a range that covers our port is narrowed to it", () => {
    const vxlan = child("host", "host", 17, { remote: 4789 });
    expect(narrowed(vxlan, offer([4000, 5000]))).toMatchObject({ fit: "ours", tsi: ["192.0.2.2/32 udp :4789"] });
  });

  test("opaque is not any where a protocol has ports, and is any where it has none", () => {
    expect(difference(narrowSelectors(udp, offer(opaque)))).toContain("opaque ports");
    const gre = child("host", "host", 47);
    expect(narrowed(gre, offer(opaque, 47))).toMatchObject({
      fit: "same",
      tsi: ["192.0.2.2/32 gre :opaque"],
      selectors: ["192.0.2.1/32 -> 192.0.2.2/32 gre"],
    });
    const vxlan = child("host", "host", 17, { remote: 4789 });
    expect(difference(narrowSelectors(vxlan, offer(opaque)))).toBe(
      "ports at the peer's end: we have :4789, the peer has :opaque",
    );
  });

  test("a port for a protocol that has none is refused", () => {
    const gre = child("host", "host", 47);
    expect(difference(narrowSelectors(gre, offer([4789, 4789], 47)))).toBe(
      "the peer's end: gre has no ports (RFC 7296 3.13.1: 0 to 65535)",
    );
  });

  test("ports without a protocol are refused", () => {
    const all = child("host", "host");
    expect(difference(narrowSelectors(all, offer([53, 53], 0)))).toContain("ports without a protocol");
  });

  test("ICMP: type in the high octet, code in the low one", () => {
    const icmp = child("host", "host", 1);
    const echo = offer([0x0800, 0x0800], 1);
    expect(narrowed(icmp, echo).selectors).toEqual(["192.0.2.1/32 -> 192.0.2.2/32 icmp type 8 code 0"]);
    expect(narrowed(icmp, offer([0x0300, 0x03ff], 1)).selectors).toEqual([
      "192.0.2.1/32 -> 192.0.2.2/32 icmp type 3 code *",
    ]);
    expect(difference(narrowSelectors(icmp, offer([0x0300, 0x0401], 1)))).toContain("cannot be expressed");
    const twoTypes = { tsi: echo.tsi, tsr: [ts(1, [0x0000, 0x0000], "192.0.2.1")] };
    expect(difference(narrowSelectors(icmp, twoTypes))).toBe("no packet matches the selectors of both ends");
  });

  test("ICMP type and code keep their places in the other direction", () => {
    const [selector] = narrowed(child("host", "host", 1), offer([0x0800, 0x0800], 1)).selectors;
    const source = { address: "192.0.2.1", length: 32 };
    const destination = { address: "192.0.2.2", length: 32 };
    const echo = { source, destination, protocol: 1, sourcePort: 8, destinationPort: 0 };
    expect(formatSelector(echo)).toBe(selector);
    expect(reverseSelector(echo)).toMatchObject({ source: destination, sourcePort: 8, destinationPort: 0 });
    const dns = { ...echo, protocol: 17, sourcePort: 4000, destinationPort: 53 };
    expect(reverseSelector(dns)).toMatchObject({ sourcePort: 53, destinationPort: 4000 });
  });
});

describe("transport mode", () => {
  const spec = { prefix: "host", protocol: 17 } as const;
  const to = { local: spec, remote: { ...spec, port: 4789 } };
  const whole = childSelectors({ ...to, mode: "transport" }, hosts);
  const crossed = { tsi: [ts(17, any, hosts.remote)], tsr: [ts(17, [4790, 4790], hosts.local)] };

  test("two overlays on different ports have the traffic between the ports in common; that is not enough", () => {
    expect(narrowed(childSelectors(to, hosts), crossed).fit).toBe("narrowed");
    expect(difference(narrowSelectors(whole, crossed))).toBe("ports at our end: we have any, the peer has :4790");
  });

  test("a peer that offers all UDP gets the overlay, one that wants one flow gets nothing", () => {
    const all = { tsi: [ts(17, any, hosts.remote)], tsr: [ts(17, any, hosts.local)] };
    expect(narrowed(whole, all).fit).toBe("ours");
    const flow = { tsi: [ts(17, [4789, 4789], hosts.remote)], tsr: [ts(17, [50000, 50000], hosts.local)] };
    expect(difference(narrowSelectors(whole, flow))).toBe("ports at our end: we have any, the peer has :50000");
  });

  test("an answer for a part is refused", () => {
    const sent = offerSelectors(whole);
    expect(verifySelectors(whole, sent)).toMatchObject({ ok: true, fit: "same" });
    const part = { tsi: [ts(17, [4789, 4789], hosts.local)], tsr: sent.tsr };
    expect(difference(verifySelectors(whole, part))).toBe("ports at our end: we have any, the peer has :4789");
  });

  test("a protocol out of many is a part too", () => {
    const anything = { prefix: "host", protocol: 0 } as const;
    const all = childSelectors({ local: anything, remote: anything, mode: "transport" }, hosts);
    const gre = { tsi: [ts(47, any, hosts.remote)], tsr: [ts(47, any, hosts.local)] };
    expect(difference(narrowSelectors(all, gre))).toBe("protocol at the peer's end: we have any, the peer has gre");
  });
});

describe("the first difference", () => {
  const gre = child("host", "host", 47);
  const one = (tsi: TrafficSelector, tsr = ts(47, any, "192.0.2.1")) =>
    narrowSelectors(gre, { tsi: [tsi], tsr: [tsr] });

  test.each([
    ["address", one(ts(47, any, "192.0.2.3")), "the peer's end: we have 192.0.2.2/32, the peer has 192.0.2.3/32"],
    [
      "our address",
      one(ts(47, any, "192.0.2.2"), ts(47, any, "10.0.0.1")),
      "our end: we have 192.0.2.1/32, the peer has 10.0.0.1/32",
    ],
    ["family", one(ts(47, any, "2001:db8::2")), "the peer's end: we have 192.0.2.2/32, the peer has 2001:db8::2/128"],
    ["protocol", one(ts(17, any, "192.0.2.2")), "protocol at the peer's end: we have gre, the peer has udp"],
    [
      "no prefix",
      narrowSelectors(responder, { tsi: [ts(0, any, "198.51.100.5", "198.51.100.20")], tsr: [responderNet] }),
      "the peer's end: the address range 198.51.100.5-198.51.100.20 is no prefix, and the kernel's policies take prefixes only",
    ],
  ])("%s", (_, result, text) => {
    expect(difference(result)).toBe(text);
  });

  test("the reason has both ends' lists, ours first in each", () => {
    const result = one(ts(47, any, "192.0.2.3"));
    expect(result.ok ? undefined : result.reason).toEqual({
      code: "selectors-do-not-fit",
      ours: ["192.0.2.1/32 gre <-> 192.0.2.2/32 gre"],
      theirs: ["192.0.2.1/32 gre <-> 192.0.2.3/32 gre"],
      difference: "the peer's end: we have 192.0.2.2/32, the peer has 192.0.2.3/32",
    });
  });

  test("crossed address bounds match nothing", () => {
    expect(one(ts(47, any, "192.0.2.9", "192.0.2.1")).ok).toBe(false);
  });

  test("a list of 255 selectors gives a bounded text", () => {
    const many = Array.from({ length: 255 }, (_, i) => ts(0, any, `10.0.${i}.1`));
    const result = narrowSelectors(responder, { tsi: many, tsr: [responderNet] });
    expect(JSON.stringify(result).length).toBeLessThan(1000);
  });
});

describe("the initiator", () => {
  test("sends its ends", () => {
    expect(offerSelectors(initiator)).toEqual({ tsi: [initiatorNet], tsr: [responderNet] });
    expect(formatSelectorOffer(initiator)).toBe("198.51.100.0/24 <-> 192.0.2.0/24");
  });

  test("RFC 7296 2.9: SHOULD send the packet's selectors first", () => {
    const source = { address: "198.51.100.43", length: 32 };
    const destination = { address: "192.0.2.7", length: 32 };
    const packet = { source, destination, protocol: 17, sourcePort: 3000, destinationPort: 53 };
    expect(offerSelectors(initiator, packet)).toEqual({
      tsi: [ts(17, [3000, 3000], "198.51.100.43"), initiatorNet],
      tsr: [ts(17, [53, 53], "192.0.2.7"), responderNet],
    });
    const ping = { ...packet, protocol: 1, sourcePort: 8, destinationPort: 0 };
    expect(offerSelectors(initiator, ping).tsr[0]).toEqual(ts(1, [0x0800, 0x0800], "192.0.2.7"));
    const gre = { source, destination, protocol: 47 };
    expect(offerSelectors(child("198.51.100.43/32", "192.0.2.7/32", 47), gre).tsi).toHaveLength(1);
    const elsewhere = { ...packet, source: { address: "10.0.0.1", length: 32 } };
    expect(offerSelectors(initiator, elsewhere).tsi).toEqual([initiatorNet]);
  });

  test("takes what it sent, and a subset of it", () => {
    expect(verifySelectors(initiator, { tsi: [initiatorNet], tsr: [responderNet] })).toMatchObject({
      ok: true,
      fit: "same",
    });
    const part = verifySelectors(initiator, { tsi: [ts(6, any, "198.51.100.43")], tsr: [responderNet] });
    expect(part).toMatchObject({ ok: true, fit: "narrowed" });
    expect(part.ok && part.selectors.map(formatSelector)).toEqual(["198.51.100.43/32 -> 192.0.2.0/24 tcp"]);
  });

  test.each([
    [
      "more addresses",
      { tsi: [initiatorNet], tsr: [ts(0, any, "192.0.2.0", "192.0.3.255")] },
      "the peer's end: we sent 192.0.2.0/24, the peer answered 192.0.2.0/23",
    ],
    [
      "other addresses beside the right ones",
      { tsi: [initiatorNet, ts(0, any, "10.0.0.1")], tsr: [responderNet] },
      "our end: we sent 198.51.100.0/24, the peer answered 10.0.0.1/32",
    ],
    ["a port range", { tsi: [ts(6, [1, 9], "198.51.100.43")], tsr: [responderNet] }, "our end: the port range 1-9"],
    [
      "a type that was not sent",
      { tsi: [initiatorNet], tsr: [{ tsType: 10, raw: Uint8Array.of(1) }] },
      "only address ranges",
    ],
    [
      "more ranges than a policy each is given to",
      { tsi: [0, 2, 4, 6, 8].map((i) => ts(0, any, `198.51.100.${i}`)), tsr: [responderNet] },
      "5 ranges, at most 4",
    ],
    ["nothing", { tsi: [], tsr: [responderNet] }, "our end: we have 198.51.100.0/24"],
  ] satisfies [string, SelectorOffer, string][])("refuses %s", (_, answer, text) => {
    expect(difference(verifySelectors(initiator, answer))).toContain(text);
  });
});

describe("a child of several subnets", () => {
  const several = (local: string[], remote: string[]) => {
    const end = ([first = "", ...more]: string[]) => ({ prefix: prefix(first), more: more.map(prefix), protocol: 0 });
    return childSelectors({ local: end(local), remote: end(remote) }, hosts);
  };
  const net = (n: number) => ts(0, any, `10.${n}.0.0`, `10.${n}.255.255`);
  const west = several(["10.1.0.0/16", "10.3.0.0/16"], ["10.2.0.0/16", "10.4.0.0/16"]);
  const east = several(["10.2.0.0/16", "10.4.0.0/16"], ["10.1.0.0/16", "10.3.0.0/16"]);
  const pairs = [
    "10.1.0.0/16 -> 10.2.0.0/16",
    "10.1.0.0/16 -> 10.4.0.0/16",
    "10.3.0.0/16 -> 10.2.0.0/16",
    "10.3.0.0/16 -> 10.4.0.0/16",
  ];

  test("is every pair of them, at both ends", () => {
    const answer = narrowSelectors(east, offerSelectors(west));
    if (!answer.ok) throw new Error("refused");
    expect(answer.fit).toBe("same");
    const agreed = verifySelectors(west, answer);
    expect(agreed).toMatchObject({ ok: true, fit: "same" });
    expect(agreed.ok && agreed.selectors.map(formatSelector)).toEqual(pairs);
  });

  test("keeps the pairs that the peer has, whichever these are", () => {
    expect(narrowed(east, { tsi: [net(3)], tsr: [net(2), net(9)] })).toEqual({
      fit: "narrowed",
      tsi: ["10.3.0.0/16"],
      tsr: ["10.2.0.0/16"],
      selectors: ["10.2.0.0/16 -> 10.3.0.0/16"],
      additional: false,
    });
    const agreed = verifySelectors(west, { tsi: [net(1)], tsr: [net(2), net(4)] });
    expect(agreed).toMatchObject({ ok: true, fit: "narrowed" });
    expect(agreed.ok && agreed.selectors.map(formatSelector)).toEqual(pairs.slice(0, 2));
  });

  test("is not widened by a peer that answers more than was asked for", () => {
    expect(difference(verifySelectors(west, { tsi: [net(1), net(5)], tsr: [net(2)] }))).toBe(
      "our end: we sent 10.1.0.0/16, 10.3.0.0/16, the peer answered 10.5.0.0/16",
    );
  });

  test("puts the packet's own selectors in front of all of them, and is not narrowed by that", () => {
    const packet = {
      source: prefix("10.3.0.9/32"),
      destination: prefix("10.4.0.9/32"),
      protocol: 6,
      sourcePort: 7,
      destinationPort: 80,
    };
    const offer = offerSelectors(west, packet);
    expect(offer.tsi.map(formatTrafficSelector)).toEqual(["10.3.0.9/32 tcp :7", "10.1.0.0/16", "10.3.0.0/16"]);
    expect(narrowed(east, offer)).toMatchObject({ fit: "same", tsi: ["10.3.0.0/16", "10.1.0.0/16"] });
  });

  test("takes one range for subnets that adjoin", () => {
    const halves = several(["10.1.0.0/17", "10.1.128.0/17"], ["10.2.0.0/16"]);
    const agreed = verifySelectors(halves, { tsi: [net(1)], tsr: [net(2)] });
    expect(agreed).toMatchObject({
      ok: true,
      fit: "same",
      selectors: [{ source: { length: 17 } }, { source: { length: 17 } }],
    });
  });

  test("says what differs from the subnet that comes nearest", () => {
    expect(difference(narrowSelectors(east, { tsi: [net(1)], tsr: [net(7)] }))).toBe(
      "our end: we have 10.2.0.0/16, the peer has 10.7.0.0/16",
    );
  });
});
