import { addressOctets, familyOf, type Prefix } from "../../../src/negotiate/address.ts";
import type { ChildSelectors, EndSpec, TrafficSelector } from "../../../src/negotiate/traffic-selector.ts";
import { childSelectors } from "../../../src/negotiate/traffic-selector.ts";

export const hosts = { local: "192.0.2.1", remote: "192.0.2.2" };

/** A traffic selector as RFC 7296 3.13 prints it: protocol, ports, first and last address. */
export function ts(protocol: number, ports: readonly [number, number], first: string, last = first): TrafficSelector {
  const [startPort, endPort] = ports;
  const range = {
    ipProtocol: protocol,
    startPort,
    endPort,
    startAddress: addressOctets(first),
    endAddress: addressOctets(last),
  };
  return familyOf(first) === 4 ? { tsType: 7, ...range } : { tsType: 8, ...range };
}

export const any: readonly [number, number] = [0, 65535];
export const opaque: readonly [number, number] = [65535, 0];

export function prefix(text: string): Prefix {
  const [address = "", length] = text.split("/");
  return { address, length: Number(length) };
}

/** A child of prefixes or `host`, and one protocol. */
export function child(
  local: string,
  remote: string,
  protocol = 0,
  ports: { local?: number; remote?: number } = {},
): ChildSelectors {
  const end = (text: string, port: number | undefined): EndSpec => ({
    prefix: text === "host" ? "host" : prefix(text),
    protocol,
    port,
  });
  return childSelectors({ local: end(local, ports.local), remote: end(remote, ports.remote) }, hosts);
}
