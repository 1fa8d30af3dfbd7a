import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { CapturedPacket } from "../../../src/capture/packet.ts";
import { CaptureReader } from "../../../src/capture/reader.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { udp } from "../decode/frames.ts";

const { messages } = JSON.parse(
  readFileSync(new URL("../../../vectors/sources/ikev2-messages/rub-ikev2-psk.json", import.meta.url), "utf8"),
) as { messages: { hex: string }[] };
const [message = Buffer.alloc(0), answer = Buffer.alloc(0)] = messages.map(({ hex }) => Buffer.from(hex, "hex"));
const ethernet = Buffer.concat([
  Buffer.from("0200000000010200000000020800", "hex"),
  udp("192.0.2.1", "192.0.2.2", 500, message),
]);

const two = (octet: number) => octet.toString(16).padStart(2, "0");
const text = (octets: readonly number[]) =>
  octets.map((o) => (o > 31 && o < 127 ? String.fromCharCode(o) : ".")).join("");

/** Rows of sixteen octets, each as `row` writes it. */
function dumped(octets: Buffer, row: (at: number, octets: readonly number[]) => string): string {
  const rows: string[] = [];
  for (let at = 0; at < octets.length; at += 16) rows.push(row(at, [...octets.subarray(at, at + 16)]));
  return `${rows.join("\n")}\n`;
}

const offset = (at: number, digits: number) => at.toString(16).padStart(digits, "0");

/** The same, and the offset behind the last octet at the end. */
function closed(octets: Buffer, digits: number, row: (at: number, octets: readonly number[]) => string): string {
  return `${dumped(octets, row)}${offset(octets.length, digits)}\n`;
}

const pairs = (octets: readonly number[]) =>
  octets
    .map(two)
    .join("")
    .replace(/(....)(?=.)/g, "$1 ");

/** As each program prints it. */
const layouts: Readonly<Record<string, (octets: Buffer) => string>> = {
  "plain digits": (octets) => octets.toString("hex"),
  "digits with colons": (octets) => [...octets].map(two).join(":"),
  "a list of a program": (octets) => [...octets].map((o) => `0x${two(o)}`).join(", "),
  xxd: (octets) =>
    dumped(octets, (at, row) => `${at.toString(16).padStart(8, "0")}: ${pairs(row).padEnd(39)}  ${text(row)}`),
  "xxd -p": (octets) => octets.toString("hex").replace(/(.{60})(?=.)/g, "$1\n"),
  "hexdump -C": (octets) =>
    closed(octets, 8, (at, row) => {
      const halves = [row.slice(0, 8), row.slice(8)].map((half) => half.map(two).join(" "));
      return `${offset(at, 8)}  ${halves.join("  ").padEnd(48)}  |${text(row)}|`;
    }),
  "od -Ax -tx1": (octets) => closed(octets, 6, (at, row) => `${offset(at, 6)} ${row.map(two).join(" ")}`),
  "tcpdump -X": (octets) =>
    `12:26:40.000005 IP 192.0.2.1.500 > 192.0.2.2.500: isakmp\n${dumped(octets, (at, row) => `\t0x${at.toString(16).padStart(4, "0")}:  ${pairs(row).padEnd(39)}  ${text(row)}`)}`,
  Wireshark: (octets) =>
    dumped(
      octets,
      (at, row) => `${at.toString(16).padStart(4, "0")}   ${row.map(two).join(" ").padEnd(47)}   ${text(row)}`,
    ),
};

function read(dump: string, step = dump.length): CapturedPacket[] {
  const reader = new CaptureReader();
  const packets: CapturedPacket[] = [];
  for (let at = 0; at < dump.length; at += step) packets.push(...reader.push(Buffer.from(dump.slice(at, at + step))));
  return [...packets, ...reader.end()];
}

const summaries = (packets: readonly CapturedPacket[]) => {
  const decoder = new Decoder(new KeyStore());
  return packets.flatMap((packet) => decoder.decode(packet)).map(({ summary }) => summary);
};

describe.each(Object.entries(layouts))("a hex dump as %s", (_, layout) => {
  it.each([
    ["a message", message],
    ["an Ethernet frame", ethernet],
    ["an IP packet", ethernet.subarray(14)],
  ])("holds %s to its last octet", (_name, octets) => {
    const packets = read(layout(octets));
    expect(packets.map((packet) => packet.octets.toString("hex"))).toEqual([octets.toString("hex")]);
    expect(summaries(packets)).toEqual(["IKE_SA_INIT request 0: SA, KE, Nonce"]);
  });

  it("and several, one after the other, in whatever pieces it arrives", () => {
    const dump = `${layout(message)}\n\n${layout(answer)}`;
    for (const step of [dump.length, 7, 1])
      expect(read(dump, step).map(({ octets }) => octets.toString("hex"))).toEqual([
        message.toString("hex"),
        answer.toString("hex"),
      ]);
  });
});

it("text that is no dump is refused", () => {
  expect(() => read("hello, this is no capture\n")).toThrow("neither pcap, pcapng, snoop nor a hex dump");
  expect(() => read("")).toThrow("not a capture");
});
