/** The way of a packet through policies and SAs, as Linux takes it (net/xfrm: xfrm_lookup, xfrm_input, __xfrm_policy_check). */
import { type Address, familyOf } from "../../negotiate/address.ts";
import { ipProtocol, type Selector } from "../../negotiate/selector.ts";
import type { KernelEvent, PolicyTemplate, SaInstall } from "../port.ts";
import { sameAddress } from "../request-check.ts";
import {
  type ClearPacket,
  type DropReason,
  type Input,
  type Output,
  type ProtectedPacket,
  packetLength,
} from "./packet.ts";
import { carries, type Expiry, type Sad, type SaTuple, spent, type ValidSa } from "./sad.ts";
import type { Spd } from "./spd.ts";

/** What the packet path needs of the kernel around it. */
export interface PathState {
  readonly sad: Sad;
  readonly spd: Spd;
  readonly now: number;
  /** How long a larval SA suppresses further acquires, in milliseconds. */
  readonly acquireExpires: number;
  /** Somebody hears acquires; where nobody does, Linux makes no larval SA. */
  readonly listened: boolean;
  isLocal(address: Address): boolean;
  hasEncapsulationSocket(port: number): boolean;
  emit(event: KernelEvent): void;
}

/** What becomes of a packet on its way out. With `dry`, nothing is counted, raised or changed. */
export function output(state: PathState, packet: ClearPacket, dry: boolean): Output {
  const policy = state.spd.lookup(packet, "out")?.policy;
  if (policy === undefined || policy.action.kind === "exempt") return { kind: "clear", packet };
  if (policy.action.kind === "locked") return { kind: "dropped", reason: "XfrmOutPolBlock" };
  const tuple = saTuple(policy.action.template, packet);
  const { template } = policy.action;
  const entry = state.sad.outbound(tuple, packet, template);
  if (entry === undefined) {
    if (!dry) acquire(state, tuple, packet);
    return { kind: "dropped", reason: "XfrmOutNoStates" };
  }
  if (dry) {
    if (spent(entry)) return { kind: "dropped", reason: "XfrmOutStateExpired" };
    return { kind: "protected", packet: seal(entry, packet, entry.outSequence + 1n, template) };
  }
  const expiry = state.sad.use(entry);
  if (expiry !== undefined) emitExpiry(state, expiry);
  if (expiry?.hard === true) return { kind: "dropped", reason: "XfrmOutStateExpired" };
  entry.outSequence += 1n;
  count(state, entry, carriedLength(entry, packet));
  return { kind: "protected", packet: seal(entry, packet, entry.outSequence, template) };
}

/**
 * What becomes of an ICMP error of this host, from its address `from`, about a packet that came in (icmp_route_lookup):
 * an SA for the error itself, else the way of the packet's answer if that policy is flagged for it, which all of ours
 * are. Where that policy demands an SA and none stands, Linux falls back to the error's own way, in clear.
 */
export function icmpError(state: PathState, about: ClearPacket, from: Address): Output {
  const v4 = familyOf(from) === 4;
  const error: ClearPacket = {
    source: from,
    destination: about.source,
    protocol: v4 ? ipProtocol.icmp : ipProtocol.icmpv6,
    sourcePort: v4 ? 3 : 1,
    destinationPort: 0,
  };
  const own = output(state, error, false);
  if (own.kind === "protected" || (own.kind === "dropped" && own.reason !== "XfrmOutPolBlock")) return own;
  const answer = { ...about, ...reversed(about) };
  const entry = state.spd.lookup(answer, "out");
  if (entry === undefined || entry.owner !== undefined || entry.policy.action.kind === "exempt") return own;
  const way = output(state, answer, false);
  if (way.kind === "dropped") return way.reason === "XfrmOutPolBlock" ? way : own;
  if (way.kind === "clear") return own;
  return { kind: "protected", packet: { ...way.packet, sealed: { ...way.packet.sealed, inner: error } } };
}

/** What becomes of a packet in clear that comes in. */
export function inputClear(state: PathState, packet: ClearPacket, dry: boolean): Input {
  return afterDecapsulation(state, packet, undefined, dry);
}

