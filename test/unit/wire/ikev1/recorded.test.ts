import { describe, expect, test } from "vitest";
import { WireError } from "../../../../src/wire/error.ts";
import {
  decodeMessage,
  decodeProtected,
  encodeEncrypted,
  encodeMessage,
  encodePayloads,
} from "../../../../src/wire/ikev1/message.ts";
import { attributeNumber } from "../../../../src/wire/ikev1/payloads/attribute.ts";
import type { Payload } from "../../../../src/wire/ikev1/payloads/table.ts";
import { nameOf } from "../../../../src/wire/ikev1/registry/names.ts";
import { chains, messages } from "./recorded.ts";

/** What must be refused, with the code and the beginning of the text. */
const refused: Readonly<Record<string, string>> = {
  // ike-scan was told to send RESERVED octets that are not zero.
  "ike-scan pkt-custom-proposal.dat": "value SA: RESERVED is 255",
  "ike-scan pkt-malformed.dat": "major-version major version is 3",
  "libreswan-hostile cve-2009-0790-0": "major-version major version is 0",
  "libreswan-hostile cve-2022-23094-0": "chain SA/proposal 1/transform 2: last substructure flag is 49",
  "tcpdump ikev1_id_ipv6_addr_subnet-oobr.pcap#1": "value flags are 16",
  "tcpdump isakmp-delete-segfault.pcap#1": "major-version major version is 11",
  "tcpdump isakmp-ikev1_n_print-oobr.pcap#1": "major-version major version is 2",
  "tcpdump isakmp-ikev1_n_print-oobr.pcap#3": "major-version major version is 2",
  "tcpdump isakmp-pointer-loop.pcap#1": "length header length is 0",
  "zeek-spicy-ipsec ipsec-ikev1-payload-bad-length.pcap#1": "length VID: payload length is 3",
  "zeek-spicy-ipsec ipsec-ikev1-zero-length.pcap#1": "length header length is 0",
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

function clear(id: string): readonly Payload[] {
  const found = messages.find((m) => m.id === id);
  const message = decodeMessage(found?.octets ?? new Uint8Array(0));
  if (!("payloads" in message)) throw new Error("encrypted");
  return message.payloads;
}

test("there are messages of ten files", () => {
  expect(new Set(messages.map(({ id }) => id.split(" ")[0])).size).toBe(10);
  expect(messages.length).toBe(116);
});

describe("every recorded message", () => {
  test.each(messages.filter(({ id }) => refused[id] === undefined))("re-encodes $id", ({ octets }) => {
    const message = decodeMessage(octets);
    const again =
      "payloads" in message
        ? encodeMessage(message.header, message.payloads, message.padding)
        : encodeEncrypted(message.header, message.header.nextPayload, message.ciphertext);
    expect(again.toString("hex")).toBe(octets.toString("hex"));
  });

  test.each(messages.filter(({ id }) => refused[id] !== undefined))("refuses $id", ({ id, octets }) => {
    expect(outcome(() => decodeMessage(octets)).slice(0, refused[id]?.length)).toBe(refused[id]);
  });

  test.each(chains)("re-encodes the chain $id", ({ firstType, octets }) => {
    const { payloads, padding } = decodeProtected(firstType, octets);
    const again = encodePayloads(payloads);
    expect(Buffer.concat([again.octets, padding]).toString("hex")).toBe(octets.toString("hex"));
  });
});

describe("recorded facts", () => {
  test("ike-scan's default proposal: eight transforms", () => {
    const [sa] = clear("ike-scan pkt-default-proposal.dat");
    if (sa?.isakmp !== "SA") throw new Error("no SA");
    const transforms = sa.proposals[0]?.transforms ?? [];
    const said = transforms.map(({ attributes }) =>
      attributes.slice(0, 4).map((a) => {
        const value = attributeNumber(a) ?? 0;
        const printed = { 1: nameOf.encryption(value), 2: nameOf.hash(value), 3: nameOf.authenticationMethod(value) };
        return printed[a.type as 1 | 2 | 3] ?? `${nameOf.phase1Attribute(a.type)} ${value}`;
      }),
    );
    const rows = ["3DES_CBC SHA", "3DES_CBC MD5", "DES_CBC SHA", "DES_CBC MD5"];
    expect(said.map((t) => t.join(" "))).toEqual(
      ["GROUP_DESCRIPTION 2", "GROUP_DESCRIPTION 1"].flatMap((group) =>
        rows.map((row) => `${row} PRE_SHARED_KEY ${group}`),
      ),
    );
    expect(transforms[0]?.attributes.map(attributeNumber)).toEqual([5, 2, 1, 2, 1, 28800]);
  });

  test("a Check Point's notification of its own", () => {
    const [n] = clear("ike-scan pkt-checkpoint-notify.dat");
    expect(n?.isakmp === "N" && nameOf.notify(n.type)).toBe("CHECKPOINT_FIREWALL_1");
    expect(n?.isakmp === "N" && Buffer.from(n.data).toString("latin1")).toBe("User testing unknown.\0");
  });

  test("NO-PROPOSAL-CHOSEN in clear", () => {
    expect(clear("ike-scan pkt-notify-response.dat")).toEqual([
      { isakmp: "N", doi: 0, protocolId: 1, type: 14, spi: new Uint8Array(0), data: new Uint8Array(0) },
    ]);
  });

  test("Vendor IDs of Openswan behind a NAT", () => {
    const names = clear("openswan-unit ow-03e4a4593c").map((p) => (p.isakmp === "VID" ? nameOf.vendorId(p.data) : ""));
    expect(names.slice(2)).toEqual([
      "Dead Peer Detection",
      "RFC 3947",
      "draft-ietf-ipsec-nat-t-ike-03",
      "draft-ietf-ipsec-nat-t-ike-02\\n",
      "draft-ietf-ipsec-nat-t-ike-02",
      "draft-ietf-ipsec-nat-t-ike-00",
    ]);
  });

  test("NAT-D under the number of the drafts, in aggressive mode", () => {
    const kinds = clear("zeek-spicy-ipsec ipsec-ikev1-isakmp-aggressive-mode.pcap#2").map((p) => p.isakmp);
    expect(kinds.slice(-3)).toEqual(["HASH", "NAT-D", "NAT-D"]);
  });

  test("an SA whose situation is not known (CVE-2015-3204) has no proposals", () => {
    expect(clear("libreswan-hostile cve-2015-3204-0")).toMatchObject([
      { isakmp: "SA-other", doi: 1, situation: 0xffffffff },
    ]);
  });

  test("a Vendor ID may come before the SA", () => {
    expect(clear("libreswan 01-isakmp-broadcast.pcap#1").map((p) => p.isakmp)).toEqual(["VID", "SA"]);
  });
});
