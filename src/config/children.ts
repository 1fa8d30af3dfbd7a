/** The lines of `protect` to the Child SAs they come to. */

import type { ProposalProtocol } from "../crypto/keywords.ts";
import type { SaLimits } from "../kernel/port.ts";
import { formatPrefix } from "../negotiate/address.ts";
import { expandProtect, isUdpOverlay, type ProtectLine, subnetPairs, udpOverlays } from "../overlay/expand.ts";
import type { ChildDesired } from "../sa/desired.ts";
import { errorAt, type Finding, type KeyPath, warningAt } from "./problem.ts";
import { defaultProposals, refuseWeak, tellWeak } from "./proposals.ts";
import type { peerSection } from "./schema/peer.ts";
import type { ProtectEntry } from "./schema/protect.ts";
import type { ReadProposal } from "./schema/scalars.ts";
import type { Values } from "./shape.ts";

/** The keys of a peer that its lines take over. */
export type ChildOptions = Pick<
  Values<(typeof peerSection)["shape"]>,
  "esp" | "ah" | "lifetime" | "rekey" | "replay-window" | "start" | "idle" | "compress" | "weak" | "ikev1"
>;

export interface BuiltChildren {
  /** Whatever is wrong with their proposals, these are what the lines protect. */
  readonly children: readonly ChildDesired[];
  /** For each child, the index of its line. */
  readonly lines: readonly number[];
  readonly findings: readonly Finding[];
}

/** A line and its place in `protect`, where wrong ones may stand between. */
export interface PlacedEntry {
  readonly index: number;
  readonly entry: ProtectEntry;
}

/** `ports`: UDP ports that carry IKE towards this peer. */
export function buildChildren(
  entries: readonly PlacedEntry[],
  options: ChildOptions,
  ports: readonly number[],
  path: KeyPath,
): BuiltChildren {
  const children: ChildDesired[] = [];
  const lines: number[] = [];
  const findings: Finding[] = [];
  for (const { index: i, entry } of entries) {
    const at = [...path, "protect", i];
    findings.push(...checkEntry(entry, ports, at));
    const chosen = chooseProposals(entry, options, at);
    findings.push(...chosen.findings);
    // A lock on IKE's own ports would cut off every peer.
    if (ikePortClash(entry.thing, ports) !== undefined) continue;
    const hard = hardLimits(entry.lifetime ?? options.lifetime);
    findings.push(...checkRekey(entry.rekey ?? options.rekey, hard, entry.rekey === undefined ? path : at));
    const isPairwise = options.ikev1 === "main" || options.ikev1 === "aggressive";
    const things = isPairwise ? subnetPairs(entry.thing) : [entry.thing];
    for (const expanded of things.flatMap(expandProtect)) {
      const twin = children.findIndex(({ name }) => name === expanded.name);
      if (twin >= 0) {
        if (lines[twin] !== i) {
          findings.push(errorAt(at, `protects the same as protect[${lines[twin]}]: one line is enough, take one out`));
        }
        continue;
      }
      children.push({
        ...expanded,
        mode: entry.thing.kind === "tunnel" ? "tunnel" : (entry.mode ?? expanded.mode),
        line: lineText(entry.thing),
        protocol: chosen.protocol,
        proposals: chosen.proposals,
        ...(chosen.ah === undefined ? {} : { ah: chosen.ah }),
        hard,
        soft: softLimits(entry.rekey ?? options.rekey, hard),
        replayWindow: entry["replay-window"] ?? options["replay-window"] ?? usualReplayWindow,
        ...((entry.compress ?? options.compress) === true ? { compress: true } : {}),
        ...onDemand(entry, options),
        route: entry.thing.kind === "tunnel" && entry.routes !== false,
      });
      lines.push(i);
    }
  }
  return { children, lines, findings };
}

/** A UDP port that IKE needs for itself: protecting it would ask an SA for the packets that make the SA. */
export function ikePortClash(thing: ProtectLine, ports: readonly number[]): string | undefined {
  if (!isUdpOverlay(thing.kind) || !("port" in thing)) return undefined;
  const port = thing.port ?? udpOverlays[thing.kind];
  if (!ports.includes(port)) return undefined;
  return `UDP port ${port} carries IKE itself and cannot be an overlay's: give the port that ${thing.kind} really has`;
}

function checkEntry(entry: ProtectEntry, ports: readonly number[], at: KeyPath): Finding[] {
  const { thing } = entry;
  const findings: Finding[] = [];
  const clash = ikePortClash(thing, ports);
  if (clash !== undefined) findings.push(errorAt([...at, thing.kind, "port"], clash));
  if (thing.kind === "tunnel" && entry.mode === "transport") {
    findings.push(errorAt([...at, "mode"], "transport mode carries no subnets: take mode out, or name an overlay"));
  }
  if (thing.kind !== "tunnel" && entry.routes !== undefined) {
    findings.push(errorAt([...at, "routes"], `routes belong to tunnel lines, and this one protects ${thing.kind}`));
  }
  return findings;
}