/** What becomes of a protected packet that comes in. */
export function inputProtected(state: PathState, packet: ProtectedPacket): Input {
  if (!state.isLocal(packet.destination)) return dropped("not-local");
  const { encapsulation } = packet;
  if (encapsulation !== undefined && !state.hasEncapsulationSocket(encapsulation.destinationPort))
    return dropped("port-unreachable");
  const entry = state.sad.named(packet);
  if (entry === undefined) return dropped("XfrmInNoStates");
  if (entry.kind === "larval") return dropped("XfrmAcquireError");
  if ((entry.sa.encapsulation === undefined) !== (encapsulation === undefined)) return dropped("XfrmInStateMismatch");
  if (!entry.replay.accepts(packet.sequence)) return dropped("XfrmInStateSeqError");
  const expiry = state.sad.use(entry);
  if (expiry !== undefined) emitExpiry(state, expiry);
  if (expiry?.hard === true) return dropped("XfrmInStateExpired");
  const isInAh = packet.protocol === "ah" && entry.protocol === "esp";
  if (isInAh && !sameKey(entry.sa.ah, packet.sealed.by.ah)) return dropped("XfrmInStateProtoError");
  if (isInAh && entry.spi !== packet.sealed.by.spi) return dropped("XfrmInNoStates");
  if (!opens(entry.sa, packet.sealed.by)) return dropped("XfrmInStateProtoError");
  entry.replay.advance(packet.sequence);
  if (isCompressed(packet) && entry.sa.cpi !== packet.sealed.by.cpi) return dropped("XfrmInNoStates");
  count(state, entry, carriedLength(entry, packet.sealed.inner));
  reportMapping(state, entry, packet);
  const inner = decapsulate(entry, packet);
  if (inner === undefined) return dropped("XfrmInStateModeError");
  return afterDecapsulation(state, inner, { entry, isInAh }, false);
}

export function emitExpiry(state: Pick<PathState, "emit">, { entry, hard }: Expiry): void {
  const { protocol, spi, destination, reqid } = entry;
  state.emit({ kind: "expire", sa: { protocol, spi, destination }, hard, reqid });
}

function saTuple(template: PolicyTemplate, packet: ClearPacket): SaTuple {
  const { protocol, mode, reqid } = template;
  const ends = mode === "tunnel" ? template : packet;
  return { protocol, mode, reqid, source: ends.source, destination: ends.destination };
}

function acquire(state: PathState, tuple: SaTuple, packet: ClearPacket): void {
  if (!state.listened || state.sad.acquiring(tuple)) return;
  state.sad.addLarval(tuple, 0, state.now + state.acquireExpires);
  const { reqid, source, destination } = tuple;
  state.emit({ kind: "acquire", reqid, packet: packetSelector(packet), source, destination });
}

function reversed({ source, destination, sourcePort, destinationPort }: ClearPacket): Partial<ClearPacket> {
  return {
    source: destination,
    destination: source,
    ...(destinationPort === undefined ? {} : { sourcePort: destinationPort }),
    ...(sourcePort === undefined ? {} : { destinationPort: sourcePort }),
  };
}

/** What a packet came out of. */
interface Way {
  readonly entry: ValidSa;
  /** There was AH around it. */
  readonly isInAh: boolean;
}

/** Policy check and delivery, or forwarding, of a packet that came in clear (`way` undefined) or under an SA. */
function afterDecapsulation(state: PathState, packet: ClearPacket, way: Way | undefined, dry: boolean): Input {
  const local = state.isLocal(packet.destination);
  const reason = inboundDrop(state, packet, local ? "in" : "forward", way);
  if (reason !== undefined) return dropped(reason);
  const under = way === undefined ? {} : { protectedBy: way.entry.spi };
  if (local) return { kind: "accepted", packet, ...under };
  return { kind: "forwarded", output: output(state, packet, dry), ...under };
}

function inboundDrop(
  state: PathState,
  packet: ClearPacket,
  direction: "in" | "forward",
  way: Way | undefined,
): DropReason | undefined {
  if (way !== undefined && !carries(way.entry, packet)) return "XfrmInStateMismatch";
  const action = state.spd.lookup(packet, direction)?.policy.action;
  const tunnelled = way?.entry.mode === "tunnel";
  if (action === undefined) return tunnelled ? "XfrmInNoPols" : undefined;
  switch (action.kind) {
    case "locked":
      return "XfrmInPolBlock";
    case "exempt":
      return tunnelled ? "XfrmInTmplMismatch" : undefined;
    case "protected":
      return way !== undefined && fits(action.template, way) ? undefined : "XfrmInTmplMismatch";
  }
}

/** xfrm_policy_ok: AH that nobody asked for does no harm, since it is in transport mode; the addresses count in tunnel mode only. */
function fits(template: PolicyTemplate, { entry, isInAh }: Way): boolean {
  if (template.withAh === true && !isInAh) return false;
  if (template.protocol !== entry.protocol || template.reqid !== entry.reqid || template.mode !== entry.mode)
    return false;
  if (entry.mode === "transport") return true;
  // IPComp makes the tunnel where there is any: ESP itself is in transport mode then.
  if ((template.compressed === true) !== (entry.sa.compression !== undefined)) return false;
  return addressFits(template.source, entry.source) && addressFits(template.destination, entry.destination);
}

