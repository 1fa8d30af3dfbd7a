import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { decodeName, encodeName, matchesName } from "../../../src/negotiate/distinguished-name.ts";
import { formatName, parseName } from "../../../src/negotiate/distinguished-name-text.ts";
import { identityFromWire, makeIdentity, sameIdentity } from "../../../src/negotiate/identity.ts";

const written = (text: string) => {
  const parsed = parseName(text);
  if ("wrong" in parsed) throw new Error(parsed.wrong);
  return parsed.name;
};
const matches = (wanted: string, seen: string, how?: Parameters<typeof matchesName>[2]) =>
  matchesName(written(wanted), written(seen), how);

describe("a distinguished name", () => {
  it.each([
    "C=CH, O=Example, CN=gw-a",
    "DC=org, DC=example, CN=Zürich\\, Süd",
    "O=a+OU=b, E=me@example.org",
    "1.3.6.1.4.1.99999.1=x, UID=u",
    "CN=\\ a\\\\\\ , O=\\#0403, OU=a\\0ab",
    "CN=#0403010203",
  ])("%s is written and read again", (text) => {
    expect(formatName(decodeName(encodeName(written(text))) ?? [])).toBe(text);
  });

  it("is what OpenSSL makes of it", () => {
    const folder = mkdtempSync(join(tmpdir(), "underlock-dn-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const request = execFileSync("openssl", [
      ...["req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", join(folder, "key"), "-outform", "DER", "-utf8"],
      ...["-subj", "/C=CH/O=Exämple/CN=gw-a.example/emailAddress=a@example.org"],
    ]);
    expect(
      request.includes(Buffer.from(encodeName(written("C=CH, O=Exämple, CN=gw-a.example, E=a@example.org")))),
    ).toBe(false);
    // OpenSSL writes UTF8String throughout: other octets, the same name.
    const start = request.indexOf(Buffer.from("550406", "hex")) - 8;
    const name = decodeName(request.subarray(start, start + 2 + (request[start + 1] ?? 0)));
    expect(formatName(name ?? [])).toBe("C=CH, O=Exämple, CN=gw-a.example, E=a@example.org");
    expect(matchesName(written("c=ch, o=exämple, cn=GW-A.example, e=A@example.org"), name ?? [])).toBe(true);
  });

  it("is compared attribute by attribute, in its order or in any", () => {
    expect(matches("C=CH, CN=gw  a", "C=ch, CN= GW A ")).toBe(true);
    expect(matches("C=CH, CN=gw", "CN=gw, C=CH")).toBe(false);
    expect(matches("C=CH, CN=gw", "CN=gw, C=CH", { anyOrder: true, wildcards: false })).toBe(true);
    expect(matches("C=CH, CN=gw", "C=CH")).toBe(false);
    expect(matches("C=CH", "C=CH, CN=gw")).toBe(false);
    expect(matches("CN=gw", "O=gw")).toBe(false);
    expect(matches("OU=a, OU=a", "OU=a, OU=b", { anyOrder: true, wildcards: false })).toBe(false);
  });

  it("a * is any value, where it is asked for, and leaves the rest to the others", () => {
    const wildcards = { anyOrder: false, wildcards: true };
    expect(matches("O=Example, CN=*", "O=Example, CN=gw-7", wildcards)).toBe(true);
    expect(matches("O=Example, CN=*", "O=Other, CN=gw-7", wildcards)).toBe(false);
    expect(matches("O=Example, CN=*", "O=Example, OU=x, CN=gw-7", wildcards)).toBe(false);
    expect(matches("O=Example, CN=*", "O=Example, CN=gw-7")).toBe(false);
    expect(matches("OU=*, OU=a", "OU=a, OU=b", { anyOrder: true, wildcards: true })).toBe(true);
    // What the peer says is never a pattern.
    expect(matches("CN=gw", "CN=*", wildcards)).toBe(false);
  });

  it("an element that is no text is no text that looks like it", () => {
    expect(matches("CN=#0403010203", "CN=#0403010203")).toBe(true);
    expect(matches("CN=#0403010203", "CN=\\#0403010203")).toBe(false);
    expect(matches("CN=#0403010203", "CN=#0403010204")).toBe(false);
    // The element of a text is that text.
    expect(matches("CN=#0c026777", "CN=GW")).toBe(true);
  });

  it("a comma in a value makes no attribute of it", () => {
    expect(formatName(decodeName(encodeName([[{ type: "2.5.4.3", value: "a, O=Example" }]])) ?? [])).toBe(
      "CN=a\\, O\\=Example",
    );
    expect(matches("CN=a\\, O\\=Example", "CN=a, O=Example")).toBe(false);
  });

  it.each(["", "gw", "CN=", "XX=1", "CN=a,", "=a", "CN=a, gw"])("%j is none", (text) => {
    expect(parseName(text)).toHaveProperty("wrong");
  });

  it("octets that are cut, mutated or too many are a name that differs, or none", () => {
    const der = encodeName(written("C=CH, O=Example, CN=gw-a"));
    for (let length = 0; length < der.length; length++) expect(decodeName(der.subarray(0, length))).toBeUndefined();
    expect(decodeName(Buffer.concat([der, Uint8Array.of(0)]))).toBeUndefined();
    for (let at = 0; at < der.length; at++) {
      for (const bit of [1, 2, 4, 8, 16, 64, 128]) {
        const other = Buffer.from(der);
        other[at] = (other[at] ?? 0) ^ bit;
        const name = decodeName(other);
        if (name !== undefined && JSON.stringify(name) !== JSON.stringify(decodeName(der))) formatName(name);
      }
    }
    expect(decodeName(Buffer.alloc(60_000, 0x30))).toBeUndefined();
    expect(decodeName(encodeName(Array.from({ length: 65 }, () => [{ type: "2.5.4.3", value: "x" }])))).toBeUndefined();
  });
});

