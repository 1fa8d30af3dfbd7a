/** What a datagram on the NAT traversal port is, and the marker that tells IKE from ESP there (RFC 3948 2). */

/** Four octets of zero stand where ESP has its SPI: RFC 3948 2.2. */
export const nonEspMarkerLength = 4;

/** What came: an IKE message without its marker, or something the kernel or nobody wants. */
export type NatTraversalDatagram =
  | { readonly kind: "ike"; readonly octets: Uint8Array }
  /** One octet 0xFF that keeps a NAT's mapping alive: RFC 3948 2.3. */
  | { readonly kind: "keepalive" }
  /** ESP that the kernel left to us, because it knows no SA with this SPI or takes no encapsulation here. */
  | { readonly kind: "esp" }
  /** Too short to be any of the three. */
  | { readonly kind: "runt" };

/** Sorts one datagram of the NAT traversal port; the message of `ike` is a view, not a copy. */
export function classifyNatTraversal(octets: Uint8Array): NatTraversalDatagram {
  if (octets.length === 1 && octets[0] === 0xff) return { kind: "keepalive" };
  if (octets.length < nonEspMarkerLength) return { kind: "runt" };
  for (let i = 0; i < nonEspMarkerLength; i += 1) if (octets[i] !== 0) return { kind: "esp" };
  return { kind: "ike", octets: octets.subarray(nonEspMarkerLength) };
}

/** What goes out from the NAT traversal port: a message with the marker before it, a keepalive as it is. */
export function forNatTraversal(octets: Uint8Array): Uint8Array {
  return octets.length === 1 && octets[0] === 0xff ? octets : withNonEspMarker(octets);
}

/** The message with the marker before it. */
export function withNonEspMarker(octets: Uint8Array): Uint8Array {
  const marked = new Uint8Array(nonEspMarkerLength + octets.length);
  marked.set(octets, nonEspMarkerLength);
  return marked;
}
