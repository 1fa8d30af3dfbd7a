/** Reads what `nft -j list ruleset` prints (libnftables-json(5)), as far as source NAT is concerned. */
import { type Prefix, parseAddress, prefixRange } from "../../negotiate/address.ts";
import type { AddressRange, NatMatch, NatRoot, NatRule, NatRules } from "./nat-rules.ts";
import { protocolNumber } from "./protocol-number.ts";

/**
 * The chains of a ruleset with those of source NAT as roots. `skipIptables` leaves out the tables of iptables-nft, of
 * which iptables-save says more. Throws SyntaxError where the text is no JSON, RangeError where it is no ruleset.
 */
export function readNftRuleset(text: string, { skipIptables }: { readonly skipIptables: boolean }): NatRules {
  const objects = listOf(asObject(JSON.parse(text)).nftables).map(asObject);
  const of = (kind: string) => objects.filter((object) => kind in object).map((object) => asObject(object[kind]));
  const rules = of("rule");
  const skipped = new Set(skipIptables ? rules.filter(usesXtables).map(tableOf) : []);
  const sets = new Map(of("set").map((set) => [`${tableOf(set)} @${nameIn(set.name)}`, set.elem]));
  const chains = new Map<string, NatRule[]>();
  for (const rule of rules) {
    const chain = `${tableOf(rule)} ${nameIn(rule.chain)}`;
    chains.set(chain, [...(chains.get(chain) ?? []), natRule(rule, (name) => sets.get(`${tableOf(rule)} ${name}`))]);
  }
  const roots = of("chain").filter(
    (chain) => chain.type === "nat" && chain.hook === "postrouting" && !skipped.has(tableOf(chain)),
  );
  return { chains, roots: roots.map(rootOf) };
}

type Json = Readonly<Record<string, unknown>>;

function rootOf(chain: Json): NatRoot {
  const family = { ip: 4, ip6: 6 }[nameIn(chain.family)] as 4 | 6 | undefined;
  return { chain: `${tableOf(chain)} ${nameIn(chain.name)}`, family };
}

function natRule(rule: Json, set: (name: string) => unknown): NatRule {
  const expressions = listOf(rule.expr).map(asObject);
  const matches = expressions.flatMap((expression) => matchOf(expression, set));
  const place = `nft table ${tableOf(rule)}, chain ${nameIn(rule.chain)}, handle ${String(rule.handle)}`;
  return { matches, verdict: verdictOf(expressions, tableOf(rule)), place };
}

function verdictOf(expressions: readonly Json[], table: string): NatRule["verdict"] {
  for (const expression of expressions) {
    if ("masquerade" in expression) return { kind: "nat", to: "device" };
    if ("snat" in expression) return { kind: "nat", ...oneAddress(asObject(expression.snat).addr) };
    if ("accept" in expression) return { kind: "accept" };
    if ("return" in expression) return { kind: "return" };
    for (const call of ["jump", "goto"]) {
      if (call in expression) return { kind: "jump", chain: `${table} ${nameIn(asObject(expression[call]).target)}` };
    }
    if (!("xt" in expression)) continue;
    const { type, name } = asObject(expression.xt);
    if (type === "target" && (name === "MASQUERADE" || name === "SNAT" || name === "NETMAP")) return { kind: "nat" };
  }
  return { kind: "none" };
}

/** What source NAT rewrites to, where that is one address. */
function oneAddress(value: unknown): { to?: AddressRange } {
  const octets = typeof value === "string" ? parseAddress(value) : undefined;
  return octets === undefined ? {} : { to: { start: octets, end: octets } };
}

/** No condition at all, or one; whatever else stands in a rule (counters, comments) is none. */
function matchOf(expression: Json, set: (name: string) => unknown): NatMatch[] {
  if ("xt" in expression) {
    const { type, name } = asObject(expression.xt);
    return type === "match" && name !== "comment" ? [{ kind: "unknown" }] : [];
  }
  if (!("match" in expression)) return [];
  const { op, left, right } = asObject(expression.match);
  if (op !== "==" && op !== "!=") return [{ kind: "unknown" }];
  const values = valuesOf(right, set);
  return [(values === undefined ? undefined : comparison(asObject(left), values, op === "!=")) ?? { kind: "unknown" }];
}

function comparison(left: Json, values: readonly unknown[], negated: boolean): NatMatch | undefined {
  const payload = asObject(left.payload ?? {});
  const meta = asObject(left.meta ?? {}).key;
  if (payload.protocol === "ip" || payload.protocol === "ip6") {
    const kind = { saddr: "source", daddr: "destination" }[nameIn(payload.field)] as
      | "source"
      | "destination"
      | undefined;
    if (kind !== undefined) {
      const ranges = values.map(rangeOf);
      return ranges.every((range) => range !== undefined) ? { kind, ranges, negated } : undefined;
    }
  }
  if (payload.field === "protocol" || payload.field === "nexthdr" || meta === "l4proto")
    return protocolMatch(values, negated);
  if ((meta === "oifname" || meta === "oif") && values.every((value) => typeof value === "string"))
    return { kind: "device", names: values, negated };
  if (asObject(left.rt ?? {}).key === "ipsec" && typeof values[0] === "boolean")
    return { kind: "ipsec", covered: values[0] !== negated };
  return undefined;
}

function protocolMatch(values: readonly unknown[], negated: boolean): NatMatch | undefined {
  const protocol = values.length === 1 ? protocolNumber(String(values[0])) : undefined;
  return protocol === undefined ? undefined : { kind: "protocol", protocol, negated };
}

/** The values of a right-hand side: one, those of a set in place, or those of a named set; undefined for an unknown set. */
function valuesOf(right: unknown, set: (name: string) => unknown): readonly unknown[] | undefined {
  if (typeof right === "string" && right.startsWith("@")) {
    const elements = set(right);
    return Array.isArray(elements) ? elements.map(bare) : undefined;
  }
  if (typeof right === "object" && right !== null && "set" in right) return listOf(right.set).map(bare);
  return [right];
}

/** An element with a timeout or comment is wrapped. */
function bare(element: unknown): unknown {
  return typeof element === "object" && element !== null && "elem" in element ? asObject(element.elem).val : element;
}

function rangeOf(value: unknown): AddressRange | undefined {
  if (typeof value === "string") {
    const octets = parseAddress(value);
    return octets === undefined ? undefined : { start: octets, end: octets };
  }
  const { prefix, range } = asObject(value);
  if (Array.isArray(range)) {
    const [start, end] = range.map((address) => parseAddress(String(address)));
    return start === undefined || end === undefined ? undefined : { start, end };
  }
  const { addr, len } = asObject(prefix ?? {});
  if (typeof addr !== "string" || typeof len !== "number" || parseAddress(addr) === undefined) return undefined;
  const covered: Prefix = { address: addr, length: len };
  return prefixRange(covered);
}

function usesXtables(rule: Json): boolean {
  return listOf(rule.expr).some((expression) => "xt" in asObject(expression));
}

function tableOf(object: Json): string {
  return `${nameIn(object.family)} ${nameIn(object.table)}`;
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}

function listOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new RangeError("not a ruleset of nft: a list is missing");
  return value;
}

function nameIn(value: unknown): string {
  return typeof value === "string" ? value : "";
}
