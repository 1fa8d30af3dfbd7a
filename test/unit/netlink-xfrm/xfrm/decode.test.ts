import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { readAcknowledgement } from "../../../../src/netlink-xfrm/codec/acknowledgement.ts";
import { encodeRequest } from "../../../../src/netlink-xfrm/codec/request.ts";
import {
  allocSpi,
  dumpPolicies,
  dumpSas,
  getDefaultPolicy,
  getSadInfo,
  getSpdInfo,
  type Migration,
  migrate,
  newSa,
  type Policy,
  type Request,
  SA_EXTRA_FLAG,
  SA_FLAG,
  type Sa,
} from "../../../../src/netlink-xfrm/index.ts";
import { readXfrmEvent } from "../../../../src/netlink-xfrm/xfrm/events.ts";
import { items, messagesIn, recording } from "../fixtures.ts";

const sas = items(dumpSas(), "sa dump all");
const sa = (spi: number): Sa => {
  const found = sas.find((one) => one.spi === spi);
  if (found === undefined) throw new Error(`no SA ${spi.toString(16)} in the recording`);
  return found;
};

describe("SAs as the kernel lists them", () => {
  it("reads all that were installed, two larval ones, and the IP-in-IP one that an IPComp tunnel brings with it", () => {
    expect(sas.length).toBe(22 + 1 + 2 + 1);
    expect(sas.filter((one) => one.protocol === 4)).toHaveLength(1);
  });

  it("reads AES-GCM in transport mode", () => {
    const { usage, ...rest } = sa(0xc0000001);
    expect(rest).toMatchObject({
      source: "192.0.2.1",
      destination: "192.0.2.2",
      protocol: "esp",
      reqid: 1,
      mode: "transport",
      family: 2,
      lifetime: {},
      stats: { replayWindow: 0, replay: 0, integrityFailed: 0 },
      aead: { name: "rfc4106(gcm(aes))", keyBits: 160, icvBits: 128 },
    });
    expect(usage.bytes).toBe(0n);
    expect(usage.addTime).toBeGreaterThan(1_600_000_000);
    expect(usage.useTime).toBeUndefined();
  });

  it("reads an IPv6 tunnel", () => {
    expect(sa(0xc0000002)).toMatchObject({ source: "2001:db8::1", destination: "2001:db8::2", mode: "tunnel" });
  });

  it("reads cipher and integrity, the old form beside the new", () => {
    expect(sa(0xc0000003)).toMatchObject({
      crypt: { name: "cbc(aes)", keyBits: 128 },
      authTrunc: { name: "hmac(sha256)", keyBits: 256, truncationBits: 128 },
      auth: { name: "hmac(sha256)", keyBits: 256 },
    });
    expect(sa(0xc0000004)).toMatchObject({ authTrunc: { name: "hmac(sha1)", keyBits: 160, truncationBits: 96 } });
    expect(sa(0x1001)).toMatchObject({ protocol: "comp", compression: { name: "deflate", keyBits: 0 } });
  });

  it("reads what else an SA can have", () => {
    expect(sa(0xc0000009).encapsulation).toEqual({
      type: "espInUdp",
      sourcePort: 4500,
      destinationPort: 40000,
      originalAddress: "198.51.100.7",
    });
    expect(sa(0xc000000b).replayEsn).toEqual({
      window: 64,
      inbound: 0x10,
      outbound: 0x20,
      inboundHigh: 1,
      outboundHigh: 2,
      bitmap: [0, 0],
    });
    expect(sa(0xc000000a).flags).toBe(SA_FLAG.esn);
    expect(sa(0xc000000c).replay).toEqual({ inbound: 0x10, outbound: 0x20, bitmap: 0 });
    expect(sa(0xc000000d).mark).toEqual({ value: 0x2a, mask: 0xff });
    expect(sa(0xc000000e).ifId).toBe(0x17);
    expect(sa(0xc000000f)).toMatchObject({ outputMark: 5, outputMarkMask: 0xf });
    expect(sa(0xc0000010).lifetime).toEqual({
      softBytes: 1_000_000n,
      hardBytes: 2_000_000n,
      softPackets: 3000n,
      hardPackets: 4000n,
      softAddSeconds: 60,
      hardAddSeconds: 120,
      softUseSeconds: 30,
      hardUseSeconds: 90,
    });
    expect(sa(0xc0000012).extraFlags).toBe(SA_EXTRA_FLAG.dontEncapDscp | SA_EXTRA_FLAG.outboundSequenceMayWrap);
    expect(sa(0xc0000013).selector).toMatchObject({
      source: "192.0.2.1",
      sourcePrefix: 32,
      protocol: 17,
      destinationPort: 4789,
      destinationPortMask: 0xffff,
      sourcePortMask: 0,
    });
    expect(sas.find((one) => one.protocol === "hao")).toMatchObject({ coAddress: "2001:db8::99" });
  });

  it("leaves no attribute of 6.1 or 6.18 unread", () => {
    const known = [...sas, ...items(dumpSas(), "sa dump all", "6.18")];
    expect(known.filter((one) => one.unknown !== undefined)).toEqual([]);
  });

  it("gives keys only when asked, and they do not print", () => {
    expect(sa(0xc0000001).aead).not.toHaveProperty("key");
    const withKeys = items(dumpSas({}, { keys: true }), "sa dump all").find((one) => one.spi === 0xc0000001);
    expect(Array.from(withKeys?.aead?.key ?? [])).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    const printed = [inspect(withKeys, { depth: 9 }), JSON.stringify(withKeys?.aead), `${withKeys?.aead?.key}`];
    for (const text of printed) {
      expect(text).toContain("[secret]");
      expect(text).not.toMatch(/1, ?2, ?3/);
    }
  });

  it("reads a larval SA as the answer to ALLOCSPI", () => {
    const request = allocSpi({ min: 0x100, max: 0x200 });
    const reply = answer(request, "allocspi ah ipv6");
    expect(reply).toMatchObject({ source: "2001:db8::1", destination: "2001:db8::2", protocol: "ah" });
    expect(reply.spi).toBeGreaterThanOrEqual(0x1000);
    expect(reply.spi).toBeLessThanOrEqual(0x1fff);
    expect(answer(request, "allocspi esp", "6.18")).toMatchObject({ protocol: "esp", reqid: 4, mode: "tunnel" });
  });
});

