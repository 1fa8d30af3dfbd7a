import { describe, expect, it } from "vitest";
import { classifyNatTraversal, withNonEspMarker } from "../../../src/transport/marker.ts";

/** RFC 3948 2.1 to 2.3, octets written by hand from the figures there. */
describe("the NAT traversal port's datagrams", () => {
  it("takes four zero octets off an IKE message", () => {
    const octets = Uint8Array.of(0, 0, 0, 0, 0xde, 0xad);
    expect(classifyNatTraversal(octets)).toEqual({ kind: "ike", octets: Uint8Array.of(0xde, 0xad) });
  });

  it("takes a marker with nothing behind it for an empty IKE message", () => {
    expect(classifyNatTraversal(new Uint8Array(4))).toEqual({ kind: "ike", octets: new Uint8Array(0) });
  });

  it.each([
    [1, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 1)],
    [0x80000000, Uint8Array.of(0x80, 0, 0, 0)],
  ])("takes SPI %i for ESP", (_spi, octets) => {
    expect(classifyNatTraversal(octets)).toEqual({ kind: "esp" });
  });

  it("knows one octet 0xFF as a keepalive, and no other single octet", () => {
    expect(classifyNatTraversal(Uint8Array.of(0xff))).toEqual({ kind: "keepalive" });
    expect(classifyNatTraversal(Uint8Array.of(0xfe))).toEqual({ kind: "runt" });
    expect(classifyNatTraversal(Uint8Array.of(0xff, 0xff))).toEqual({ kind: "runt" });
    expect(classifyNatTraversal(new Uint8Array(0))).toEqual({ kind: "runt" });
    expect(classifyNatTraversal(new Uint8Array(3))).toEqual({ kind: "runt" });
  });

  it("puts the marker before a message and leaves the message alone", () => {
    const message = Uint8Array.of(1, 2, 3);
    expect([...withNonEspMarker(message)]).toEqual([0, 0, 0, 0, 1, 2, 3]);
    expect([...message]).toEqual([1, 2, 3]);
  });
});
