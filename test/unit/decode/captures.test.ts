import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { LadderBuilder } from "../../../src/decode/ladder/arrows.ts";
import { ladderHtml } from "../../../src/decode/ladder/html.ts";
import { textOf } from "../../../src/decode/text.ts";
import { Conversations } from "../../../src/explain/conversation.ts";
import { explain } from "../../../src/explain/explain.ts";
import { captured, udp } from "./frames.ts";
import { captureFolder, captures, opened, withKeys } from "./open-capture.ts";

/** Captures with nothing of IPsec in them that could be read: frames of no known kind. */
const empty = new Set(["tcpdump/isakmp-rfc3948-oobr.pcap"]);

describe.each(captures)("%s", (name) => {
  it("decodes, and says what is malformed", async () => {
    const { decoded, packets } = await opened(name);
    expect(packets).toBeGreaterThan(0);
    if (!empty.has(name)) expect(decoded.length).toBeGreaterThan(0);
    for (const one of decoded) {
      expect(one.summary).not.toBe("");
      expect(one.fields.length).toBeGreaterThan(0);
    }
  });
});

describe.each(withKeys)("%s with its keys", (name) => {
  it("opens to the last payload and packet", async () => {
    const { decoded } = await opened(name);
    expect(decoded.filter(({ tone }) => tone === "closed" || tone === "refused").map(({ summary }) => summary)).toEqual(
      [],
    );
    for (const one of decoded) {
      if (one.kind === "esp") expect(one.packet?.payload, one.summary).toBeDefined();
    }
  });
});

describe("what the captures were recorded for", () => {
  it("opens each of the 24 SAs of the Wireshark wiki's capture, with every ICV right", async () => {
    const { decoded } = await opened("wireshark-wiki/ipsec_esp_capture_1.pcap");
    expect(decoded).toHaveLength(240);
    expect(new Set(decoded.map(({ packet, path }) => `${packet?.spi} ${path.destination}`)).size).toBe(24);
    const unchecked = decoded.filter(({ packet }) => packet?.integrity === "unchecked");
    expect(decoded.filter(({ packet }) => packet?.integrity === "failed")).toEqual([]);
    // Eight SAs have no integrity algorithm.
    expect(unchecked).toHaveLength(80);
    expect(decoded.every(({ summary }) => /ICMP(?:v6)? echo/.test(summary))).toBe(true);
  });

  it("opens three sessions behind a NAT, IKE and ESP", async () => {
    const { decoded } = await opened("wireshark-wiki/ikev2_nat_t.pcapng");
    expect(decoded.filter(({ kind }) => kind === "ike")).toHaveLength(30);
    expect(decoded.filter(({ packet }) => packet?.integrity === "verified")).toHaveLength(24);
    expect(decoded.filter(({ summary }) => /IKE_AUTH request 1: SK\{.*CERT.*AUTH/.test(summary))).toHaveLength(3);
  });

  it("opens ESP within ESP", async () => {
    const { decoded } = await opened("tcpdump/08-sunrise-sunset-esp2.pcap");
    expect(decoded.every(({ summary }) => /ESP 12345678 .*ESP [0-9a-f]{8} #\d+: .*ICMP echo/.test(summary))).toBe(true);
  });

  it.each(withKeys.filter((name) => name.startsWith("wireshark/ikev2")))(
    "finds the AUTH that Wireshark finds in %s",
    async (name) => {
      const { decoded } = await opened(name);
      const sidecar = JSON.parse(readFileSync(`${captureFolder}${name}.keys.json`, "utf8"));
      const wanted = String(sidecar.expect["isakmp.auth.data"]).replaceAll(":", "");
      expect(JSON.stringify(decoded.map(({ fields }) => fields))).toContain(wanted);
    },
  );

  it("says which message was sent again", async () => {
    const { decoded } = await opened("libreswan/02-isakmp-vid-first.pcap");
    expect(decoded.map(({ tone }) => tone)).toEqual(["plain", "repeat"]);
  });

  it("says so of IKEv2 too, and not of another message with the same ID", () => {
    const { messages } = JSON.parse(
      readFileSync(`${captureFolder}../sources/ikev2-messages/rub-ikev2-psk.json`, "utf8"),
    ) as { messages: { hex: string }[] };
    const [request, response] = messages.map(({ hex }) => Buffer.from(hex, "hex"));
    if (request === undefined || response === undefined) throw new Error("two messages");
    const decoder = new Decoder(new KeyStore());
    const frames = [request, request, response, response, request].map((octets, index) =>
      captured(udp("192.0.2.1", "192.0.2.2", 500, octets), index + 1),
    );
    const notes = frames.flatMap((frame) => decoder.decode(frame)).map((one) => one.notes.includes("sent before"));
    expect(notes).toEqual([false, true, false, true, true]);
  });
});

describe("messages that once ended other daemons", () => {
  const hostile = ["ikev1-messages", "ikev2-messages"].flatMap((folder) => {
    const { messages } = JSON.parse(
      readFileSync(`${captureFolder}../sources/${folder}/libreswan-hostile.json`, "utf8"),
    ) as { messages: { id: string; hex: string }[] };
    return messages.map(({ id, hex }) => [id, Buffer.from(hex, "hex")] as const);
  });

  it("are all there", () => expect(hostile).toHaveLength(14));

  it.each(hostile)("%s is read, drawn and explained like any other", (_, octets) => {
    const decoder = new Decoder(new KeyStore());
    const frame = udp("192.0.2.1", "192.0.2.2", 500, octets);
    const decoded = decoder.decode(captured(frame));
    expect(decoded.map(({ kind }) => kind)).toEqual(["ike"]);
    expect(decoded.flatMap((one) => textOf(one, false)).length).toBeGreaterThan(1);
    const conversations = new Conversations();
    for (const one of decoded) conversations.add(one);
    expect(() => explain(conversations.all())).not.toThrow();
    const ladder = new LadderBuilder();
    for (const one of decoded) ladder.add(one);
    expect(ladderHtml("hostile", ladder.finish())).toContain("<svg");
  });
});