function answer<Reply>(request: Request<Reply>, name: string, kernel: "6.1" | "6.18" = "6.1"): Reply {
  const [message] = messagesIn(recording(name, kernel).received);
  if (message === undefined || request.reply === undefined) throw new Error("no answer");
  expect(message.type).toBe(request.reply.type);
  return request.reply.read(message);
}

describe("policies as the kernel lists them", () => {
  const policies = items(dumpPolicies(), "policy dump");
  const byPriority = (priority: number): Policy | undefined => policies.find((one) => one.priority === priority);

  it("reads one that was updated in place", () => {
    expect(byPriority(100000)).toBeDefined();
    const gre = policies.find((one) => one.selector.protocol === 47);
    expect(gre).toMatchObject({
      selector: { source: "192.0.2.1", sourcePrefix: 32, destination: "192.0.2.2", destinationPrefix: 32 },
      direction: "out",
      action: "allow",
      templates: [{ protocol: "esp", mode: "transport", reqid: 1, optional: false, authAlgorithms: 0xffffffff }],
      type: "main",
    });
  });

  it("reads templates, marks, interfaces, flags, limits and indexes", () => {
    expect(byPriority(200000)).toMatchObject({ direction: "fwd" });
    expect(byPriority(5)?.templates?.[0]).toMatchObject({ source: "192.0.2.1", destination: "192.0.2.2", family: 2 });
    expect(byPriority(5)?.selector.source).toBe("2001:db8:1::");
    expect(byPriority(6)?.templates?.map(({ protocol, optional }) => [protocol, optional])).toEqual([
      ["comp", true],
      ["esp", false],
    ]);
    expect(byPriority(8)).toMatchObject({ mark: { value: 1, mask: 3 }, ifId: 0x17 });
    expect(byPriority(9)?.flags).toBe(3);
    expect(byPriority(10)?.lifetime).toEqual({ hardAddSeconds: 3600, hardBytes: 1000n });
    expect(byPriority(11)?.index).toBe(1017);
    expect(byPriority(12)?.selector.ifindex).toBe(1);
    expect(policies.filter((one) => one.unknown !== undefined)).toEqual([]);
  });

  it("reads the databases' figures and the default policy", () => {
    expect(answer(getSpdInfo(), "policy count")).toMatchObject({
      counts: { fwd: 1 },
      hash: { maximum: 0x100000 },
      ipv4Threshold: { localBits: 32, remoteBits: 32 },
      ipv6Threshold: { localBits: 128, remoteBits: 128 },
    });
    expect(answer(getSadInfo(), "sa count").count).toBeGreaterThan(20);
    expect(answer(getDefaultPolicy(), "policy default")).toEqual({ in: "accept", fwd: "accept", out: "accept" });
    expect(answer(getDefaultPolicy(), "policy default apart", "6.18")).toMatchObject({ in: "block", fwd: "accept" });
  });
});

