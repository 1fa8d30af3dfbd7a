/** What the ends of a scenario are configured to want, and the packets that flow because of it. */

import type { ClearPacket } from "../../src/kernel/simulated/packet.ts";
import type { Prefix } from "../../src/negotiate/address.ts";
import { expandProtect, type ProtectLine } from "../../src/overlay/expand.ts";
import type { DesiredState, PeerDesired, PeerTiming } from "../../src/sa/desired.ts";
import type { InnerAddressDesired, XauthDesired } from "../../src/sa/remote-access.ts";
import { desired, type PeerOptions, peer } from "../unit/engine/desired.ts";
import {
  addressesOf,
  addressOf,
  type EndIndex,
  type Extras,
  type Ikev1Plan,
  letter,
  ownAddress,
  type Peering,
  type PeeringIndex,
  type Scenario,
  type Variant,
} from "./scenario.ts";

/** 0: the first end of a peering, 1: the second. */
export type Side = 0 | 1;

export function otherSide(side: Side): Side {
  return side === 0 ? 1 : 0;
}

/** A packet of one end of a peering to the other, and the children of which it is. */
export interface FlowPlan {
  readonly peering: PeeringIndex;
  readonly from: Side;
  /** The place in `Peering.protect` of the line it is protected by. */
  readonly line: number;
  readonly onDemand: boolean;
  readonly packet: ClearPacket;
}

/** All in all an unanswered request is given up after 15.5 s. */
const timing: PeerTiming = {
  retransmitFirst: 500,
  retransmitFactor: 2,
  retransmitTries: 4,
  liveness: 10_000,
  retryFirst: 500,
  retryLongest: 8_000,
  ikeRekey: 0,
  ikeLifetime: 0,
  linger: 2_000,
};

/** The name an end has for the other one of a peering. */
export function peerName(scenario: Scenario, index: PeeringIndex, side: Side): string {
  const peering = scenario.peerings[index];
  return `to-${letter(peering?.ends[otherSide(side)] ?? 0)}`;
}

