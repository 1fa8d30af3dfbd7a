import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import { hasIdentity, namesOfCertificate, onlyCommonName } from "../../../src/credentials/claimed-identity.ts";
import { identityFromWire, makeIdentity } from "../../../src/negotiate/identity.ts";
import { Openssl } from "./openssl.ts";

const openssl = new Openssl();
afterAll(() => openssl.remove());

let full: Certificate;
let bare: Certificate;

beforeAll(() => {
  const names = "subjectAltName=DNS:gw.example,DNS:*.wild.example,email:Me@Example.org,IP:192.0.2.1,IP:2001:db8::1";
  full = openssl.issue({ name: "full", subject: "/C=CH/O=Example/CN=common.example", extensions: [names] });
  bare = openssl.issue({ name: "bare", subject: "/O=Example/CN=common.example" });
});

describe("a claimed identity and a certificate", () => {
  it.each([
    ["fqdn", "GW.example", true],
    ["fqdn", "gw.example.org", false],
    ["fqdn", "a.wild.example", false],
    ["fqdn", "*.wild.example", false],
    ["fqdn", "192.0.2.1", false],
    ["fqdn", "common.example", false],
    ["email", "Me@example.ORG", true],
    // RFC 5280 7.5: a mailbox is compared as it stands.
    ["email", "me@example.org", false],
    ["ipv4", "192.0.2.1", true],
    ["ipv4", "192.0.2.2", false],
    ["ipv6", "2001:db8::1", true],
    ["dn", "c=CH, o=EXAMPLE, cn=common.example", true],
    ["dn", "O=Example, C=CH, CN=common.example", false],
    ["dn", "C=CH, O=Example, CN=*", false],
    ["keyid", "c0000201", false],
  ] as const)("%s %s: %s", (kind, text, holds) => {
    expect(hasIdentity(full, makeIdentity(kind, text), false)).toBe(holds);
    // Another name of a host's kind is there: the common name never counts.
    expect(hasIdentity(full, makeIdentity(kind, text), true)).toBe(holds);
  });

  it("a pattern that a peer claims is no pattern", () => {
    for (const [type, text] of [
      [2, "*.example"],
      [3, "*@Example.org"],
    ] as const)
      expect(hasIdentity(full, identityFromWire(type, Buffer.from(text)), true)).toBe(false);
  });

  it("a common name counts where that is allowed, and no other name is a host's", () => {
    const id = makeIdentity("fqdn", "Common.example");
    expect([hasIdentity(bare, id, false), hasIdentity(bare, id, true)]).toEqual([false, true]);
    expect([onlyCommonName(bare, id), onlyCommonName(full, id)]).toEqual([true, false]);
    expect(hasIdentity(bare, makeIdentity("email", "common.example"), true)).toBe(false);
  });

  it("a person reads what may be claimed", () => {
    expect(namesOfCertificate(bare)).toEqual(["DN:O=Example, CN=common.example"]);
    expect(namesOfCertificate(full)).toEqual([
      "DNS:gw.example",
      "DNS:*.wild.example",
      "email:Me@Example.org",
      "IP:192.0.2.1",
      "IP:2001:db8::1",
      "DN:C=CH, O=Example, CN=common.example",
    ]);
  });
});