describe("events", () => {
  const events = messagesIn(recording("xfrm events").received).map(readXfrmEvent);

  it("reads every kind that was recorded, in order where time does not decide", () => {
    const steady = events.map((event) => event.kind).filter((kind) => !kind.endsWith("expire"));
    expect(steady).toEqual([
      "sa-added",
      "sa-added",
      "sa-updated",
      "policy-added",
      "policy-updated",
      "acquire",
      "sa-added",
      "sa-deleted",
      "policy-added",
      "policy-deleted",
      "sas-flushed",
      ...(events.some((event) => event.kind === "policies-flushed") ? ["policies-flushed"] : []),
    ]);
  });

  it("reads an ACQUIRE with the packet, the policy and its template", () => {
    expect(events.find((event) => event.kind === "acquire")).toMatchObject({
      acquire: {
        source: "192.0.2.1",
        destination: "203.0.113.1",
        protocol: "esp",
        selector: { source: "198.51.100.1", destination: "203.0.113.9", protocol: 1, sourcePort: 8 },
        policy: { direction: "out", priority: 4 },
        templates: [{ reqid: 31, mode: "tunnel" }],
        policyType: "main",
      },
    });
  });

  it("tells soft from hard expiry", () => {
    const expiries = events.filter((event) => event.kind === "expire");
    const real = expiries.filter(({ sa: { spi } }) => spi === 0xc2000001);
    expect(real.map(({ hard }) => hard)).toEqual([false, true]);
    expect(expiries.find(({ sa: { spi } }) => spi === 0)).toMatchObject({ hard: true, sa: { reqid: 31 } });
  });

  it("reads what was deleted", () => {
    expect(events.find((event) => event.kind === "sa-deleted")).toMatchObject({
      id: { destination: "192.0.2.2", spi: 0xc2000002, protocol: "esp" },
      sa: { source: "192.0.2.1", reqid: 30, aead: { name: "rfc4106(gcm(aes))" } },
    });
    expect(events.find((event) => event.kind === "policy-deleted")).toMatchObject({
      policy: { selector: { source: "10.99.0.0", sourcePrefix: 16 }, direction: "in", priority: 3 },
    });
    expect(events.find((event) => event.kind === "policy-expire")).toMatchObject({ hard: true });
  });

  it("reads a MAPPING", () => {
    const [mapping] = messagesIn(recording("xfrm mapping").received).map(readXfrmEvent);
    expect(mapping).toEqual({
      kind: "mapping",
      mapping: {
        destination: "10.77.0.1",
        spi: 0xabc,
        family: 2,
        protocol: "esp",
        reqid: 9,
        oldSource: "10.77.0.2",
        newSource: "10.77.0.2",
        oldSourcePort: 4500,
        newSourcePort: 40000,
      },
    });
  });

  // No recording could be made; the octets follow struct xfrm_user_report of include/uapi/linux/xfrm.h.
  it("reads a REPORT laid out by hand", () => {
    const selector = `${"20010db8".padEnd(31, "0")}1${"20010db8".padEnd(31, "0")}2${"00".repeat(8)}0a008080${"00".repeat(12)}`;
    expect(event(0x20, `3c000000${selector}`)).toMatchObject({
      kind: "report",
      protocol: 60,
      selector: { source: "2001:db8::2", destination: "2001:db8::1", family: 10 },
    });
  });

  it("keeps a message of an unknown type", () => {
    expect(event(0x7f, "0102")).toEqual({ kind: "unknown", type: 0x7f, octets: Uint8Array.of(1, 2) });
  });

  it("reads its own MIGRATE, with old and new addresses of different families", () => {
    const migration: Partial<Migration> = {
      selector: { source: "10.0.0.0", sourcePrefix: 8 },
      direction: "out",
      keyManagerAddress: { local: "192.0.2.1", remote: "192.0.2.2" },
      steps: [
        {
          oldSource: "192.0.2.1",
          oldDestination: "192.0.2.2",
          newSource: "2001:db8::1",
          newDestination: "2001:db8::2",
          protocol: "esp",
          mode: "tunnel",
          reqid: 9,
        },
      ],
    };
    const octets = Buffer.from(encodeRequest(migrate(migration)));
    // struct xfrm_user_migrate: 76 octets, the families at 72 and 74.
    const step = octets.subarray(octets.length - 76);
    expect([step.readUInt16LE(72), step.readUInt16LE(74)]).toEqual([2, 10]);
    const [message] = messagesIn([octets.toString("hex")]);
    expect(message && readXfrmEvent(message)).toMatchObject({ kind: "migrate", migration });
  });
});