/** The configurations of a scenario, each made once: the same wish is the same object. */
export class Configurations {
  readonly #scenario: Scenario;
  readonly #peers = new Map<string, PeerDesired>();

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  /** What an end wants, given how it differs from what was agreed. */
  of(end: EndIndex, variant: (peering: PeeringIndex) => Variant): DesiredState {
    const peers: PeerDesired[] = [];
    this.#scenario.peerings.forEach((peering, index) => {
      for (const side of [0, 1] as const) {
        if (peering.ends[side] !== end) continue;
        const chosen = variant(index);
        if (chosen !== "absent") peers.push(this.#peer(index, peering, side, chosen));
      }
    });
    return desired(peers);
  }

  #peer(index: PeeringIndex, peering: Peering, side: Side, variant: Variant): PeerDesired {
    const key = `${index} ${side} ${variant}`;
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    const lines = side === 0 ? peering.protect : peering.protect.map(mirrored);
    const here = peering.ends[side];
    const there = peering.ends[otherSide(side)];
    const { ends } = this.#scenario;
    const made = peer(ownAddress(this.#scenario, here), addressOf(there), {
      name: peerName(this.#scenario, index, side),
      localId: `gw-${letter(here)}`,
      remoteId: `gw-${letter(there)}`,
      ...(peering.anywhere === true && side === 0 ? { remote: "any" } : {}),
      protect: linesOf(lines, variant),
      esp: peering.esp[side],
      ike: peering.ike[side],
      initiate: peering.initiate[side],
      ...limitsOf(peering, side),
      ...ikev1Of(peering, side),
      timing: {
        ...timing,
        liveness: variant === "other-liveness" ? peering.liveness + 1_000 : peering.liveness,
        ...ikeTimes(peering.extras?.ikeSeconds[side] ?? 0),
      },
      ...(peering.extras === undefined ? {} : extrasOf(peering.extras, side)),
      ...(peering.ends.some((end) => ends[end]?.spare === true)
        ? {
            mobike: true,
            remote: addressesOf(this.#scenario, there),
            otherLocals: addressesOf(this.#scenario, here).slice(1),
          }
        : {}),
    });
    const compressed = new Set(
      (peering.extras?.compressed ?? []).flatMap((line) => childrenOf(lines[line]).map(({ name }) => name)),
    );
    const demanded = new Set(
      (peering.onDemand ?? []).flatMap((line) => childrenOf(lines[line]).map(({ name }) => name)),
    );
    const children = made.children.map((child) => ({
      ...child,
      ...(demanded.has(child.name) ? { onDemand: { idle: 0 } } : {}),
      ...(compressed.has(child.name) ? { compress: true as const } : {}),
    }));
    const whole = { ...made, children };
    this.#peers.set(key, whole);
    return whole;
  }
}

/** The line that the n-th child of a peering is of. */
export function lineOf({ protect }: Peering, child: number): number {
  let before = 0;
  return protect.findIndex((line) => {
    before += childrenOf(line).length;
    return child < before;
  });
}

/** A Child SA has a minute to be replaced. */
function limitsOf({ hardSeconds, softSeconds, ikev1 }: Peering, side: Side): Pick<PeerOptions, "hardSeconds" | "soft"> {
  const seconds = ikev1?.softSeconds[side] ?? softSeconds;
  if (seconds === 0) return { hardSeconds };
  return { hardSeconds: ikev1 === undefined ? hardSeconds : seconds + 60, soft: { seconds } };
}

function ikev1Of(
  { ikev1, protect }: Peering,
  side: Side,
): Pick<PeerOptions, "ikev1" | "around" | "compress" | "xauth" | "innerAddress"> {
  const policy = ikev1?.policies[side] ?? "off";
  const { set, login, inner } = ikev1 ?? {};
  const [tunnel] = protect;
  return {
    ...(policy === "off" ? {} : { ikev1: policy }),
    ...(set?.ah === true ? { around: ["sha256"] } : {}),
    ...(set?.compress === true ? { compress: true } : {}),
    ...(login === undefined ? {} : { xauth: side === login ? user : users }),
    ...(inner === undefined || tunnel.kind !== "tunnel" ? {} : { innerAddress: innerOf(inner, tunnel, side) }),
  };
}

/** The pool is one address, whatever else the tunnel's other end has: packets are known before anybody has asked. */
function innerOf(
  { client, by }: NonNullable<Ikev1Plan["inner"]>,
  { local, remote }: Extract<ProtectLine, { kind: "tunnel" }>,
  side: Side,
): InnerAddressDesired {
  return side === client ? { kind: "client", by } : { kind: "server", by, pool: client === 0 ? local : remote };
}

const password = { name: "file:user.password", octets: Buffer.from("a word of some length") };
const user: XauthDesired = { kind: "client", user: "user", password };
const users: XauthDesired = { kind: "server", users: [{ name: "user", password }] };

/** The IKE SA has a minute to be replaced. */
function ikeTimes(seconds: number): Pick<PeerTiming, "ikeRekey" | "ikeLifetime"> {
  return seconds === 0
    ? { ikeRekey: 0, ikeLifetime: 0 }
    : { ikeRekey: seconds * 1000, ikeLifetime: (seconds + 60) * 1000 };
}

function extrasOf(
  { reauthSeconds, window, fragmentSize, resumption }: Extras,
  side: Side,
): Pick<PeerDesired, "reauth" | "messages" | "resumption"> {
  return {
    reauth: reauthSeconds[side] * 1000,
    messages: { window: window[side], fragmentSize: fragmentSize[side] },
    resumption,
  };
}

function childrenOf(line: ProtectLine | undefined) {
  return line === undefined ? [] : expandProtect(line);
}

/** Whether a line is configured in a variant. */
export function isConfigured(peering: Peering, line: number, variant: Variant): boolean {
  return linesOf(peering.protect, variant).length > line;
}

/** Every packet that a peering protects, in both directions. */
export function flowsOf(scenario: Scenario, peering: Peering, index: PeeringIndex): FlowPlan[] {
  return peering.protect.flatMap((protect, line) =>
    ([0, 1] as const).flatMap((from) => {
      const own = from === 0 ? protect : mirrored(protect);
      const source = ownAddress(scenario, peering.ends[from]);
      const destination = addressOf(peering.ends[otherSide(from)]);
      const onDemand = peering.onDemand?.includes(line) === true;
      return packetsOf(own, source, destination).map((packet) => ({ peering: index, from, line, onDemand, packet }));
    }),
  );
}

function linesOf<T>(lines: readonly T[], variant: Variant): readonly T[] {
  if (variant === "absent") return [];
  return variant === "fewer-children" && lines.length > 1 ? lines.slice(0, -1) : lines;
}

function mirrored(line: ProtectLine): ProtectLine {
  if (line.kind !== "tunnel") return line;
  return { ...line, local: line.remote, remote: line.local, moreLocal: line.moreRemote, moreRemote: line.moreLocal };
}

/** What the line of one end has it send. */
function packetsOf(line: ProtectLine, source: string, destination: string): ClearPacket[] {
  switch (line.kind) {
    case "vxlan":
    case "geneve": {
      const port = line.port ?? (line.kind === "vxlan" ? 4789 : 6081);
      const udp = { source, destination, protocol: 17 };
      return [
        { ...udp, sourcePort: 51_234, destinationPort: port },
        { ...udp, sourcePort: port, destinationPort: 49_999 },
      ];
    }
    case "tunnel":
      return [line.local, ...(line.moreLocal ?? [])].flatMap((here) =>
        [line.remote, ...(line.moreRemote ?? [])].map((there) => ({
          source: hostIn(here),
          destination: hostIn(there),
          protocol: 6,
        })),
      );
    case "gre":
      return [{ source, destination, protocol: 47 }];
    case "ipip":
      return [{ source, destination, protocol: 4 }];
    case "sit":
    case "ip6":
      return [{ source, destination, protocol: 41 }];
  }
}

/** The host whose packets a subnet's are. */
export function hostIn({ address }: Prefix): string {
  return address.replace(/\.0$/, ".5");
}
