/** Reads what iptables-save and ip6tables-save print, as far as source NAT is concerned. */
import { type Family, parseAddress, prefixRange } from "../../negotiate/address.ts";
import type { AddressRange, NatMatch, NatRule, NatRules } from "./nat-rules.ts";
import { protocolNumber } from "./protocol-number.ts";

/** The chains of the nat table, with POSTROUTING as root. */
export function readIptablesSave(text: string, family: Family): NatRules {
  const chains = new Map<string, NatRule[]>();
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    if (table !== "nat" || !line.startsWith("-A ")) continue;
    const [, chain = "", ...words] = wordsOf(line);
    chains.set(chain, [
      ...(chains.get(chain) ?? []),
      ruleOf(words, `${family === 4 ? "iptables" : "ip6tables"} -t nat: ${line}`),
    ]);
  }
  return { chains, roots: [{ chain: "POSTROUTING", family }] };
}

function ruleOf(words: readonly string[], place: string): NatRule {
  const matches: NatMatch[] = [];
  let verdict: NatRule["verdict"] = { kind: "none" };
  let negated = false;
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i] ?? "";
    if (word === "!") {
      negated = true;
      continue;
    }
    if (word === "-j" || word === "-g") {
      verdict = verdictOf(words.slice(i + 1));
      break;
    }
    // An option's values go up to the next option.
    const start = i + 1;
    while (i + 1 < words.length && words[i + 1] !== "!" && !words[i + 1]?.startsWith("-")) i += 1;
    matches.push(...matchOf(word, words.slice(start, i + 1), negated));
    negated = false;
  }
  return { matches, verdict, place };
}

function matchOf(option: string, values: readonly string[], negated: boolean): NatMatch[] {
  const [value = ""] = values;
  switch (option) {
    case "-s":
    case "-d": {
      const range = rangeOf(value);
      if (range === undefined) return [{ kind: "unknown" }];
      return [{ kind: option === "-s" ? "source" : "destination", ranges: [range], negated }];
    }
    case "-o":
      return [{ kind: "device", names: [value], negated }];
    case "-p": {
      const protocol = protocolNumber(value);
      return [protocol === undefined ? { kind: "unknown" } : { kind: "protocol", protocol, negated }];
    }
    case "--pol":
      return [{ kind: "ipsec", covered: (value === "ipsec") !== negated }];
    // The name of a match says nothing yet, and these options of theirs narrow nothing.
    case "-m":
    case "--comment":
    case "--dir":
      return [];
    default:
      return [{ kind: "unknown" }];
  }
}

/** `words`: the target and its options. */
function verdictOf(words: readonly string[]): NatRule["verdict"] {
  const [target = ""] = words;
  switch (target) {
    case "MASQUERADE":
      return { kind: "nat", to: "device" };
    case "SNAT": {
      const to = toSource(words[words.indexOf("--to-source") + 1] ?? "");
      return { kind: "nat", ...(to === undefined ? {} : { to }) };
    }
    case "NETMAP":
      return { kind: "nat" };
    case "ACCEPT":
      return { kind: "accept" };
    case "RETURN":
      return { kind: "return" };
    // A target that ends nothing; called as a chain it has no rules here.
    default:
      return { kind: "jump", chain: target };
  }
}

/** One address; undefined where it is a range, or has ports. */
function toSource(text: string): AddressRange | undefined {
  return parseAddress(text) === undefined ? undefined : rangeOf(text);
}

function rangeOf(text: string): AddressRange | undefined {
  const [address = "", length] = text.split("/");
  const octets = parseAddress(address);
  if (octets === undefined) return undefined;
  const bits = length === undefined ? octets.length * 8 : Number(length);
  if (!Number.isInteger(bits) || bits < 0 || bits > octets.length * 8) return undefined;
  return prefixRange({ address, length: bits });
}

/** Words, those in double quotes as one; a backslash keeps the next character. */
function wordsOf(line: string): string[] {
  const words = line.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? [];
  return words.map((word) => (word.startsWith('"') ? word.slice(1, -1).replaceAll(/\\(.)/g, "$1") : word));
}
