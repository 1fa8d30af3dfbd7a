// The ciphers of the table, in the words of each kind of end.
import type { Proposals } from "../ends.ts";

/** One column of proposals; the keywords of `Proposals` are ours and strongSwan's. */
export interface Cipher extends Proposals {
  readonly name: string;
  /** As the kernel shows it. */
  readonly kernel: RegExp;
}

/** Those that every table runs with. */
export const ciphers = {
  gcm: {
    name: "AES-GCM",
    ike: "aes256gcm16-prfsha384-ecp384",
    esp: "aes256gcm16",
    kernel: /^rfc4106\(gcm\(aes\)\)/,
  },
  cbc: {
    name: "AES-CBC+SHA-256",
    ike: "aes128-sha256-modp2048",
    esp: "aes256-sha256",
    kernel: /^(cbc\(aes\)|hmac\(sha256\))/,
  },
  chacha: {
    name: "ChaCha20-Poly1305",
    ike: "chacha20poly1305-prfsha256-x25519",
    esp: "chacha20poly1305",
    kernel: /^rfc7539esp\(chacha20,poly1305\)/,
  },
  ah: { name: "AH SHA-256", ike: "aes128gcm16-prfsha256-x25519", ah: "sha256", kernel: /^hmac\(sha256\)/ },
} as const satisfies Readonly<Record<string, Cipher>>;

/** What a peer's section of ours says of them, or a connection of strongSwan. */
export function proposalsOf({ ike, esp, ah }: Cipher): Proposals {
  return { ike, ...(esp === undefined ? {} : { esp }), ...(ah === undefined ? {} : { ah }) };
}
