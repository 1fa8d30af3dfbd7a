import { createDecipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { WireError } from "../../../../src/wire/error.ts";
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads } from "../../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../../src/wire/ikev2/payloads/table.ts";
import { payloads as table } from "../../../../src/wire/ikev2/payloads/table.ts";
import { nameOf } from "../../../../src/wire/ikev2/registry/names.ts";
import { chain, chains, message, messages } from "./recorded.ts";

/** What must be refused, with the code and the beginning of the text. */
const refused: Readonly<Record<string, string>> = {
  "free5gc validCreateChildSAByte": "placement TSi: may not stand in clear",
  "libreswan-hostile bad-1": "trailing 200 octets left over",
  "libreswan-hostile bad-2": "trailing 156 octets left over",
  "libreswan-hostile bad-3": "trailing 20 octets left over",
  "libreswan-hostile bad-4": "trailing 156 octets left over",
  "libreswan-hostile bad-5": "trailing 20 octets left over",
  "libreswan-hostile bad-8": "truncated KE: data has 0 octets, possible are 1 to 65535",
  // Openswan padded this IKE_SA_INIT response to four octets, after the last payload: RFC 7296 has no such padding.
  "openswan-unit ow-80a9e3869c-0": "trailing 2 octets left over",
  // A transform follows, and the proposal says that it has none.
  "scapy scapy-2": "trailing SA/proposal 1: 8 octets left over",
  "tcpdump ikev2pI2-segfault.pcapng#1": "chain SA/proposal 1/transform 3: last substructure flag is 46",
  "tcpdump ikev2-id-normal.pcap#1": "placement IDi: may not stand in clear",

  "free5gc refused-onfiguration-0": "truncated CP/attribute 1: length says 1285 more octets, 0 are left",
  "free5gc refused-securityassociati-0": "chain SA/proposal 1: last substructure flag is 1",
  "free5gc refused-securityassociati-1": "chain SA/proposal 1: last substructure flag is 1",
  "free5gc refused-securityassociati-2": "chain SA/proposal 1: last substructure flag is 1",
  "free5gc refused-securityassociati-3": "truncated SA/proposal 1/transform 1: attribute value needs 5 octets, 1 left",
  "free5gc refused-trafficselectorin-0": "truncated TSi/selector 1: startPort needs 2 octets, 1 left",
  "free5gc refused-trafficselectorin-1": "truncated TSi/selector 1: length says 12 more octets, 11 are left",
  "free5gc refused-trafficselectorin-2": "truncated TSi/selector 1: length says 35 more octets, 12 are left",
  "free5gc refused-trafficselectorin-3": "truncated TSi/selector 1: length says 36 more octets, 28 are left",
  "free5gc refused-trafficselectorin-4": "truncated TSi/selector 1: length says 35 more octets, 12 are left",
  // Payloads that say nothing follows, and something does.
  "openiked-parser notify_pld": "trailing 28 octets left over",
  "openiked-parser cert_pld": "trailing 8 octets left over",
  // The EAP length is not that of the payload (RFC 7296 3.16).
  "openiked-parser eap_pld": "trailing EAP: 3 octets left over",
};

/** What stands inside SK and must be refused: Openswan's rekeyv2-inval, with a nonce of two octets. */
const refusedInside: Readonly<Record<string, string>> = {
  "openswan-unit ow-6452496dcc": "truncated Nonce: data has 2 octets, possible are 16 to 256",
};

