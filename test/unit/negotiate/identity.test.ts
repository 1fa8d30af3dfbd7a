import { describe, expect, test } from "vitest";
import { identityFromWire, makeIdentity, sameIdentity } from "../../../src/negotiate/identity.ts";

const text = (value: string) => new TextEncoder().encode(value);

describe("RFC 7296 3.5", () => {
  test.each([
    ["ipv4", "192.0.2.1", 1, Uint8Array.of(192, 0, 2, 1)],
    ["fqdn", "example.com", 2, text("example.com")],
    ["email", "jsmith@example.com", 3, text("jsmith@example.com")],
    ["ipv6", "2001:DB8:0::1", 5, Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)],
    ["keyid", "C0ffee", 11, Uint8Array.of(0xc0, 0xff, 0xee)],
  ] as const)("%s %s has type %i", (kind, value, idType, octets) => {
    const identity = makeIdentity(kind, value);
    expect(identity).toMatchObject({ idType, octets });
    expect(sameIdentity(identityFromWire(idType, octets), identity)).toBe(true);
  });

  test("types differ, names do not by case", () => {
    expect(sameIdentity(makeIdentity("fqdn", "GW.example"), makeIdentity("fqdn", "gw.EXAMPLE"))).toBe(true);
    expect(sameIdentity(makeIdentity("fqdn", "gw.example"), makeIdentity("fqdn", "gw.example.org"))).toBe(false);
    expect(sameIdentity(identityFromWire(2, text("a@b")), identityFromWire(3, text("a@b")))).toBe(false);
    expect(sameIdentity(identityFromWire(11, text("A")), identityFromWire(11, text("a")))).toBe(false);
  });

  test.each([
    [2, text("gw\nevil"), "type 2:67770a6576696c"],
    [2, Uint8Array.of(0xff, 0xfe), "type 2:fffe"],
    [1, Uint8Array.of(1, 2, 3), "type 1:010203"],
    [9, Uint8Array.of(0x30, 0), "type 9:3000"],
    [11, Uint8Array.of(0), "keyid:00"],
  ])("type %i that cannot be shown as it is, is shown in hexadecimal", (idType, octets, expected) => {
    expect(identityFromWire(idType, octets).text).toBe(expected);
  });

  test("the octets are copied out of the message", () => {
    const buffer = text("gw.example");
    const identity = identityFromWire(2, buffer);
    buffer.fill(0);
    expect(identity.octets).toEqual(text("gw.example"));
  });

  test("a key id that is no hexadecimal is refused", () => {
    expect(() => makeIdentity("keyid", "abc")).toThrow(RangeError);
  });
});
