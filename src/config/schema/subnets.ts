/** `A <-> B`: the two subnets of a tunnel. */
import type { z } from "zod";
import {
  addressBits,
  familyOf,
  formatAddress,
  formatPrefix,
  hostPrefix,
  type Prefix,
  parseAddress,
  prefixRange,
} from "../../negotiate/address.ts";
import { quote } from "../problem.ts";
import { type Reading, textLeaf } from "./leaf.ts";

export interface Subnets {
  readonly local: Prefix;
  readonly remote: Prefix;
}

export const subnets: z.ZodType<Subnets> = textLeaf("two subnets, A <-> B", (text): Reading<Subnets> => {
  const parts = text.split("<->");
  const [left = "", right = ""] = parts;
  if (parts.length !== 2)
    return { wrong: `is two subnets such as 10.1.0.0/16 <-> 10.2.0.0/16, ours first, not ${quote(text)}` };
  const local = readPrefix(left.trim());
  if ("wrong" in local) return { wrong: local.wrong, offset: indent(left) };
  const remote = readPrefix(right.trim());
  if ("wrong" in remote) return { wrong: remote.wrong, offset: left.length + 3 + indent(right) };
  if (familyOf(local.value.address) !== familyOf(remote.value.address)) {
    return { wrong: "has IPv4 on one side and IPv6 on the other: a tunnel carries one family, write a line for each" };
  }
  if (formatPrefix(local.value) === formatPrefix(remote.value)) {
    return { wrong: `has ${formatPrefix(local.value)} on both sides: ours stands left, the peer's right` };
  }
  return { value: { local: local.value, remote: remote.value } };
});

function readPrefix(text: string): Reading<Prefix> {
  const [addressText = "", lengthText, ...rest] = text.split("/");
  const octets = parseAddress(addressText);
  if (octets === undefined || rest.length > 0) {
    return { wrong: `is no subnet: ${quote(text)}. A subnet is an address, a slash and a length: 10.1.0.0/16` };
  }
  const address = formatAddress(octets);
  if (lengthText === undefined) return { value: hostPrefix(address) };
  const bits = addressBits(familyOf(address));
  if (!/^(0|[1-9][0-9]{0,2})$/.test(lengthText) || Number(lengthText) > bits) {
    return { wrong: `has a length of 0 to ${bits} after the slash, not ${quote(lengthText)}` };
  }
  const prefix = { address, length: Number(lengthText) };
  const network = { ...prefix, address: formatAddress(prefixRange(prefix).start) };
  if (network.address === address) return { value: prefix };
  return {
    wrong: `${formatPrefix(prefix)} is an address inside ${formatPrefix(network)}: write ${formatPrefix(network)}`,
  };
}

function indent(text: string): number {
  return text.length - text.trimStart().length;
}
