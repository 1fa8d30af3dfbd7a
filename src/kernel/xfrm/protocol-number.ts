import { ipProtocol } from "../../negotiate/selector.ts";

/** The number of an IP protocol that a packet filter prints by name or number; undefined for a name not known here. */
export function protocolNumber(text: string): number | undefined {
  if (/^[0-9]{1,3}$/.test(text)) return Number(text);
  const names: Readonly<Record<string, number>> = { ...ipProtocol, "ipv6-icmp": ipProtocol.icmpv6, sctp: 132 };
  return names[text.toLowerCase()];
}
