import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EspCipher } from "../../../src/crypto/esp-cipher.ts";
import { integNamed } from "../../../src/crypto/foreign-names.ts";
import { findKeyword } from "../../../src/crypto/transforms.ts";
import type { Decoded } from "../../../src/decode/decoded.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { captured, ipv4, ipv6, udp } from "./frames.ts";
import { valuesOf } from "./open-capture.ts";

/** What stands inside ESP and AH, how their numbers go on, and whether their ICVs are right. */

const [one, two] = ["192.0.2.1", "192.0.2.2"];
const gcm = findKeyword("aes128gcm16");
if (gcm?.type !== "ENCR") throw new Error("no such row");
const keys = { encr: gcm, encrKey: Buffer.alloc(20, 3) };

/** An ESP packet from its SPI on. */
function esp(spi: number, sequence: number, nextHeader: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(spi, 0);
  header.writeUInt32BE(sequence, 4);
  const missing = (4 - ((payload.length + 2) % 4)) % 4;
  const padding = Buffer.from(Array.from({ length: missing }, (_, index) => index + 1));
  const padded = Buffer.concat([payload, padding, Buffer.from([missing, nextHeader])]);
  return new EspCipher(keys).seal(header, Buffer.alloc(8, sequence), padded);
}

function decoderWithKeys(): Decoder {
  const store = new KeyStore();
  for (const spi of [0x1000, 0x2000]) store.addEsp({ spi, ...keys });
  return new Decoder(store);
}

function read(...frames: readonly Buffer[]): Decoded[] {
  const decoder = decoderWithKeys();
  return frames.flatMap((frame, index) => decoder.decode(captured(frame, index + 1)));
}

const overIp = (packet: Buffer) => ipv4(one, two, 50, packet);

const hex = (digits: string) => Buffer.from(digits.replaceAll(" ", ""), "hex");
const echo = ipv4("10.1.0.1", "10.2.0.1", 1, hex("0800 0000 0007 0001"));
const frame = Buffer.concat([hex("020000000001 020000000002 0800"), echo]);
const ports = (destination: number, data: Buffer) => {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(49_152, 0);
  header.writeUInt16BE(destination, 2);
  header.writeUInt16BE(8 + data.length, 4);
  return Buffer.concat([header, data]);
};

