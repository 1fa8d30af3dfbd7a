import type { HashName } from "../hash.ts";
import { AesMac } from "./aes-mac.ts";
import { Hmac } from "./hmac.ts";

/** How a MAC or PRF is computed. */
export type MacMethod =
  | { readonly kind: "hmac"; readonly hash: HashName }
  | { readonly kind: "aes-xcbc" }
  | { readonly kind: "aes-cmac" };

/** A keyed MAC; `sign` gives the untruncated value over the concatenation of its arguments. */
export interface Mac {
  readonly outputLength: number;
  sign(...chunks: Uint8Array[]): Buffer;
  destroy(): void;
}

/** Keys a MAC; the AES ones take 16 octets exactly. */
export function keyMac(method: MacMethod, key: Uint8Array): Mac {
  switch (method.kind) {
    case "hmac":
      return new Hmac(method.hash, key);
    case "aes-xcbc":
    case "aes-cmac":
      return new AesMac(method.kind, key);
  }
}
