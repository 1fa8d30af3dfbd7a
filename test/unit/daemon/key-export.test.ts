import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Failure } from "../../../src/daemon/failure.ts";
import { KeyExport } from "../../../src/daemon/key-export.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";
import { addWiresharkTable } from "../../../src/decode/keys/wireshark.ts";
import { Log } from "../../../src/observe/log.ts";
import { a, connected, ends } from "../engine/pair.ts";
import type { Datagram } from "../engine/world.ts";

let folder: string;
let lines: string[];
let log: Log;

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "underlock-keys-")), "exported");
  lines = [];
  log = new Log({ format: "json", level: "debug", write: (line) => lines.push(line), now: () => 0 });
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A datagram as a capture of raw IP has it. */
function packet({ octets, path }: Datagram, number: number) {
  const { local, remote } = path;
  const header = Buffer.alloc(28);
  header[0] = 0x45;
  header.writeUInt16BE(28 + octets.length, 2);
  header[9] = 17;
  const address = (text: string) => Buffer.from(text.split(".").map(Number));
  header.set(address(local.address), 12);
  header.set(address(remote.address), 16);
  header.writeUInt16BE(500, 20);
  header.writeUInt16BE(500, 22);
  header.writeUInt16BE(8 + octets.length, 24);
  const whole = Buffer.concat([header, octets]);
  return { number, time: number, linkType: 101, octets: whole, originalLength: whole.length };
}

describe("exported keys", () => {
  it.each([
    ["AES-GCM", "aes128gcm16-prfsha256-x25519"],
    ["AES-CBC with HMAC", "aes256-sha256-x25519"],
  ])("of %s open every IKE message of the tunnel that they were exported from, rekeys too", (_, ike) => {
    const exported = KeyExport.into(folder, log);
    const pair = connected({ ike: [ike] }, { one: { keyWitness: exported.witness } });
    pair.one.handle({ kind: "rekey", peer: "peer", what: "ike" });
    pair.world.run(5000);
    const table = readFileSync(join(folder, "ikev2_decryption_table"), "utf8");
    expect(table.trim().split("\n").length).toBeGreaterThan(0);
    const store = new KeyStore();
    addWiresharkTable(table, store);
    const decoder = new Decoder(store);
    const decoded = [...pair.one.sent, ...pair.two.sent].flatMap((datagram, index) =>
      decoder.decode(packet(datagram, index + 1)),
    );
    const sealed = decoded.filter(({ summary }) => summary.includes("SK"));
    expect(sealed.length).toBeGreaterThan(1);
    expect(sealed.map(({ tone }) => tone)).not.toContain("closed");
    expect(sealed.flatMap(({ notes }) => notes).filter((note) => note.includes("integrity"))).toEqual([]);
    expect(sealed.some(({ summary }) => /IKE_AUTH request 1: SK\{IDi/.test(summary))).toBe(true);
  });

  it.each(["main", "aggressive"] as const)("open every IKEv1 message of %s mode and of what follows it", (mode) => {
    const exported = KeyExport.into(folder, log);
    const ike = { ikev1: mode, ike: ["aes256-sha256-ecp256"], esp: ["aes128-sha256"] };
    // In the order in which they were sent: each message's IV is the last block of the one before.
    const said: Datagram[] = [];
    const network = (datagram: Datagram) => {
      said.push(datagram);
      return [10];
    };
    const pair = connected(ike, { one: { keyWitness: exported.witness }, network });
    pair.one.handle({ kind: "rekey", peer: "peer", what: "children" });
    pair.world.run(5000);
    const table = readFileSync(join(folder, "ikev1_decryption_table"), "utf8");
    expect(table).toMatch(/^[0-9a-f]{16},[0-9a-f]{64}\n$/);
    expect(readFileSync(join(folder, "ikev2_decryption_table"), "utf8")).toBe("");
    const store = new KeyStore();
    addWiresharkTable(table, store);
    const decoder = new Decoder(store);
    const decoded = said.flatMap((datagram, index) => decoder.decode(packet(datagram, index + 1)));
    const sealed = decoded.filter(({ summary }) => summary.includes("encrypted"));
    expect(sealed.length).toBeGreaterThan(5);
    expect(sealed.filter(({ summary }) => !/encrypted \{(?:ID|HASH)\b/.test(summary))).toEqual([]);
    const others = new Decoder(new KeyStore());
    const closed = said.flatMap((datagram, index) => others.decode(packet(datagram, index + 1)));
    expect(closed.filter(({ summary }) => summary.includes("(no key)"))).toHaveLength(sealed.length);
  });

  it("are in files that nobody else may read, and each is loud in the log, which has none of them", () => {
    const exported = KeyExport.into(folder, log);
    const before = lines.length;
    expect(lines.join()).toContain("EVERY KEY IS WRITTEN IN CLEAR");
    connected({}, { one: { keyWitness: exported.witness } });
    expect(lines.length).toBeGreaterThan(before);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: "warn", event: "keys-exported" });
    const table = readFileSync(join(folder, "ikev2_decryption_table"), "utf8");
    for (const key of table.match(/[0-9a-f]{32,}/g) ?? []) expect(lines.join()).not.toContain(key);
    expect(statSync(join(folder, "ikev2_decryption_table")).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "esp_sa")).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("of ESP are those that the kernel gets, as a table that we read ourselves", async () => {
    const exported = KeyExport.into(folder, log);
    const pair = ends();
    const watched = exported.kernel(pair.one.kernel);
    const { findKeyword } = await import("../../../src/crypto/transforms.ts");
    const transform = findKeyword("aes128gcm16");
    if (transform?.type !== "ENCR") throw new Error("no such row");
    await watched.request({
      kind: "installSa",
      sa: {
        protocol: "esp",
        spi: 0x1234,
        source: a,
        destination: "192.0.2.2",
        direction: "out",
        mode: "transport",
        reqid: 1,
        encr: { transform, key: Buffer.alloc(20, 7) },
        esn: false,
        replayWindow: 0,
        hard: { seconds: 60 },
      },
    });
    const table = readFileSync(join(folder, "esp_sa"), "utf8");
    expect(table).toBe(
      `"IPv4","192.0.2.1","192.0.2.2","0x00001234","AES-GCM with 16 octet ICV [RFC4106]","0x${"07".repeat(20)}","NULL","","32-bit"\n`,
    );
    const store = new KeyStore();
    addWiresharkTable(table, store);
    expect(store.esp(0x1234, a, "192.0.2.2")).toHaveLength(1);
  });

  it("a folder that cannot be is said before anything runs", () => {
    expect(() => KeyExport.into("/dev/null/keys", log)).toThrow(Failure);
  });
});
