import fc from "fast-check";
import { expect, test } from "vitest";
import { addressOctets, compareOctets, formatAddress } from "../../../src/negotiate/address.ts";
import type { Selector } from "../../../src/negotiate/selector.ts";
import type { ChildSelectors, TrafficSelector } from "../../../src/negotiate/traffic-selector.ts";
import { childSelectors, packetSelectors } from "../../../src/negotiate/traffic-selector.ts";
import { narrowSelectors, offerSelectors, verifySelectors } from "../../../src/negotiate/traffic-selectors.ts";

/** A small world, so that things meet often: 32 addresses, a few protocols and ports. */
const octet = fc.integer({ min: 0, max: 31 });
const address = (last: number) => `10.0.0.${last}`;
const protocol = fc.constantFrom(0, 17, 47);
const ports = fc.oneof(
  { weight: 3, arbitrary: fc.constant<[number, number]>([0, 65535]) },
  fc.constantFrom<[number, number]>([4789, 4789], [53, 53], [4000, 5000], [65535, 0], [9, 3]),
);
const selector = fc.record({ protocol, ports, a: octet, b: octet }).map(
  ({ protocol: ipProtocol, ports: [startPort, endPort], a, b }): TrafficSelector => ({
    tsType: 7,
    ipProtocol,
    startPort,
    endPort,
    startAddress: addressOctets(address(Math.min(a, b))),
    endAddress: addressOctets(address(Math.max(a, b))),
  }),
);
const end = fc.record({
  length: fc.integer({ min: 27, max: 32 }),
  base: octet,
  port: fc.constantFrom(undefined, 4789),
});
const subnet = fc
  .record({ length: fc.integer({ min: 27, max: 32 }), base: octet })
  .map(({ length, base }) => ({ address: address(base & (0xff << (32 - length))), length }));
const single = withSubnets(0);
const child = withSubnets(2);

/** Children with up to so many further subnets at each end. */
function withSubnets(most: number) {
  const more = fc.array(subnet, { maxLength: most });
  return fc
    .record({ local: end, remote: end, moreLocal: more, moreRemote: more, protocol })
    .map(({ local, remote, moreLocal, moreRemote, protocol: number }): ChildSelectors => {
      const spec = ({ length, base, port }: typeof local, further: typeof moreLocal) => ({
        prefix: { address: address(base & (0xff << (32 - length))), length },
        more: further,
        protocol: number,
        port: number === 17 ? port : undefined,
      });
      const ends = { local: spec(local, moreLocal), remote: spec(remote, moreRemote) };
      return childSelectors(ends, { local: "", remote: "" });
    });
}

const offer = fc.record({
  tsi: fc.array(selector, { minLength: 1, maxLength: 6 }),
  tsr: fc.array(selector, { minLength: 1, maxLength: 6 }),
});

interface Packet {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}
const port = fc.constantFrom(53, 4789, 4500, 7);
const packet = fc.record({
  source: octet,
  destination: octet,
  protocol: fc.constantFrom(17, 47, 6),
  sourcePort: port,
  destinationPort: port,
});

/** The plain meaning of RFC 7296 3.13, written again: does a packet with this address and port match one of the list? */
function matches(list: readonly TrafficSelector[], last: number, ipProtocol: number, portNumber: number): boolean {
  const octets = addressOctets(address(last));
  return list.some(
    (one) =>
      (one.ipProtocol === 0 || one.ipProtocol === ipProtocol) &&
      compareOctets(one.startAddress, octets) <= 0 &&
      compareOctets(octets, one.endAddress) <= 0 &&
      // Protocol 47 has no ports: any, and opaque, match it.
      (ipProtocol === 47
        ? (one.startPort === 0 && one.endPort === 65535) || (one.startPort === 65535 && one.endPort === 0)
        : one.startPort <= portNumber && portNumber <= one.endPort),
  );
}

/** What Linux does with a selector. */
function kernelMatches({ source, destination, ...rest }: Selector, p: Packet, flip = false): boolean {
  const covers = (prefix: typeof source, last: number) => {
    const bits = 32 - prefix.length;
    return Number(prefix.address.split(".")[3]) >> bits === last >> bits;
  };
  const [from, to] = flip ? [p.destination, p.source] : [p.source, p.destination];
  const [fromPort, toPort] = flip ? [p.destinationPort, p.sourcePort] : [p.sourcePort, p.destinationPort];
  if (!covers(source, from) || !covers(destination, to)) return false;
  if (rest.protocol !== 0 && rest.protocol !== p.protocol) return false;
  return (rest.sourcePort ?? fromPort) === fromPort && (rest.destinationPort ?? toPort) === toPort;
}

