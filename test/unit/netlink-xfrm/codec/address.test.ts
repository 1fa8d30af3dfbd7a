import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AF_INET, AF_INET6, readAddress, writeAddress } from "../../../../src/netlink-xfrm/codec/address.ts";
import { Octets } from "../../../../src/netlink-xfrm/codec/octets.ts";

function parse(text: string): Uint8Array {
  const octets = Octets.alloc(16);
  const family = writeAddress(octets, 0, text, "address");
  return octets.slice(0, family === AF_INET6 ? 16 : 4);
}

function format(octets: Uint8Array): string {
  return readAddress(Octets.copy(octets), 0, octets.length === 16 ? AF_INET6 : AF_INET);
}

describe("addresses as text", () => {
  it.each([
    ["192.0.2.1", "c0000201"],
    ["255.255.255.255", "ffffffff"],
    ["::", "0".repeat(32)],
    ["::1", `${"0".repeat(31)}1`],
    ["2001:db8::1", "20010db8000000000000000000000001"],
    ["2001:DB8:0:0:1::", "20010db8000000000001000000000000"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
    ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
    ["64:ff9b::192.0.2.1", "0064ff9b0000000000000000c0000201"],
  ])("reads %s", (text, hex) => {
    expect(Buffer.from(parse(text)).toString("hex")).toBe(hex);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2..4",
    "1.2.3.4 ",
    "a.b.c.d",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3",
    ":1",
    "1:",
    "fe80::1%lo",
    "1::2:",
    `::${"0".repeat(60)}`,
  ])("refuses %j", (text) => {
    expect(() => parse(text)).toThrow(/^address: ".*" is not possible here; possible: an address such as/);
  });

  it("reads and writes IPv6 as the URL parser of Node does", () => {
    const group = fc.oneof(fc.constant(0), fc.nat({ max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const octets = Buffer.alloc(16);
        groups.forEach((value, i) => {
          octets.writeUInt16BE(value, i * 2);
        });
        const text = format(octets);
        expect(isIPv6(text)).toBe(true);
        // The URL standard writes mapped addresses without dots; everything else as RFC 5952.
        if (!text.includes("."))
          expect(new URL(`http://[${groups.map((g) => g.toString(16)).join(":")}]`).host).toBe(`[${text}]`);
        expect(Buffer.from(parse(text))).toEqual(octets);
      }),
      { numRuns: 3000 },
    );
  });
});
