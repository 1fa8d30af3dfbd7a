import type { Endpoint } from "../negotiate/address.ts";

/** A pair of endpoints, seen from here. Port 4500 at our end means that a non-ESP marker is on the wire (RFC 3948 2.2). */
export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** `192.0.2.1:500`, `[2001:db8::1]:500`. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.address.includes(":")
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`;
}
