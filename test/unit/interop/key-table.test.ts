import { expect, test } from "vitest";
import { espKeyTable } from "../../interop/lab/key-table.ts";

const printed = `src 192.0.2.1 dst 192.0.2.2
	proto esp spi 0xc0575057 reqid 1426063361 mode transport
	replay-window 0 flag esn
	aead rfc4106(gcm(aes)) 0x00112233445566778899aabbccddeeff01020304 128
src 2001:db8::1 dst 2001:db8::2
	proto esp spi 0xc29d9e65 reqid 1426063362 mode tunnel
	replay-window 32 flag af-unspec
	auth-trunc hmac(sha256) 0xaabb 128
	enc cbc(aes) 0xccdd
src 192.0.2.1 dst 192.0.2.2
	proto ah spi 0xc29d9e66 reqid 1426063363 mode transport
	auth-trunc hmac(sha256) 0xaabb 128
`;

test("the kernels' SAs become lines of Wireshark's esp_sa; AH is left out", () => {
  expect(espKeyTable(printed).trimEnd().split("\n")).toEqual([
    '"IPv4","192.0.2.1","192.0.2.2","0xc0575057","AES-GCM [RFC4106]","0x00112233445566778899aabbccddeeff01020304","NULL","","64-bit"',
    '"IPv6","2001:db8::1","2001:db8::2","0xc29d9e65","AES-CBC [RFC3602]","0xccdd","HMAC-SHA-256-128 [RFC4868]","0xaabb","32-bit"',
  ]);
});