describe("inside an opened packet", () => {
  it.each<[string, number, Buffer, string, Record<string, number>]>([
    ["GRE", 47, Buffer.concat([hex("0000 0800"), echo]), "GRE, 10.1.0.1 > 10.2.0.1: ICMP echo request 7/1", {}],
    [
      "GRE with a key and a sequence number",
      47,
      Buffer.concat([hex("3000 0800 0000002a 00000009"), echo]),
      "GRE key 42, 10.1.0.1 > 10.2.0.1: ICMP echo request 7/1",
      { key: 42, "sequence number": 9 },
    ],
    [
      "GRE with a bridged frame",
      47,
      Buffer.concat([hex("0000 6558"), frame]),
      "GRE, 10.1.0.1 > 10.2.0.1: ICMP echo request 7/1",
      {},
    ],
    [
      "VXLAN",
      17,
      ports(4789, Buffer.concat([hex("08000000 00006400"), frame])),
      "UDP 49152 > 4789, VXLAN 100, 10.1.0.1 > 10.2.0.1: ICMP echo request 7/1",
      { VNI: 100 },
    ],
    [
      "Geneve with an option",
      17,
      ports(6081, Buffer.concat([hex("01006558 00006500 01028001"), frame])),
      "UDP 49152 > 6081, Geneve 101, 10.1.0.1 > 10.2.0.1: ICMP echo request 7/1",
      { VNI: 101 },
    ],
    ["a tunnel", 4, echo, "10.1.0.1 > 10.2.0.1: ICMP echo request 7/1", {}],
  ])("%s, to its header's fields and what it carries", (_, protocol, payload, summary, values) => {
    const [packet] = read(overIp(esp(0x1000, 1, protocol, payload)));
    expect(packet?.summary).toBe(`ESP 00001000 #1: ${summary}`);
    expect(packet?.packet?.integrity).toBe("verified");
    for (const [name, value] of Object.entries(values)) expect(valuesOf(packet?.fields ?? [], name)).toContain(value);
    expect(valuesOf(packet?.fields ?? [], "destination")).toContain("10.2.0.1");
  });

  it.each([
    ["IPv4", 4, ipv4("10.9.0.1", "10.9.0.2", 50, esp(0x2000, 1, 4, echo))],
    ["IPv6", 41, ipv6("2001:db8::1", "2001:db8::2", 60, [hex("32 00 01 04 00000000"), esp(0x2000, 1, 4, echo)])],
  ])("ESP in a tunnel of %s, opened with the other SA's keys", (_, protocol, payload) => {
    const [packet] = read(overIp(esp(0x1000, 1, protocol, payload)));
    expect(packet?.summary).toMatch(/^ESP 00001000 #1: .*; ESP 00002000 #1: 10\.1\.0\.1 > 10\.2\.0\.1: ICMP echo/);
  });

  it("an overlay that is cut short is said to be malformed, and nothing more", () => {
    const [packet] = read(overIp(esp(0x1000, 1, 47, hex("0000"))));
    expect(packet?.summary).toBe("ESP 00001000 #1: malformed GRE");
  });
});

describe("the ICV", () => {
  it("of ESP, changed in one octet, is said to be wrong, and nothing inside is shown", () => {
    const packet = esp(0x1000, 1, 4, echo);
    packet[20] = (packet[20] ?? 0) ^ 1;
    const [found] = read(overIp(packet));
    expect(found).toMatchObject({ tone: "refused", summary: "ESP 00001000 #1: the ICV is wrong" });
    expect(found?.notes).toEqual(["the ICV is wrong"]);
    expect(found?.packet).toMatchObject({ integrity: "failed" });
    expect(found?.packet?.payload).toBeUndefined();
  });

  const { cases } = JSON.parse(
    readFileSync(new URL("../../../vectors/kat/dpdk-esp-ah-packets.json", import.meta.url), "utf8"),
  ) as { cases: { check: string; name: string; integKey: string; packet: string }[] };
  const authenticated = cases.filter(({ name }) => /pkt_ah_\w+_sha256/.test(name));

  it.each(authenticated)("of AH, $name, is right with its key and wrong with another", ({ packet, integKey }) => {
    const integ = integNamed("SHA256_HMAC")?.integ;
    const verdict = (key: Buffer) => {
      const store = new KeyStore();
      store.addEsp({ spi: 0x7b, encr: keys.encr, encrKey: keys.encrKey, integ, integKey: key });
      const [found] = new Decoder(store).decode(captured(hex(packet)));
      return [found?.packet?.integrity, found?.tone];
    };
    expect(verdict(hex(integKey))).toEqual(["verified", "plain"]);
    expect(verdict(Buffer.alloc(32))).toEqual(["failed", "refused"]);
  });
});

describe("sequence numbers and SPIs", () => {
  it("gaps, replays, late packets and rekeys are noted where they come", () => {
    const packets = [
      [0x1000, 1],
      [0x1000, 4],
      [0x1000, 4],
      [0x1000, 3],
      [0x2000, 1],
    ] as const;
    const decoded = read(...packets.map(([spi, sequence]) => overIp(esp(spi, sequence, 4, echo))));
    expect(decoded.map(({ notes }) => notes)).toEqual([
      [],
      ["2 sequence numbers missing before it"],
      ["a replay: this sequence number was there before"],
      ["late: greater sequence numbers came before it"],
      ["another SPI than the packet before it, 00001000: a rekey, or a second SA"],
    ]);
    expect(decoded.map(({ tone }) => tone)).toEqual(["plain", "plain", "repeat", "plain", "plain"]);
  });

  it("goes for ESP in UDP and over IPv6 as for ESP over IPv4", () => {
    const packet = esp(0x1000, 1, 4, echo);
    const options = hex("32 00 01 04 00000000");
    const found = read(udp(one, two, 4500, packet), ipv6("2001:db8::1", "2001:db8::2", 60, [options, packet]));
    expect(found.map(({ summary }) => summary)).toEqual(
      Array.from({ length: 2 }, () => "ESP 00001000 #1: 10.1.0.1 > 10.2.0.1: ICMP echo request 7/1"),
    );
  });
});