function addressFits(wanted: Address, seen: Address): boolean {
  return wanted === "0.0.0.0" || wanted === "::" || sameAddress(wanted, seen);
}

function seal(entry: ValidSa, inner: ClearPacket, sequence: bigint, { withAh }: PolicyTemplate): ProtectedPacket {
  const { source, destination, protocol, spi, mode, sa } = entry;
  const outermost =
    withAh === true && sa.ahSpi !== undefined ? ({ protocol: "ah", spi: sa.ahSpi } as const) : { protocol, spi };
  const packet = { source, destination, ...outermost, sequence, sealed: { by: sa, mode, inner } };
  return sa.encapsulation === undefined ? packet : { ...packet, encapsulation: sa.encapsulation };
}

/** What is short is left as it is (RFC 3173 2.2); Linux tries nothing below 90 octets. */
function isCompressed({ sealed }: ProtectedPacket): boolean {
  return sealed.by.compression !== undefined && packetLength(sealed.inner) > leastCompressed;
}

/** Both ends hold the same algorithms, keys and (for the ICV's hidden upper half) the same kind of sequence number. */
function opens(mine: SaInstall, theirs: SaInstall): boolean {
  return mine.esn === theirs.esn && sameKey(mine.encr, theirs.encr) && sameKey(mine.integ, theirs.integ);
}

interface Keyed {
  readonly transform: { readonly keyword: string };
  readonly key: Uint8Array;
}

function sameKey(a: Keyed | undefined, b: Keyed | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.transform.keyword === b.transform.keyword &&
    a.key.length === b.key.length &&
    a.key.every((octet, i) => octet === b.key[i])
  );
}

/** What comes out of a packet; undefined where the SA's mode cannot take it. */
function decapsulate(entry: ValidSa, packet: ProtectedPacket): ClearPacket | undefined {
  const { mode, inner } = packet.sealed;
  if (mode === "transport") {
    // The outer addresses are the packet's own: after a NAT they are not what the sender wrote.
    return entry.mode === "transport"
      ? { ...inner, source: packet.source, destination: packet.destination }
      : undefined;
  }
  if (entry.mode === "tunnel") return inner;
  const protocol = familyOf(inner.source) === 4 ? ipProtocol.ipv4 : ipProtocol.ipv6;
  return { source: packet.source, destination: packet.destination, protocol };
}

function reportMapping(state: PathState, entry: ValidSa, packet: ProtectedPacket): void {
  const seen = packet.encapsulation;
  const known = entry.sa.encapsulation;
  if (seen === undefined || known === undefined) return;
  if (sameAddress(packet.source, entry.source) && seen.sourcePort === known.sourcePort) return;
  const { protocol, spi, destination, reqid } = entry;
  state.emit({
    kind: "mapping",
    sa: { protocol, spi, destination },
    reqid,
    from: { address: packet.source, port: seen.sourcePort },
  });
}

function count(state: PathState, entry: ValidSa, length: number): void {
  entry.bytes += BigInt(length);
  entry.packets += 1n;
  entry.lastUsed = state.now;
}

/** What an SA counts of a packet, the same at both ends: all of what is protected, which in transport mode leaves out the IP header. */
function carriedLength(entry: ValidSa, packet: ClearPacket): number {
  return packetLength(packet) - (entry.mode === "transport" ? ipHeaderLength(entry.source) : 0);
}

function ipHeaderLength(address: Address): number {
  return familyOf(address) === 4 ? 20 : 40;
}

function packetSelector(packet: ClearPacket): Selector {
  const length = familyOf(packet.source) === 4 ? 32 : 128;
  const ports = protocolsWithPorts.has(packet.protocol)
    ? { sourcePort: packet.sourcePort ?? 0, destinationPort: packet.destinationPort ?? 0 }
    : {};
  return {
    source: { address: packet.source, length },
    destination: { address: packet.destination, length },
    protocol: packet.protocol,
    ...ports,
  };
}

function dropped(reason: DropReason): Input {
  return { kind: "dropped", reason };
}

/** Octets of the whole packet: what is surely above Linux' threshold in either mode. */
const leastCompressed = 120;

/** ICMP, TCP, UDP, DCCP, ICMPv6, SCTP, MH, UDP-Lite. */
const protocolsWithPorts: ReadonlySet<number> = new Set([1, 6, 17, 33, 58, 132, 135, 136]);
