// Cookies (RFC 7296 2.6): good for who was asked, where it was asked, and for two minutes at most.
import { expect, test } from "vitest";
import { CookieJar } from "../../../src/ikev2/cookie.ts";
import { seeded } from "../../fuzz/mutate.ts";

const nonce = Buffer.alloc(32, 1);
const from = { address: "192.0.2.1", port: 500 };
const minute = 60_000;

function jar(): CookieJar {
  const random = seeded(1);
  return new CookieJar((length) => Uint8Array.from({ length }, () => random() & 0xff), 0);
}

test("is good for the same nonce, address, port and SPI alone", () => {
  const cookies = jar();
  const cookie = cookies.make(nonce, from, 7n, 0);
  expect(cookies.check(cookie, nonce, from, 7n, 1)).toBe(true);
  expect(cookies.check(cookie, Buffer.alloc(32, 2), from, 7n, 1)).toBe(false);
  expect(cookies.check(cookie, nonce, { ...from, address: "192.0.2.2" }, 7n, 1)).toBe(false);
  expect(cookies.check(cookie, nonce, { ...from, port: 501 }, 7n, 1)).toBe(false);
  expect(cookies.check(cookie, nonce, from, 8n, 1)).toBe(false);
  for (let length = 0; length < cookie.length; length += 1)
    expect(cookies.check(cookie.subarray(0, length), nonce, from, 7n, 1)).toBe(false);
  expect(cookies.check(Buffer.concat([cookie, Buffer.alloc(1)]), nonce, from, 7n, 1)).toBe(false);
});

test("is good for another minute after its secret has changed, and no longer", () => {
  const cookies = jar();
  const cookie = cookies.make(nonce, from, 7n, 0);
  expect(cookies.check(cookie, nonce, from, 7n, 2 * minute - 1)).toBe(true);
  expect(cookies.check(cookie, nonce, from, 7n, 2 * minute)).toBe(false);
  // Nor where nobody asked in between.
  const late = jar();
  expect(late.check(late.make(nonce, from, 7n, 0), nonce, from, 7n, 10 * minute)).toBe(false);
});
