import { describe, expect, test } from "vitest";
import { sequence, tagged } from "../../../src/asn1/encode.ts";
import { readBundle } from "../../../src/credentials/certificate-bundle.ts";
import { allowedUrl, readPlace } from "../../../src/credentials/certificate-place.ts";
import { authorityOf } from "./made.ts";

const places = ["http://certs.example/gateways/", "https://other.example:8443/one.der"];

describe("a URL of a peer's certificate", () => {
  test.each([
    ["http://certs.example/gateways/a.der", "http://certs.example/gateways/a.der"],
    ["HTTP://CERTS.example:80/gateways/x/../a.der", "http://certs.example/gateways/a.der"],
    ["https://other.example:8443/one.der", "https://other.example:8443/one.der"],
  ])("%s is asked", (url, asked) => {
    expect(allowedUrl(url, places)).toBe(asked);
  });

  // What would have us ask another host, another port, another file, or a server that reads the URL in another way.
  test.each([
    "http://certs.example.evil.example/gateways/a.der",
    "http://certs.example@127.0.0.1/gateways/a.der",
    "http://user:word@certs.example/gateways/a.der",
    "http://127.0.0.1/gateways/a.der",
    "http://certs.example:81/gateways/a.der",
    "https://certs.example/gateways/a.der",
    "http://certs.example/gateways/../admin",
    "http://certs.example/gateways/%2e%2e/admin",
    "http://certs.example/gateways/..%2fadmin",
    "http://certs.example/gateways/..\\admin",
    "http://certs.example/gateways//evil.example/a",
    "http://certs.example/gateways",
    "http://certs.example/gateways/a.der?delete=all",
    "http://certs.example/gateways/a.der#x",
    "https://other.example:8443/one.der/two",
    "https://other.example:8443/one.deR",
    "file:///etc/shadow",
    "ftp://certs.example/gateways/a.der",
    "gateways/a.der",
    "http://",
    "",
  ])("%s is not", (url) => {
    expect(allowedUrl(url, places)).toBeUndefined();
  });

  test("is asked nowhere unless places are given", () => {
    expect(allowedUrl("http://certs.example/gateways/a.der", [])).toBeUndefined();
  });
});

test.each([
  "certs.example",
  "ftp://certs.example/",
  "http://a@certs.example/",
  "http://certs.example/?x",
  "http://x/#y",
])("%s is no place", (text) => expect(readPlace(text)).toHaveProperty("wrong"));

describe("a bundle", () => {
  const { der } = authorityOf("Root").certificate;
  const list = tagged(1, "constructed", sequence());

  test("has certificates and lists", () => {
    const octets = sequence(tagged(0, "constructed", der), list, tagged(0, "constructed", der));
    expect(readBundle(octets)).toEqual([der, der]);
  });

  test.each([
    ["nothing", Buffer.of()],
    ["a certificate alone", der],
    ["another tag", sequence(tagged(2, "constructed", der))],
    ["two in one", sequence(tagged(0, "constructed", der, der))],
    ["too many", sequence(...Array.from({ length: 65 }, () => list))],
    ["what is cut", sequence(tagged(0, "constructed", der)).subarray(0, 40)],
  ])("is not %s", (_, octets) => {
    expect(readBundle(octets)).toHaveProperty("wrong");
  });
});
