import { describe, expect, it } from "vitest";
import { identitySelector, selectorIdentity } from "../../../src/negotiate/ipsec-identities.ts";

const hex = (digits: string) => Uint8Array.from(Buffer.from(digits.replaceAll(" ", ""), "hex"));
const zeros = "0000 0000 0000 0000 0000 0000";

/** RFC 2407 4.6.2.1: the type, its octets, the first and the last address. */
const kinds = [
  ["ID_IPV4_ADDR", 1, "c000 0201", "c000 0201", "c000 0201"],
  ["ID_IPV4_ADDR_SUBNET", 4, "0a01 0000 ffff 0000", "0a01 0000", "0a01 ffff"],
  ["ID_IPV6_ADDR", 5, `2001 0db8 ${zeros}`, `2001 0db8 ${zeros}`, `2001 0db8 ${zeros}`],
  [
    "ID_IPV6_ADDR_SUBNET",
    6,
    `2001 0db8 ${zeros} ffff ffff ${zeros}`,
    `2001 0db8 ${zeros}`,
    `2001 0db8 ${zeros.replaceAll("0", "f")}`,
  ],
  ["ID_IPV4_ADDR_RANGE", 7, "0a01 0005 0a01 0009", "0a01 0005", "0a01 0009"],
  ["ID_IPV6_ADDR_RANGE", 8, `2001 0db8 ${zeros} 2001 0db9 ${zeros}`, `2001 0db8 ${zeros}`, `2001 0db9 ${zeros}`],
] as const;

describe.each(kinds)("%s", (_, idType, octets, first, last) => {
  it.each([
    ["of any protocol", 0, 0, 0, 0xffff],
    ["of one protocol", 47, 0, 0, 0xffff],
    ["of one port", 17, 4789, 4789, 4789],
  ])("%s: read and written", (__, ipProtocol, port, startPort, endPort) => {
    const id = { isakmp: "ID", idType, ipProtocol, port, data: hex(octets) } as const;
    const selector = identitySelector(id);
    expect(selector).toEqual({
      tsType: first.length > 9 ? 8 : 7,
      ipProtocol,
      startPort,
      endPort,
      startAddress: hex(first),
      endAddress: hex(last),
    });
    const written = selector && selectorIdentity(selector);
    expect({ ...written, data: Uint8Array.from(written?.data ?? []) }).toEqual(id);
  });
});

describe("what names no addresses", () => {
  it.each([
    ["ID_FQDN", 2, Buffer.from("gw.example")],
    ["ID_USER_FQDN", 3, Buffer.from("gw@example")],
    ["ID_DER_ASN1_DN", 9, hex("3000")],
    ["ID_DER_ASN1_GN", 10, hex("8202 6777")],
    ["ID_KEY_ID", 11, hex("0102")],
    ["ID_LIST", 12, hex("0102")],
    ["a type that nobody knows", 200, hex("0102")],
    ["a mask with holes", 4, hex("0a01 0000 ff00 ff00")],
    ["a range that ends before it begins", 7, hex("0a01 0009 0a01 0005")],
  ])("%s", (_, idType, data) => {
    expect(identitySelector({ isakmp: "ID", idType, ipProtocol: 0, port: 0, data })).toBeUndefined();
  });

  it("a range of ports: IKEv1 cannot say it", () => {
    const addresses = { startAddress: hex("0a010000"), endAddress: hex("0a010000") };
    expect(selectorIdentity({ tsType: 7, ipProtocol: 17, startPort: 1, endPort: 2, ...addresses })).toBeUndefined();
  });
});
