/** `A, B <-> C, D`: the subnets of a tunnel, ours first. */
import type { z } from "zod";
import {
  addressBits,
  familyOf,
  formatAddress,
  formatPrefix,
  hostPrefix,
  type Prefix,
  parseAddress,
  prefixCovers,
  prefixRange,
} from "../../negotiate/address.ts";
import { quote } from "../problem.ts";
import { type Reading, textLeaf } from "./leaf.ts";

export interface Subnets {
  readonly local: Prefix;
  readonly remote: Prefix;
  readonly moreLocal?: readonly Prefix[];
  readonly moreRemote?: readonly Prefix[];
}

export const subnets: z.ZodType<Subnets> = textLeaf("two subnets, A <-> B", (text): Reading<Subnets> => {
  const parts = text.split("<->");
  const [left = "", right = ""] = parts;
  if (parts.length !== 2)
    return { wrong: `is two subnets such as 10.1.0.0/16 <-> 10.2.0.0/16, ours first, not ${quote(text)}` };
  const local = readPrefixes(left);
  if ("wrong" in local) return local;
  const remote = readPrefixes(right);
  if ("wrong" in remote) return { ...remote, offset: left.length + 3 + (remote.offset ?? 0) };
  const all = [...local.value, ...remote.value];
  if (new Set(all.map(({ address }) => familyOf(address))).size > 1) {
    return { wrong: "has IPv4 on one side and IPv6 on the other: a tunnel carries one family, write a line for each" };
  }
  const twice = remote.value.find((prefix) => local.value.some((mine) => formatPrefix(mine) === formatPrefix(prefix)));
  if (twice !== undefined)
    return { wrong: `has ${formatPrefix(twice)} on both sides: ours stands left, the peer's right` };
  const [ours, ...moreLocal] = local.value;
  const [theirs, ...moreRemote] = remote.value;
  return {
    value: {
      local: ours,
      remote: theirs,
      ...(moreLocal.length === 0 ? {} : { moreLocal }),
      ...(moreRemote.length === 0 ? {} : { moreRemote }),
    },
  };
});

/** Every pair of subnets costs the kernel three policies. */
const longestSide = 16;

function readPrefixes(text: string): Reading<[Prefix, ...Prefix[]]> {
  const prefixes: Prefix[] = [];
  let offset = 0;
  for (const part of text.split(",")) {
    const read = readPrefix(part.trim());
    const at = offset + indent(part);
    if ("wrong" in read) return { wrong: read.wrong, offset: at };
    const outer = prefixes.find((other) => meets(other, read.value));
    if (outer !== undefined)
      return {
        wrong: `has ${formatPrefix(outer)} and ${formatPrefix(read.value)} on one side: take the narrower out`,
        offset: at,
      };
    prefixes.push(read.value);
    offset += part.length + 1;
  }
  if (prefixes.length > longestSide)
    return { wrong: `has ${prefixes.length} subnets on one side, at most ${longestSide} are taken` };
  const [first, ...more] = prefixes;
  return first === undefined ? { wrong: "has no subnet on one side" } : { value: [first, ...more] };
}

function meets(a: Prefix, b: Prefix): boolean {
  return familyOf(a.address) === familyOf(b.address) && (prefixCovers(a, b.address) || prefixCovers(b, a.address));
}

/** One subnet, or one address as its own. */
export function readPrefix(text: string): Reading<Prefix> {
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
