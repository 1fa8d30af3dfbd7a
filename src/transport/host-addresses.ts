/** The addresses of this host on which IKE can be spoken, and when they change. */
import { networkInterfaces } from "node:os";
import { type Address, formatAddress, parseAddress } from "../negotiate/address.ts";

/** Follows the host's addresses. */
export interface HostAddresses {
  list(): readonly Address[];
  /** `listener` is called after a change; what changed is learned from `list`. */
  onChange(listener: () => void): void;
  close(): void;
}

/** Asks the system for its addresses every `pollMilliseconds`: for where no kernel event can be had. */
export function pollHostAddresses(pollMilliseconds: number): HostAddresses {
  const listeners: (() => void)[] = [];
  let known = systemAddresses();
  const timer = setInterval(() => {
    const now = systemAddresses();
    if (sameAddresses(now, known)) return;
    known = now;
    for (const listener of listeners) listener();
  }, pollMilliseconds);
  timer.unref();
  return {
    list: () => known,
    onChange: (listener) => listeners.push(listener),
    close: () => clearInterval(timer),
  };
}

/** Every address of the host now, sorted; link-local ones are left out: they mean nothing without a zone, which no peer has. */
export function systemAddresses(): readonly Address[] {
  const addresses = new Set<Address>();
  for (const list of Object.values(networkInterfaces())) {
    for (const { address } of list ?? []) {
      const octets = parseAddress(address);
      if (octets !== undefined && !isLinkLocal(octets)) addresses.add(formatAddress(octets));
    }
  }
  return [...addresses].sort();
}

/** fe80::/10 (RFC 4291 2.5.6) and 169.254.0.0/16 (RFC 3927). */
function isLinkLocal(octets: Uint8Array): boolean {
  if (octets.length === 4) return octets[0] === 169 && octets[1] === 254;
  return octets[0] === 0xfe && ((octets[1] ?? 0) & 0xc0) === 0x80;
}

function sameAddresses(a: readonly Address[], b: readonly Address[]): boolean {
  return a.length === b.length && a.every((address, i) => address === b[i]);
}
