import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { CaptureReader } from "../../../src/capture/reader.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { captured, ipv4, udp } from "./frames.ts";
import { captureFolder } from "./open-capture.ts";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Octets in use after a collection. */
function inUse(): number {
  collect();
  return process.memoryUsage().heapUsed + process.memoryUsage().external;
}

describe("what a capture can make us keep is bounded", () => {
  it("30 MB of recorded traffic, read in chunks", () => {
    const recorded = readFileSync(`${captureFolder}ndpi/ipsec_isakmp_esp.pcap`);
    const records = recorded.subarray(24);
    const [reader, decoder] = [new CaptureReader(), new Decoder(new KeyStore())];
    let packets = 0;
    const push = (chunk: Uint8Array) => {
      for (const packet of reader.push(chunk)) packets += decoder.decode(packet).length > 0 ? 1 : 0;
    };
    push(recorded.subarray(0, 24));
    for (let megabytes = 0; megabytes < 3; megabytes += records.length / 1e6) push(records);
    const before = inUse();
    for (let megabytes = 0; megabytes < 27; megabytes += records.length / 1e6) push(records);
    expect(packets).toBeGreaterThan(40_000);
    expect(inUse() - before).toBeLessThan(10e6);
  });

  it("fragments that never become whole, SAs that are never seen again, streams that never end", () => {
    const decoder = new Decoder(new KeyStore());
    const [one, two] = ["192.0.2.1", "192.0.2.2"];
    const spis = Buffer.alloc(28 + 4);
    spis[17] = 0x20;
    spis[18] = 34;
    spis[19] = 0x08;
    const before = inUse();
    for (let n = 1; n <= 60_000; n += 1) {
      spis.writeUInt32BE(n, 4);
      spis.writeUInt32BE(28, 24);
      decoder.decode(captured(udp(one, two, 500, spis.subarray(0, 28)), n));
      decoder.decode(captured(ipv4(one, two, 17, Buffer.alloc(64), 0x2000, n & 0xffff), n));
      const esp = Buffer.alloc(32);
      esp.writeUInt32BE(n, 0);
      decoder.decode(captured(ipv4(one, two, 50, esp), n));
    }
    expect(inUse() - before).toBeLessThan(30e6);
  });
});