/** A line that names `esp` or `ah` takes neither from its peer. */
function chooseProposals(
  entry: ProtectEntry,
  options: ChildOptions,
  at: KeyPath,
): Pick<ChildDesired, "protocol" | "proposals" | "ah"> & { readonly findings: readonly Finding[] } {
  const ofLine = entry.esp !== undefined || entry.ah !== undefined;
  const { esp, ah } = ofLine ? entry : options;
  const findings = ofLine ? checkProposals(entry, options, at) : [];
  if (ah !== undefined && esp === undefined) return { protocol: "ah", proposals: ah, findings };
  const isSound = ah !== undefined || esp?.every(({ alone }) => alone === undefined) === true;
  const proposals = esp !== undefined && isSound ? esp : defaultProposals("esp", options.ikev1);
  return { protocol: "esp", proposals, ...(ah === undefined ? {} : { ah }), findings };
}

/** What is wrong with the proposals of one section, each right by itself; `path` is the section's. */
export function checkProposals(
  section: { readonly [P in ProposalProtocol]?: readonly ReadProposal[] | undefined },
  { weak = [], ikev1 }: Pick<ChildOptions, "weak" | "ikev1">,
  path: KeyPath,
): Finding[] {
  const findings = (["ike", "esp", "ah"] as const).flatMap((protocol) =>
    (section[protocol] ?? []).flatMap((proposal, i) => {
      const at = [...path, protocol, i];
      const refused = refuseWeak(proposal, weak);
      const told = tellWeak(proposal, weak);
      return [
        ...(refused === undefined ? [] : [errorAt(at, refused)]),
        ...(told === undefined ? [] : [warningAt(at, told)]),
      ];
    }),
  );
  return [...findings, ...checkBoth(section, ikev1, path)];
}

/** AH around ESP can be agreed on with IKEv1 alone, and only in it can ESP encrypt without authenticating. */
function checkBoth(
  { esp = [], ah }: Parameters<typeof checkProposals>[0],
  ikev1: ChildOptions["ikev1"],
  path: KeyPath,
): Finding[] {
  if (ah === undefined) {
    return esp.flatMap(({ alone }, i) =>
      alone === undefined ? [] : [errorAt([...path, "esp", i], alone.wrong, { offset: alone.offset })],
    );
  }
  if (esp.length === 0) return [];
  if (ikev1 !== "main" && ikev1 !== "aggressive") return [errorAt([...path, "ah"], besideEsp)];
  return ah.flatMap(({ transforms }, i) =>
    transforms.some(({ type }) => type === "KE") ? [errorAt([...path, "ah", i], groupOfEsp)] : [],
  );
}

function onDemand(entry: ProtectEntry, options: ChildOptions): Pick<ChildDesired, "onDemand"> {
  if ((entry.start ?? options.start) !== "on-demand") return {};
  return { onDemand: { idle: entry.idle ?? options.idle ?? 0 } };
}

function hardLimits(lifetime: ChildOptions["lifetime"]): SaLimits {
  return { seconds: lifetime?.seconds ?? usualLifetime, bytes: lifetime?.bytes, packets: lifetime?.packets };
}

/** Some time is left between the soft and the hard limit, for replacements that have to be tried again. */
function softLimits(rekey: ChildOptions["rekey"], hard: SaLimits): SaLimits {
  return {
    seconds: rekey?.seconds ?? Math.min(usualRekey, Math.floor((hard.seconds * 3) / 4)),
    bytes: rekey?.bytes ?? mostOf(hard.bytes),
    packets: rekey?.packets ?? mostOf(hard.packets),
  };
}

function mostOf(limit: bigint | undefined): bigint | undefined {
  return limit === undefined ? undefined : (limit * 4n) / 5n;
}

/** What is to be replaced must not end before. */
function checkRekey(rekey: ChildOptions["rekey"], hard: SaLimits, at: KeyPath): Finding[] {
  return (["seconds", "bytes", "packets"] as const).flatMap((what) => {
    const soft = rekey?.[what];
    const end = hard[what];
    if (soft === undefined || end === undefined || soft < end) return [];
    return [
      errorAt([...at, "rekey", what], `is not less than lifetime, where ${what} is ${end}: the SA would end before`),
    ];
  });
}

function lineText(thing: ProtectLine): string {
  if (thing.kind === "tunnel") {
    const [local, remote] = [
      [thing.local, ...(thing.moreLocal ?? [])],
      [thing.remote, ...(thing.moreRemote ?? [])],
    ].map((subnets) => subnets.map(formatPrefix).join(", "));
    return `tunnel ${local} <-> ${remote}`;
  }
  return isUdpOverlay(thing.kind) && "port" in thing
    ? `${thing.kind} ${thing.port ?? udpOverlays[thing.kind]}`
    : thing.kind;
}

const besideEsp =
  "stands beside esp, and a Child SA of IKEv2 has one of them: take one out; a line may choose otherwise than its peer. AH around ESP needs ikev1: main or ikev1: aggressive";
const groupOfEsp = "names a key exchange, which beside esp is that of esp: name it there";

/** Seconds: long enough that a daemon may be away for hours, short enough that a dead one's SAs end the same day. */
const usualLifetime = 14_400;

/** Seconds. Three more are left for trying again. */
const usualRekey = 3_600;

/** Packets. strongSwan's 32 loses packets to reordering on multi-queue cards; Linux allows 4096. */
const usualReplayWindow = 128;
