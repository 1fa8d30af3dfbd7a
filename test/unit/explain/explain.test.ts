import { describe, expect, it } from "vitest";
import { keysFor, packetsOf } from "../../../src/cli/decode/input.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { Conversations } from "../../../src/explain/conversation.ts";
import { explain } from "../../../src/explain/explain.ts";
import { encodeMessage } from "../../../src/wire/ikev1/message.ts";
import type { Proposal } from "../../../src/wire/ikev1/payloads/sa.ts";
import { captureFolder } from "../decode/open-capture.ts";

async function explained(name: string): Promise<string[]> {
  const path = `${captureFolder}${name}`;
  const decoder = new Decoder(keysFor(path, {}));
  const conversations = new Conversations();
  for await (const packet of packetsOf(path, () => undefined)) {
    for (const decoded of decoder.decode(packet)) conversations.add(decoded);
  }
  return explain(conversations.all()).flatMap(({ sentences }) => sentences);
}

describe("a negotiation in sentences", () => {
  it("what was offered, chosen, proved and protected", async () => {
    expect(await explained("wireshark/ikev2-decrypt-aes256gcm16.pcap")).toEqual([
      "IKE: 192.168.1.2 offered aes256gcm16-prfsha256-ecp256; 192.168.1.14 chose aes256gcm16-prfsha256-ecp256.",
      "192.168.1.2 says that it is 192.168.1.2, proved with SHARED_KEY_MESSAGE_INTEGRITY_CODE.",
      "192.168.1.14 says that it is 192.168.1.14, proved with SHARED_KEY_MESSAGE_INTEGRITY_CODE.",
      "ESP: 192.168.1.2 offered aes256-sha256; 192.168.1.14 chose aes256-sha256.",
      "The Child SA carries 192.168.1.2/32 <-> 192.168.1.14/32, in tunnel mode.",
      "192.168.1.14 deletes IKE; 192.168.1.2 agreed.",
    ]);
  });

  it("a refusal, and what each end would have to change", async () => {
    const sentences = await explained("scapy/ikev2_notify_redirect.pcap");
    expect(sentences).toContain("IKE_SA_INIT 0: 10.5.2.53 refused with NO_PROPOSAL_CHOSEN.");
    expect(sentences).toContain("10.5.2.60 offered aes256gcm16-prfsha256-ecp256bp.");
    expect(sentences.some((sentence) => sentence.startsWith("Either 10.5.2.60 adds"))).toBe(true);
    expect(sentences[0]).toContain("to another gateway (REDIRECT");
  });

  it("a key exchange guessed wrong is no failure, and fragments are one message", async () => {
    const sentences = await explained("zeek-plugin-ikev2/ikev2.pcap");
    expect(sentences[0]).toBe(
      "IKE_SA_INIT 0: 172.16.158.1 sent a key for ECP_256, 172.16.158.142 wants MODP_3072: one more round trip, no failure.",
    );
    expect(sentences.filter((sentence) => sentence.startsWith("IKE_AUTH"))).toEqual([
      "IKE_AUTH 1: answered; encrypted, and no key for it (--keys).",
    ]);
  });

  it("IKEv1, with keys to the last exchange", async () => {
    const sentences = await explained("wireshark/ikev1-certs.pcap");
    expect(sentences[1]).toContain("chose SECONDS 28800 3DES_CBC MD5 RSA_SIGNATURES MODP_1024");
    expect(sentences.at(-1)).toContain("chose ESP_3DES MODP_1024 TUNNEL");
  });

  it("proposals of one number as one that has several protocols, those of different numbers as alternatives", () => {
    const proposal = (number: number, protocolId: number, id: number): Proposal => ({
      number,
      protocolId,
      spi: new Uint8Array(4).fill(0xaa),
      transforms: [{ number: 1, id, attributes: [{ type: 4, value: 1 }] }],
    });
    const proposals = [proposal(1, 2, 3), proposal(1, 3, 12), proposal(2, 3, 12)];
    const header = { initiatorCookie: 1n, responderCookie: 2n, exchangeType: 32, flags: 0, messageId: 7 };
    const octets = overUdp(encodeMessage(header, [{ isakmp: "SA", proposals }]));
    const conversations = new Conversations();
    const rawIp = 101;
    const packet = { number: 1, time: 0, linkType: rawIp, octets, originalLength: octets.length };
    for (const decoded of new Decoder(new KeyStore()).decode(packet)) conversations.add(decoded);
    expect(explain(conversations.all()).flatMap(({ sentences }) => sentences)[0]).toBe(
      "QUICK_MODE: 192.0.2.1 offered AH_SHA TUNNEL + ESP_AES_CBC TUNNEL; or ESP_AES_CBC TUNNEL.",
    );
  });
});

/** From 192.0.2.1 to 192.0.2.2, port 500 at both ends; nobody looks at the checksums. */
function overUdp(payload: Buffer): Buffer {
  const head = Buffer.alloc(28);
  head.writeUInt8(0x45);
  head.writeUInt16BE(28 + payload.length, 2);
  head.writeUInt8(64, 8);
  head.writeUInt8(17, 9);
  head.set([192, 0, 2, 1, 192, 0, 2, 2], 12);
  head.writeUInt16BE(500, 20);
  head.writeUInt16BE(500, 22);
  head.writeUInt16BE(8 + payload.length, 24);
  return Buffer.concat([head, payload]);
}