test("narrowing never matches a packet that one of both ends does not", () => {
  let narrowedOnes = 0;
  fc.assert(
    fc.property(child, offer, fc.array(packet, { minLength: 20, maxLength: 40 }), (ours, theirs, packets) => {
      const result = narrowSelectors(ours, theirs);
      if (!result.ok) return;
      narrowedOnes += 1;
      for (const p of packets) {
        const answered =
          matches(result.tsi, p.source, p.protocol, p.sourcePort) &&
          matches(result.tsr, p.destination, p.protocol, p.destinationPort);
        const offered =
          matches(theirs.tsi, p.source, p.protocol, p.sourcePort) &&
          matches(theirs.tsr, p.destination, p.protocol, p.destinationPort);
        const configured =
          matches(ours.remote, p.source, p.protocol, p.sourcePort) &&
          matches(ours.local, p.destination, p.protocol, p.destinationPort);
        if (answered) expect(offered && configured).toBe(true);
        // What is configured and offered as a whole is never cut down.
        if (result.fit !== "narrowed") expect(answered).toBe(configured);
        // The kernel's selectors are what was answered, no more and no less; outbound, hence the packet turned around.
        expect(result.selectors.some((one) => kernelMatches(one, p, true))).toBe(answered);
      }
    }),
    { numRuns: 1500 },
  );
  expect(narrowedOnes).toBeGreaterThan(200);
});

test("the responder's answer passes the initiator's check, and both install mirrored selectors", () => {
  let agreed = 0;
  fc.assert(
    fc.property(single, single, (a, b) => {
      const result = narrowSelectors(b, offerSelectors(a));
      if (!result.ok) return;
      agreed += 1;
      const verdict = verifySelectors(a, result);
      if (!verdict.ok) throw new Error(JSON.stringify(verdict.reason));
      const key = (s: Selector) => [
        s.source.address,
        s.source.length,
        s.sourcePort,
        s.destination.address,
        s.destination.length,
        s.destinationPort,
        s.protocol,
      ];
      const mirror = (s: Selector) => [
        s.destination.address,
        s.destination.length,
        s.destinationPort,
        s.source.address,
        s.source.length,
        s.sourcePort,
        s.protocol,
      ];
      expect(verdict.selectors.map(key).map(String).sort()).toEqual(result.selectors.map(mirror).map(String).sort());
    }),
    { numRuns: 1500 },
  );
  expect(agreed).toBeGreaterThan(100);
});

test("a mirrored configuration is agreed on as it stands, with or without a packet in front", () => {
  fc.assert(
    fc.property(child, packet, (ours, p) => {
      const mirrored = { local: ours.remote, remote: ours.local };
      const trigger = {
        source: { address: address(p.source), length: 32 },
        destination: { address: address(p.destination), length: 32 },
        protocol: p.protocol,
        ...(p.protocol === 47 ? {} : { sourcePort: p.sourcePort, destinationPort: p.destinationPort }),
      };
      for (const sent of [offerSelectors(ours), offerSelectors(ours, trigger)]) {
        const result = narrowSelectors(mirrored, sent);
        expect(result).toMatchObject({ ok: true, fit: "same" });
        expect(result.ok && verifySelectors(ours, result)).toMatchObject({ ok: true, fit: "same" });
      }
    }),
  );
});

test("RFC 7296 2.9: the answer includes the initiator's first choice wherever our policy and the kernel can have it", () => {
  let included = 0;
  fc.assert(
    fc.property(child, packet, offer, (ours, p, rest) => {
      const trigger = {
        source: { address: address(p.source), length: 32 },
        destination: { address: address(p.destination), length: 32 },
        protocol: p.protocol,
        ...(p.protocol === 47 ? {} : { sourcePort: p.sourcePort, destinationPort: p.destinationPort }),
      };
      const specific = packetSelectors(trigger);
      const allowed =
        matches(ours.remote, p.source, p.protocol, p.sourcePort) &&
        matches(ours.local, p.destination, p.protocol, p.destinationPort);
      if (!allowed) return;
      included += 1;
      const theirs = { tsi: [...specific.local, ...rest.tsi], tsr: [...specific.remote, ...rest.tsr] };
      const result = narrowSelectors(ours, theirs);
      if (!result.ok) throw new Error(JSON.stringify(result.reason));
      expect(matches(result.tsi, p.source, p.protocol, p.sourcePort)).toBe(true);
      expect(matches(result.tsr, p.destination, p.protocol, p.destinationPort)).toBe(true);
    }),
    { numRuns: 3000 },
  );
  expect(included).toBeGreaterThan(100);
});

test("the world of these tests is what it says", () => {
  expect(formatAddress(addressOctets(address(31)))).toBe("10.0.0.31");
});
