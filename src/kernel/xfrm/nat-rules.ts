/** Which rules of the host's packet filter rewrite the source of packets that are to be protected. */
import { compareOctets, type Family, type Prefix, prefixRange } from "../../negotiate/address.ts";
import { type Selector, selectorFamily } from "../../negotiate/selector.ts";

/** From the first to the last address, as octets. */
export interface AddressRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
}

/** One condition of a rule, as far as it is understood. */
export type NatMatch =
  | { readonly kind: "source" | "destination"; readonly ranges: readonly AddressRange[]; readonly negated: boolean }
  /** Names may end in `*` or `+`, which stand for any ending. */
  | { readonly kind: "device"; readonly names: readonly string[]; readonly negated: boolean }
  | { readonly kind: "protocol"; readonly protocol: number; readonly negated: boolean }
  /** Only packets that an IPsec policy covers, or only those that none does. */
  | { readonly kind: "ipsec"; readonly covered: boolean }
  /** A condition that is not understood: the rule may or may not apply. */
  | { readonly kind: "unknown" };

/** One rule of a chain. */
export interface NatRule {
  readonly matches: readonly NatMatch[];
  readonly verdict: /** The source address is rewritten: to what is known of it, as the rule has it, or to the device's own. */
    | { readonly kind: "nat"; readonly to?: AddressRange | "device" }
    /** The packet leaves all chains as it is. */
    | { readonly kind: "accept" }
    | { readonly kind: "return" }
    | { readonly kind: "jump"; readonly chain: string }
    | { readonly kind: "none" };
  /** Where it stands, so that the operator finds it. */
  readonly place: string;
}

/** Chains by name, and those where packets that leave the host begin. */
export interface NatRules {
  readonly chains: ReadonlyMap<string, readonly NatRule[]>;
  readonly roots: readonly NatRoot[];
}

/** A chain that the kernel calls; without a family it sees both. */
export interface NatRoot {
  readonly chain: string;
  readonly family: Family | undefined;
}

/** The first rule that catches packets of the selector on their way out of the device; `surely` where no condition is in doubt. */
export function catchingRule(
  rules: NatRules,
  selector: Selector,
  device: string,
): { readonly rule: NatRule; readonly surely: boolean } | undefined {
  for (const { chain, family } of rules.roots) {
    if (family !== undefined && family !== selectorFamily(selector)) continue;
    const outcome = walk(rules, chain, selector, device, true, 0);
    if (typeof outcome === "object") return outcome;
  }
  return undefined;
}

type Outcome = { readonly rule: NatRule; readonly surely: boolean } | "left" | "through";

/** `left`: the packet surely leaves the chains unchanged; `through`: it goes on with what follows. */
function walk(
  rules: NatRules,
  chain: string,
  selector: Selector,
  device: string,
  surely: boolean,
  depth: number,
): Outcome {
  if (depth > maxDepth) return "through";
  for (const rule of rules.chains.get(chain) ?? []) {
    const applies = ruleApplies(rule, selector, device);
    if (applies === "no") continue;
    const certain = surely && applies === "yes";
    switch (rule.verdict.kind) {
      case "nat":
        return { rule, surely: certain };
      case "accept":
        if (applies === "yes") return "left";
        break;
      case "return":
        if (applies === "yes") return "through";
        break;
      case "jump": {
        const outcome = walk(rules, rule.verdict.chain, selector, device, certain, depth + 1);
        if (typeof outcome === "object" || (outcome === "left" && applies === "yes")) return outcome;
        break;
      }
      case "none":
        break;
    }
  }
  return "through";
}

/** Whether a rule applies to all packets of a selector, to some or perhaps, or to none. */
function ruleApplies(rule: NatRule, selector: Selector, device: string): "yes" | "maybe" | "no" {
  let result: "yes" | "maybe" = "yes";
  for (const match of rule.matches) {
    const applies = matchApplies(match, selector, device);
    if (applies === "no") return "no";
    if (applies === "maybe") result = "maybe";
  }
  return result;
}

function matchApplies(match: NatMatch, selector: Selector, device: string): "yes" | "maybe" | "no" {
  switch (match.kind) {
    case "source":
    case "destination":
      return rangesApply(match.ranges, selector[match.kind], match.negated);
    case "device":
      return negate(match.names.some((name) => deviceMatches(name, device)) ? "yes" : "no", match.negated);
    case "protocol":
      if (selector.protocol === 0) return "maybe";
      return negate(match.protocol === selector.protocol ? "yes" : "no", match.negated);
    case "ipsec":
      return match.covered ? "yes" : "no";
    case "unknown":
      return "maybe";
  }
}

/** Addresses of one family tell nothing about packets of the other, negated or not. */
function rangesApply(ranges: readonly AddressRange[], prefix: Prefix, negated: boolean): "yes" | "maybe" | "no" {
  const inner = prefixRange(prefix);
  let result: "yes" | "maybe" | "no" = "no";
  for (const outer of ranges) {
    if (outer.start.length !== inner.start.length) return "no";
    if (compareOctets(outer.start, inner.start) <= 0 && compareOctets(inner.end, outer.end) <= 0) result = "yes";
    else if (
      compareOctets(outer.start, inner.end) <= 0 &&
      compareOctets(inner.start, outer.end) <= 0 &&
      result === "no"
    )
      result = "maybe";
  }
  return negate(result, negated);
}

function deviceMatches(pattern: string, device: string): boolean {
  const stem = /^(.*)[*+]$/.exec(pattern)?.[1];
  return stem === undefined ? pattern === device : device.startsWith(stem);
}

function negate(applies: "yes" | "maybe" | "no", negated: boolean): "yes" | "maybe" | "no" {
  if (!negated || applies === "maybe") return applies;
  return applies === "yes" ? "no" : "yes";
}

/** Chains that call each other: as deep as any packet filter allows. */
const maxDepth = 16;
