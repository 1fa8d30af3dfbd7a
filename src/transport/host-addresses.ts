/** The addresses of this host on which IKE can be spoken, and when they change. */
import type { Address } from "../negotiate/address.ts";

/** Follows the host's addresses. */
export interface HostAddresses {
  list(): readonly Address[];
  /** `listener` is called after a change; what changed is learned from `list`. */
  onChange(listener: () => void): void;
  close(): void;
}

/** fe80::/10 (RFC 4291 2.5.6) and 169.254.0.0/16 (RFC 3927): they mean nothing without a zone, which no peer has. */
export function isLinkLocal(octets: Uint8Array): boolean {
  if (octets.length === 4) return octets[0] === 169 && octets[1] === 254;
  return octets[0] === 0xfe && ((octets[1] ?? 0) & 0xc0) === 0x80;
}
