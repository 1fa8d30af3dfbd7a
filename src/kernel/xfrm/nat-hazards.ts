/** Source NAT that rewrites packets before the policies see them: they then leave in clear, or under the wrong policy. */
import { networkInterfaces } from "node:os";
import { type Address, compareOctets, formatPrefix, parseAddress } from "../../negotiate/address.ts";
import { formatSelector, type Selector, selectorFamily } from "../../negotiate/selector.ts";
import type { Hazard, HazardQuery } from "./hazards.ts";
import { readIptablesSave } from "./iptables-save.ts";
import { catchingRule, type NatRule, type NatRules } from "./nat-rules.ts";
import type { NatToolOutput, ReadNatTools } from "./nat-tools.ts";
import { readNftRuleset } from "./nft-ruleset.ts";

/** What one tool's rules do; `exempt` is the command that exempts a tunnel from them. */
interface RuleSource {
  readonly rules: NatRules;
  readonly exempt: (tunnel: Selector, place: string) => string;
}

type Caught = Pick<HazardQuery, "tunnels" | "own">;

/** What the rules that `read` gives do to what is to be protected; `looked` says which tools gave them. */
export async function findNatHazards(
  query: Caught,
  devices: readonly string[],
  read: ReadNatTools,
): Promise<{ readonly hazards: readonly Hazard[]; readonly looked: readonly string[] }> {
  if (query.tunnels.length + query.own.length === 0) return { hazards: [], looked: [] };
  const { nft, iptables, ip6tables, iptablesLegacy, ip6tablesLegacy } = await read();
  const skipIptables = iptables.text !== undefined;
  const sources = [
    ...sourceOf(nft, (text) => readNftRuleset(text, { skipIptables }), exemptWithNft),
    ...[iptables, iptablesLegacy].flatMap((tool) =>
      sourceOf(tool, (text) => readIptablesSave(text, 4), exemptWith("iptables")),
    ),
    ...[ip6tables, ip6tablesLegacy].flatMap((tool) =>
      sourceOf(tool, (text) => readIptablesSave(text, 6), exemptWith("ip6tables")),
    ),
  ];
  return {
    hazards: natHazards(sources, query, devices, addressesOf),
    looked: [nft, iptables, ip6tables, iptablesLegacy, ip6tablesLegacy].map(({ looked }) => looked),
  };
}

/**
 * One hazard per tunnel, or kind of our own packets, device and rule; the same rule read by two tools counts once. `addressesOf` gives
 * a device's addresses: a rule that rewrites a source to itself is none.
 */
export function natHazards(
  sources: readonly RuleSource[],
  { tunnels, own }: Caught,
  devices: readonly string[],
  addressesOf: (device: string) => readonly Address[],
): Hazard[] {
  const hazards = new Map<string, Hazard>();
  const look = (selector: Selector, end: string, isChange: (verdict: NatVerdict, device: string) => boolean) => {
    for (const { rules, exempt } of sources) {
      for (const device of devices) {
        const caught = catchingRule(rules, selector, device);
        if (caught === undefined || !isChange(caught.rule.verdict, device)) continue;
        const { place } = caught.rule;
        const verb = caught.surely ? "rewrites" : "may rewrite";
        hazards.set(`${place} ${formatSelector(selector)} ${device}`, {
          kind: "source-nat",
          device,
          detail: place,
          sentence: `the NAT rule "${place}" ${verb} the source of ${formatSelector(selector)} on ${device}, and what it has rewritten ${end}`,
          remedy: exempt(selector, place),
        });
      }
    }
  };
  for (const tunnel of tunnels) look(tunnel, "leaves in clear", () => true);
  for (const { selector, locked } of own) {
    const end = locked ? "is stopped by local.lock" : "leaves in clear, for local.lock does not name it";
    // Ports make no difference to what a rule does to an address.
    const packets = { ...selector, sourcePort: undefined, destinationPort: undefined };
    look(packets, end, (verdict, device) => changes(verdict, selector, () => addressesOf(device)));
  }
  return [...hazards.values()];
}

type NatVerdict = NatRule["verdict"];

/** Whether the source is another one afterwards, as far as can be told: it is the host's own address. */
function changes(verdict: NatVerdict, { source }: Selector, addresses: () => readonly Address[]): boolean {
  if (verdict.kind !== "nat" || verdict.to === undefined) return true;
  const before = parseAddress(source.address);
  if (before === undefined) return true;
  if (verdict.to !== "device") return compareOctets(verdict.to.start, before) !== 0;
  const candidates = addresses().filter((address) => parseAddress(address)?.length === before.length);
  return candidates.length === 0 || candidates.some((address) => address !== source.address);
}

/** Link-local addresses are no source towards other networks. */
function addressesOf(device: string): Address[] {
  return (networkInterfaces()[device] ?? []).flatMap(({ address, scopeid }) =>
    scopeid === undefined || scopeid === 0 ? [address] : [],
  );
}

function exemptWithNft(tunnel: Selector, place: string): string {
  const [, family = "ip", table = "nat", chain = "postrouting"] =
    /^nft table (\S+) (\S+), chain ([^,]+)/.exec(place) ?? [];
  const ip = selectorFamily(tunnel) === 4 ? "ip" : "ip6";
  const { source, destination } = tunnel;
  return `nft insert rule ${family} ${table} ${chain} ${ip} saddr ${formatPrefix(source)} ${ip} daddr ${formatPrefix(destination)} accept`;
}

function exemptWith(tool: string): (tunnel: Selector) => string {
  return ({ source, destination }) =>
    `${tool} -t nat -I POSTROUTING -s ${formatPrefix(source)} -d ${formatPrefix(destination)} -j ACCEPT`;
}

function sourceOf(
  { text }: NatToolOutput,
  read: (text: string) => NatRules,
  exempt: RuleSource["exempt"],
): RuleSource[] {
  if (text === undefined) return [];
  try {
    return [{ rules: read(text), exempt }];
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) return [];
    throw error;
  }
}