describe("identities that are compared by more than their octets", () => {
  const name = (text: string) => identityFromWire(9, encodeName(written(text)));
  const pattern = (anyOrder: boolean, wildcards: boolean) => ({ pattern: { anyOrder, wildcards } });

  it("names, however they are encoded", () => {
    expect(name("C=CH, CN=gw").text).toBe("C=CH, CN=gw");
    expect(sameIdentity(makeIdentity("dn", "c=CH,cn=GW"), name("C=CH, CN=gw"))).toBe(true);
    expect(sameIdentity({ ...makeIdentity("dn", "CN=*"), ...pattern(false, true) }, name("CN=gw"))).toBe(true);
    expect(sameIdentity(makeIdentity("dn", "CN=*"), name("CN=gw"))).toBe(false);
    expect(sameIdentity({ ...makeIdentity("dn", "CN=gw, O=x"), ...pattern(true, false) }, name("O=x, CN=gw"))).toBe(
      true,
    );
  });

  it.each([
    ["fqdn", "*.example", "gw.example", true],
    ["fqdn", "*.example", "a.gw.example", false],
    ["fqdn", "*.example", ".example", false],
    ["fqdn", "*.example", "example", false],
    ["fqdn", "*.example", "gw.example.org", false],
    ["email", "*@example", "me@example", true],
    ["email", "*@example", "a@b@example", false],
    ["email", "*@example", "@example", false],
  ] as const)("%s %s: %s %s", (kind, wanted, seen, like) => {
    const one = { ...makeIdentity(kind, wanted), ...pattern(false, true) };
    expect(sameIdentity(one, identityFromWire(kind === "fqdn" ? 2 : 3, Buffer.from(seen)))).toBe(like);
    expect(sameIdentity(makeIdentity(kind, wanted), makeIdentity(kind, seen))).toBe(false);
  });
});
