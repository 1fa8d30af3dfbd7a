/** Keys of the kernels' SAs in the form that Wireshark reads (its file `esp_sa`), so that a failed scenario's capture opens. */

/** Wireshark's names for what `ip xfrm state` calls the algorithms. */
const ciphers: Readonly<Record<string, string>> = {
  "rfc4106(gcm(aes))": "AES-GCM [RFC4106]",
  "rfc7539esp(chacha20,poly1305)": "ChaCha20 with Poly1305 [RFC7634]",
  "cbc(aes)": "AES-CBC [RFC3602]",
  "rfc3686(ctr(aes))": "AES-CTR [RFC3686]",
  "cbc(des3_ede)": "TripleDES-CBC [RFC2451]",
  "ecb(cipher_null)": "NULL",
};
const macs: Readonly<Record<string, string>> = {
  "hmac(md5) 96": "HMAC-MD5-96 [RFC2403]",
  "hmac(sha1) 96": "HMAC-SHA-1-96 [RFC2404]",
  "hmac(sha256) 128": "HMAC-SHA-256-128 [RFC4868]",
  "hmac(sha384) 192": "HMAC-SHA-384-192 [RFC4868]",
  "hmac(sha512) 256": "HMAC-SHA-512-256 [RFC4868]",
};

/** The lines of `esp_sa` for what `ip xfrm state` printed; AH has no keys that Wireshark could use. */
export function espKeyTable(printed: string): string {
  const lines = printed.split(/\n(?=src )/).flatMap((stanza) => keyLine(stanza) ?? []);
  return lines.map((line) => `${line}\n`).join("");
}

function keyLine(stanza: string): string | undefined {
  const [, source, destination] = /^src (\S+) dst (\S+)/.exec(stanza) ?? [];
  const [, spi] = /proto esp spi (0x[0-9a-f]+)/.exec(stanza) ?? [];
  const [, cipher, key] = /^\s+(?:aead|enc) (\S+) (0x[0-9a-f]*)/m.exec(stanza) ?? [];
  if (source === undefined || destination === undefined || spi === undefined || cipher === undefined) return undefined;
  const [, mac, macKey, bits] = /^\s+auth-trunc (\S+) (0x[0-9a-f]+) (\d+)/m.exec(stanza) ?? [];
  const fields = [
    source.includes(":") ? "IPv6" : "IPv4",
    source,
    destination,
    spi,
    ciphers[cipher] ?? cipher,
    key ?? "",
    mac === undefined ? "NULL" : (macs[`${mac} ${bits}`] ?? mac),
    macKey ?? "",
    /flag [^\n]*esn/.test(stanza) ? "64-bit" : "32-bit",
  ];
  return fields.map((field) => `"${field}"`).join(",");
}