function outcome(decode: () => unknown): string {
  try {
    decode();
    return "accepted";
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

describe("every recorded message", () => {
  test.each(messages.filter(({ id }) => refused[id] === undefined))("re-encodes $id", ({ octets }) => {
    const { header, payloads } = decodeMessage(octets);
    expect(encodeMessage(header, payloads).toString("hex")).toBe(octets.toString("hex"));
  });

  test.each(messages.filter(({ id }) => refused[id] !== undefined))("refuses $id", ({ id, octets }) => {
    const seen = outcome(() => decodeMessage(octets));
    expect(seen.slice(0, refused[id]?.length)).toBe(refused[id]);
  });
});

describe("every recorded chain", () => {
  const place = (type: number) => (type === table.SK.type || type === table.SKF.type ? "clear" : "protected");

  test.each(chains.filter(({ id }) => refused[id] === undefined))("re-encodes $id", ({ firstType, octets }) => {
    const again = encodePayloads(decodePayloads(firstType, octets, place(firstType)));
    expect(again.firstType).toBe(firstType);
    expect(again.octets.toString("hex")).toBe(octets.toString("hex"));
  });

  test.each(chains.filter(({ id }) => refused[id] !== undefined))("refuses $id", ({ id, firstType, octets }) => {
    const seen = outcome(() => decodePayloads(firstType, octets, "protected"));
    expect(seen.slice(0, refused[id]?.length)).toBe(refused[id]);
  });
});

describe("recorded messages opened with their keys", () => {
  const opened = messages.filter(({ keys }) => keys !== undefined);

  test("there are some", () => expect(opened.length).toBeGreaterThan(20));

  test.each(opened)("reads what is inside $id", ({ id, octets, keys = [], verified }) => {
    const { header, payloads } = decodeMessage(octets);
    const sk = payloads.at(-1);
    if (sk?.kind !== "SK") throw new Error("no SK payload");
    // Openswan's tests give the keys of both ends, and for some messages of two suites: those of the sender open it.
    const sender = (header.flags & 0x08) !== 0 ? "initiator" : "responder";
    const key = keys.find(({ from }) => from === sender);
    if (key === undefined) throw new Error("no key of the sender");
    const icv = keys.length > 1 && verified?.includes("sha256") ? 16 : 12;
    const plain = openCbc(Buffer.from(key.SK_e, "hex"), Buffer.from(sk.body), icv);
    if (refusedInside[id] !== undefined) {
      expect(outcome(() => decodePayloads(sk.firstInner, plain, "protected"))).toContain(refusedInside[id]);
      return;
    }
    const inner = decodePayloads(sk.firstInner, plain, "protected");
    const types = verified?.match(/types ([\d,]+)/)?.[1];
    if (types !== undefined) expect(inner.map(typeOf).join(",")).toBe(types);
    else expect(inner.map((p) => p.kind)).toEqual(["IDi", "AUTH"]);
    expect(encodePayloads(inner).octets.toString("hex")).toBe(plain.toString("hex"));
  });
});

describe("recorded facts", () => {
  test("tcpdump's print-out of ikev2four.pcap, frame 1", () => {
    const { header, payloads } = decodeMessage(message("tcpdump ikev2four.pcap#1"));
    expect(header).toMatchObject({
      initiatorSpi: 0xa88875a8198992a6n,
      responderSpi: 0n,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: 34,
      flags: 0x08,
      messageId: 0,
    });
    expect(payloads.map((p) => p.kind)).toEqual(["SA", "KE", "Nonce", "N", "N"]);
    const [sa, ke, nonce, source, destination] = payloads;
    expect(sa).toEqual({
      kind: "SA",
      proposals: [
        {
          number: 1,
          protocolId: 1,
          spi: new Uint8Array(0),
          transforms: [
            { type: 1, id: 12, keyLength: 0x80 },
            { type: 1, id: 12, keyLength: 0x100 },
            { type: 1, id: 12, keyLength: 0xc0 },
            { type: 1, id: 3 },
            { type: 2, id: 2 },
            { type: 2, id: 1 },
            { type: 2, id: 4 },
            { type: 3, id: 2 },
            { type: 3, id: 1 },
            { type: 3, id: 5 },
            { type: 4, id: 2 },
            { type: 4, id: 14 },
          ],
        },
      ],
    });
    expect(ke).toMatchObject({ kind: "KE", group: 2 });
    expect(ke?.kind === "KE" && ke.data.length).toBe(128);
    expect(nonce).toEqual({
      kind: "Nonce",
      data: octets("6128ebd023a864e94a7ffb74bf7cce2fd4367322b8b073f942282bd52ebfe3e6"),
    });
    expect(source).toMatchObject({ kind: "N", protocolId: 0, type: 16388 });
    expect(destination).toMatchObject({ data: octets("ba041b5de59955900d818ac54e18b236739d9e8b") });
  });

  test("tcpdump's print-out of the other frames", () => {
    const bodies = [2, 5, 6, 7, 8, 9].map((n) => decodeMessage(message(`tcpdump ikev2four.pcap#${n}`)));
    expect(bodies[0]?.payloads).toEqual([
      {
        kind: "N",
        protocolId: 0,
        spi: new Uint8Array(0),
        type: 16390,
        data: octets("00000001c2221e50c16e123f2b0c71aefcf0cb3b798782c6"),
      },
    ]);
    const rest = bodies
      .slice(1)
      .map(({ header, payloads: [p] }) => [
        nameOf.exchange(header.exchangeType),
        header.messageId,
        p?.kind === "SK" ? p.body.length : undefined,
      ]);
    expect(rest).toEqual([
      ["IKE_AUTH", 1, 204],
      ["IKE_AUTH", 1, 124],
      ["CREATE_CHILD_SA", 2, 220],
      ["CREATE_CHILD_SA", 3, 188],
      ["CREATE_CHILD_SA", 2, 44],
    ]);
  });

  test("tcpdump's print-out of ikev2pI2.pcap: six proposals, critical bits on SA and Nonce", () => {
    const { payloads } = decodeMessage(message("tcpdump ikev2pI2.pcap#1"));
    expect(payloads.map((p) => [p.kind, p.kind !== "unknown" && p.critical])).toEqual([
      ["SA", true],
      ["KE", undefined],
      ["Nonce", true],
      ["V", undefined],
    ]);
    const [sa] = payloads;
    const ids = sa?.kind === "SA" ? sa.proposals.map((p) => p.transforms.map((t) => t.id)) : [];
    expect(ids).toEqual([
      [12, 2, 2, 5],
      [12, 2, 1, 5],
      [3, 2, 2, 5],
      [3, 2, 1, 5],
      [3, 2, 2, 2],
      [3, 2, 1, 2],
    ]);
    expect(payloads[3]).toMatchObject({ data: new TextEncoder().encode("OErlA\\nQukSR") });
  });

  test("fragments of RFC 7383 after an INVALID_KE_PAYLOAD turn", () => {
    const turn = decodeMessage(message("zeek-plugin-ikev2 zeek-2")).payloads;
    expect(turn).toMatchObject([{ kind: "N", type: 17, data: Uint8Array.of(0, 15) }]);
    const fragments = [5, 6].map((n) => decodeMessage(message(`zeek-plugin-ikev2 zeek-${n}`)).payloads);
    expect(fragments).toMatchObject([
      [{ kind: "SKF", firstInner: 35, fragmentNumber: 1, totalFragments: 2 }],
      [{ kind: "SKF", firstInner: 0, fragmentNumber: 2, totalFragments: 2 }],
    ]);
  });

  test("hostile: next payload 2 is an unknown payload that is not critical", () => {
    const { payloads } = decodeMessage(message("libreswan-hostile bad-6"));
    expect(payloads.map((p) => p.kind)).toEqual(["SA", "KE", "unknown"]);
    expect(payloads[2]).toMatchObject({ type: 2, critical: false });
  });

  test("the plaintext of an IKE_AUTH request with a PSK", () => {
    const { firstType, octets: plain } = chain("aosp IkeSkPayloadTest.IKE_AUTH_INIT_REQUEST_DECRYPTED_BODY_HEX_STRING");
    const all = { ipProtocol: 0, startPort: 0, endPort: 65535 };
    const anyIpv4 = { ...all, tsType: 7, startAddress: octets("00000000"), endAddress: octets("ffffffff") };
    const none = new Uint8Array(0);
    expect(decodePayloads(firstType, plain, "protected")).toEqual([
      { kind: "IDi", idType: 1, data: Uint8Array.of(10, 80, 80, 13) },
      { kind: "IDr", idType: 1, data: Uint8Array.of(10, 80, 80, 80) },
      { kind: "AUTH", method: 2, data: octets("df7c038aefaaa32d3f44b228b52a332744dfb2c1") },
      {
        kind: "SA",
        proposals: [
          {
            number: 1,
            protocolId: 3,
            spi: octets("2ad4c0a2"),
            transforms: [
              { type: 1, id: 12, keyLength: 128 },
              { type: 3, id: 2 },
              { type: 5, id: 0 },
            ],
          },
        ],
      },
      { kind: "TSi", selectors: [anyIpv4] },
      { kind: "TSr", selectors: [anyIpv4] },
      { kind: "N", protocolId: 0, spi: none, type: 16384, data: none },
      { kind: "N", protocolId: 0, spi: none, type: 16385, data: Uint8Array.of(0, 0, 0, 1) },
    ]);
  });

  test("the parser test of OpenIKED: deletes and configuration attributes", () => {
    const read = (id: string) => {
      const { firstType, octets: plain } = chain(`openiked-parser ${id}`);
      return decodePayloads(firstType, plain, "protected");
    };
    expect(read("delete_pld")).toEqual([
      { kind: "D", protocolId: 1, spiSize: 8, spis: [octets("deadbeefcafeaffe")] },
      { kind: "D", protocolId: 3, spiSize: 4, spis: [octets("aabbccdd"), octets("eeff0011")] },
    ]);
    expect(read("cp_pld")[3]).toEqual({
      kind: "CP",
      cfgType: 2,
      attributes: [
        { type: 1, value: octets("aaaaaaaa") },
        { type: 2, value: octets("bbbbbbbb") },
        { type: 3, value: octets("cccccccc") },
        { type: 8, value: new Uint8Array(0) },
      ],
    });
  });
});

function octets(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}

/** The payloads inside an AES-CBC SK payload, without IV, padding, pad length and ICV. */
function openCbc(key: Buffer, body: Buffer, icv: number): Buffer {
  const decipher = createDecipheriv("aes-128-cbc", key, body.subarray(0, 16)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(body.subarray(16, body.length - icv)), decipher.final()]);
  return padded.subarray(0, padded.length - 1 - (padded.at(-1) ?? 0));
}

function typeOf(payload: Payload): number {
  return payload.kind === "unknown" ? payload.type : table[payload.kind].type;
}
