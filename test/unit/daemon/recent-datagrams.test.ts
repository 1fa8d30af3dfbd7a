import { describe, expect, it } from "vitest";
import { ControlError } from "../../../src/daemon/control-protocol.ts";
import { RecentDatagrams } from "../../../src/daemon/recent-datagrams.ts";
import { recentExchanges } from "../../../src/daemon/recent-exchanges.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { Conversations } from "../../../src/explain/conversation.ts";
import { explain } from "../../../src/explain/explain.ts";
import { a, b, connected } from "../engine/pair.ts";

function path(remote: string) {
  return { local: { address: a, port: 500 }, remote: { address: remote, port: 500 } };
}

/** A first message of IKEv2, or with an ID that only follows one. */
function message(id = 0): Uint8Array {
  const octets = new Uint8Array(28);
  octets[17] = 0x20;
  octets[23] = id;
  return octets;
}

describe("the latest messages of each peer", () => {
  it("explain what two engines said to each other, live, as far as it is in clear", () => {
    const pair = connected();
    let now = 0;
    const recent = new RecentDatagrams(() => now);
    const all = [
      ...pair.one.sent.map((datagram) => ({ ...datagram, sent: true })),
      ...pair.two.sent.map(({ octets, path: { local, remote } }) => ({
        octets,
        path: { local: remote, remote: local },
        sent: false,
      })),
    ].sort(
      (one, two) => (one.octets[23] ?? 0) - (two.octets[23] ?? 0) || (one.octets[19] ?? 0) - (two.octets[19] ?? 0),
    );
    for (const { octets, path: on, sent } of all) {
      now += 1;
      recent.remember(sent, octets, on);
    }
    const host = { recent, peers: () => [{ name: "peer", remote: [b] }] };
    const reports = recentExchanges(host, { peer: "peer" });
    expect(reports.length).toBeGreaterThanOrEqual(4);
    const [decoder, conversations] = [new Decoder(new KeyStore()), new Conversations()];
    for (const [index, report] of reports.entries()) {
      for (const one of decoder.decodeMessage(index, report.at, report, Buffer.from(report.octets, "hex")))
        conversations.add(one);
    }
    const sentences = explain(conversations.all()).flatMap((one) => one.sentences);
    expect(sentences.join("\n")).toMatch(/192\.0\.2\.1 offered .*192\.0\.2\.2 chose /);
    expect(sentences.join("\n")).toContain("IKE_AUTH 1: answered; encrypted");
  });

  it("are bounded, and first messages from everywhere push out nobody who was met", () => {
    const recent = new RecentDatagrams(() => 0);
    recent.remember(true, message(1), path(b));
    for (let n = 0; n < 10_000; n += 1) recent.remember(false, message(), path(`198.51.${n >> 8}.${n & 255}`));
    for (let n = 0; n < 100; n += 1) recent.remember(false, message(n), path(b));
    expect(recent.addresses.length).toBe(33);
    expect(recent.of([b])).toHaveLength(32);
    recent.remember(false, new Uint8Array(60_000), path(b));
    expect(recent.of([b]).every(({ octets }) => octets.length === 28)).toBe(true);
  });

  it("are refused for a peer that nobody knows", () => {
    const host = { recent: new RecentDatagrams(() => 0), peers: () => [] };
    expect(() => recentExchanges(host, { peer: "nobody" })).toThrow(ControlError);
  });
});
