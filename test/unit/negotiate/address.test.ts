import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addressOctets,
  compareOctets,
  formatAddress,
  formatPrefix,
  parseAddress,
  prefixCovers,
  prefixRange,
  rangeAsPrefix,
} from "../../../src/negotiate/address.ts";

const canonical = (text: string) => formatAddress(addressOctets(text));

describe("IPv6 text", () => {
  // The examples of RFC 5952 sections 2 and 4, and of RFC 4291 2.2.
  test.each([
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"],
    ["2001:db8::aaaa:0:0:1", "2001:db8::aaaa:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1"],
    ["FF01:0:0:0:0:0:0:101", "ff01::101"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["::13.1.68.3", "::d01:4403"],
  ])("%s is written %s", (text, expected) => expect(canonical(text)).toBe(expected));

  test.each([
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::12345",
    "::g",
    "1:2:3:4:5:6:7::8",
    "::1.2.3",
    "fe80::1%eth0",
  ])("%s is none", (text) => expect(parseAddress(text)).toBeUndefined());
});

test.each(["1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.-4", "", "1.2.3.4 "])(
  "%j is no IPv4 address",
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

const octets = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));

test("text and octets go both ways", () => {
  fc.assert(
    fc.property(octets, (address) => {
      expect(addressOctets(formatAddress(address))).toEqual(address);
    }),
  );
});

test("a prefix is its range, and only prefixes are", () => {
  fc.assert(
    fc.property(octets, fc.nat(), (address, seed) => {
      const prefix = { address: formatAddress(address), length: seed % (address.length * 8 + 1) };
      const { start, end } = prefixRange(prefix);
      expect(rangeAsPrefix(start, end)).toEqual({ address: formatAddress(start), length: prefix.length });
      expect(prefixCovers(prefix, prefix.address)).toBe(true);
      expect(compareOctets(start, address)).toBeLessThanOrEqual(0);
      expect(compareOctets(address, end)).toBeLessThanOrEqual(0);
      if (prefix.length < address.length * 8) {
        const shorter = end.slice();
        shorter[end.length - 1] = (end[end.length - 1] ?? 0) - 1;
        // One address less is a prefix only where two were.
        expect(rangeAsPrefix(start, shorter) === undefined).toBe(prefix.length < address.length * 8 - 1);
        expect(rangeAsPrefix(end, start)).toBeUndefined();
      }
    }),
  );
  expect(formatPrefix({ address: "10.0.0.0", length: 8 })).toBe("10.0.0.0/8");
  expect(prefixCovers({ address: "::", length: 0 }, "10.0.0.1")).toBe(false);
});
