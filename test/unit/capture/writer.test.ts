import { expect, it } from "vitest";
import { CaptureReader } from "../../../src/capture/reader.ts";
import { CaptureWriter, type WrittenDatagram } from "../../../src/capture/writer.ts";
import { Finder } from "../../../src/decode/datagram.ts";

/** Long enough to be a message, and odd, so that the checksum's last octet counts. */
const message = Buffer.alloc(61, 7);
message[17] = 0x20;
message.writeUInt32BE(message.length, 24);

const v4: WrittenDatagram = {
  source: { address: Uint8Array.of(192, 0, 2, 1), port: 500 },
  destination: { address: Uint8Array.of(192, 0, 2, 2), port: 501 },
  data: message,
};
const v6: WrittenDatagram = {
  source: { address: Uint8Array.from({ length: 16 }, (_, i) => i + 1), port: 500 },
  destination: { address: Uint8Array.from({ length: 16 }, (_, i) => 255 - i), port: 501 },
  data: message,
};

/** RFC 1071: with the checksum in its place the sum is all ones. */
function sumOf(octets: Buffer): number {
  let sum = 0;
  for (let at = 0; at < octets.length; at += 2) sum += ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

it.each([
  ["IPv4", v4, 20, ["192.0.2.1", "192.0.2.2"]],
  ["IPv6", v6, 40, ["102:304:506:708:90a:b0c:d0e:f10", "fffe:fdfc:fbfa:f9f8:f7f6:f5f4:f3f2:f1f0"]],
] as const)(
  "what it writes of %s is read again: time, addresses, ports, octets",
  (_, datagram, headerLength, [from, to]) => {
    const writer = new CaptureWriter();
    writer.udp(1_700_000_000_123, datagram);
    writer.udp(1_700_000_001_000, datagram);
    const reader = new CaptureReader();
    const packets = [...reader.push(writer.file()), ...reader.end()];
    expect(reader.format).toMatch(/pcap/);
    expect(packets.map(({ time }) => time)).toEqual([1_700_000_000.123, 1_700_000_001]);
    const [packet] = packets;
    if (packet === undefined) throw new Error("no packet");
    const found = new Finder().find(packet);
    expect(found).toMatchObject([
      {
        kind: "ike",
        path: { source: from, destination: to, sourcePort: 500, destinationPort: 501 },
        marker: false,
        cut: false,
      },
    ]);
    expect(found[0]?.kind === "ike" && found[0].octets.equals(message)).toBe(true);

    const header = packet.octets.subarray(0, headerLength);
    if (headerLength === 20) expect(sumOf(header)).toBe(0xffff);
    const udp = packet.octets.subarray(headerLength);
    const pseudo = Buffer.from([0, 17, udp.length >> 8, udp.length & 0xff]);
    expect(sumOf(Buffer.concat([datagram.source.address, datagram.destination.address, pseudo, udp]))).toBe(0xffff);
  },
);

it("is a capture of nothing where nothing was written", () => {
  const reader = new CaptureReader();
  expect([...reader.push(new CaptureWriter().file()), ...reader.end()]).toEqual([]);
});
