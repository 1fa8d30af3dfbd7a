import { expect, test } from "vitest";
import { headersOn } from "../../../src/sa/datagrams.ts";

/** RFC 7383 appendix B, without options and extension headers. */
test.each([
  ["192.0.2.1", "192.0.2.2", 500, 500, 28],
  ["192.0.2.1", "192.0.2.2", 4500, 4500, 32],
  ["2001:db8::1", "2001:db8::2", 500, 500, 48],
  ["2001:db8::1", "2001:db8::2", 4500, 1024, 52],
])("IP, UDP and the marker from %s to %s, port %i to %i: %i octets", (local, remote, localPort, remotePort, octets) => {
  const path = { local: { address: local, port: localPort }, remote: { address: remote, port: remotePort } };
  expect(headersOn(path)).toBe(octets);
});
