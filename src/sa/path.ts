import type { Endpoint } from "../negotiate/address.ts";

/** A pair of endpoints, seen from here. Port 4500 at our end means that a non-ESP marker is on the wire (RFC 3948 2.2). */
export interface Path {
  readonly local: Endpoint;
  readonly remote: Endpoint;
}

/** Whether both ends of two paths are the same. */
export function samePath(a: Path, b: Path): boolean {
  return sameEndpoint(a.local, b.local) && sameEndpoint(a.remote, b.remote);
}

/** Whether address and port are the same. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.address === b.address;
}

/**
 * The same way on the ports for NAT traversal (RFC 7296 2.23); a port of the peer that the operator named stays, for it
 * is what the peer's NAT forwards.
 */
export function floated(path: Path): Path {
  const port = path.remote.port === ikePort ? natTraversalPort : path.remote.port;
  return { local: { ...path.local, port: natTraversalPort }, remote: { ...path.remote, port } };
}

/** RFC 7296 2: where IKE begins, and where it goes on once a NAT was found. */
export const ikePort = 500;
export const natTraversalPort = 4500;

/** `192.0.2.1:500`, `[2001:db8::1]:500`. */
export function formatEndpoint(endpoint: Endpoint): string {
  return endpoint.address.includes(":")
    ? `[${endpoint.address}]:${endpoint.port}`
    : `${endpoint.address}:${endpoint.port}`;
}