function event(type: number, payload: string) {
  const octets = Buffer.alloc(16 + payload.length / 2);
  octets.writeUInt32LE(octets.length, 0);
  octets.writeUInt16LE(type, 4);
  octets.write(payload, 16, "hex");
  const [message] = messagesIn([octets.toString("hex")]);
  if (message === undefined) throw new Error("no message");
  return readXfrmEvent(message);
}

describe("refusals", () => {
  it.each([
    ["sa refused unknown cipher", "6.1", 38, "Requested CRYPT algorithm not found"],
    ["sa aes-gcm transport", "6.18", 38, "Requested AEAD algorithm not found"],
    ["sa aes-cbc sha256", "6.18", 93, "Requested type not found"],
    ["policy existing", "6.1", 17, undefined],
  ] as const)("%s on %s", (name, kernel, errno, sentence) => {
    const [message] = messagesIn(recording(name, kernel).received);
    if (message === undefined) throw new Error("no answer");
    const refusal = readAcknowledgement(message);
    expect(refusal.errno).toBe(errno);
    expect(refusal.ack.sentence).toBe(sentence);
  });

  it("is said before sending where a value has no place", () => {
    const refused = (sa: Parameters<typeof newSa>[0]) => () => encodeRequest(newSa(sa));
    expect(refused({ source: "192.0.2.1", destination: "2001:db8::1" })).toThrow(/destination|source/);
    expect(refused({ source: "192.0.2.256" })).toThrow('source: "192.0.2.256" is not possible here');
    expect(refused({ spi: -1 })).toThrow("spi: -1 is not possible here; possible: whole numbers from 0 to 4294967295");
    expect(refused({ protocol: "espx" as "esp" })).toThrow("possible: esp, ah, comp, route2, hao");
    expect(refused({ lifetime: { hardBytes: -1n } })).toThrow("hardBytes: -1");
    expect(refused({ aead: { name: "x".repeat(64), key: new Uint8Array(1), icvBits: 1 } })).toThrow("aead name");
    expect(refused({ aead: { name: "x", key: new Uint8Array(600), icvBits: 1 } })).toThrow("aead key length: 600");
  });
});
