/** Packets that flow all the time, on every configured child in both directions, and what must become of them. */
import type { KernelRequest } from "../../src/kernel/port.ts";
import { type ProtectedPacket, selectorMatches } from "../../src/kernel/simulated/packet.ts";
import type { End } from "../unit/engine/world.ts";
import { Broken } from "./broken.ts";
import type { FlowPlan } from "./configuration.ts";
import { mix } from "./rng.ts";
import { type EndIndex, letter, type PeeringIndex } from "./scenario.ts";

/** How often a flow sends when nothing happens; whatever changes a kernel has it send at once, before and after. */
const interval = 2_500;

/** How long after its configuration an end may take to lock a flow, in ms. */
const lockingTime = 2_000;

/** Whether an end keeps a flow from passing in clear: it must from `by` on, and for ever once it was seen to. */
type Guard = { readonly kind: "off" } | { readonly kind: "due"; readonly by: number } | { readonly kind: "on" };

export interface Flow {
  readonly plan: FlowPlan;
  readonly from: EndIndex;
  readonly to: EndIndex;
  readonly sender: End;
  readonly receiver: End;
  /** Where the sender finds the receiver. */
  readonly destinations: readonly string[];
  readonly delay: number;
  readonly guards: { sender: Guard; receiver: Guard };
  /** Nothing is sent before somebody has a reason to. */
  asleep: boolean;
}

/** What the traffic needs to know of the world. */
export interface TrafficWorld {
  readonly now: number;
  schedule(delay: number, run: () => void): void;
  /** Both ends have been up, and the network whole, for longer than the stated time. */
  isCalm(flow: FlowPlan): boolean;
  isCut(from: EndIndex, to: EndIndex): boolean;
  /** A packet as it comes out of the NATs on its way; undefined: it does not. */
  translate(packet: ProtectedPacket): ProtectedPacket | undefined;
}

export class Traffic {
  readonly flows: readonly Flow[];
  sent = 0;
  delivered = 0;
  /** Deliveries that were owed: both ends in peace. */
  owed = 0;
  readonly #world: TrafficWorld;
  /** By end. */
  readonly #leaving = new Map<EndIndex, Flow[]>();
  readonly #entering = new Map<EndIndex, Flow[]>();
  /** When each end's leaving flows have all sent last, with no change since. */
  readonly #sentAt = new Map<EndIndex, number>();
  #over = false;

  constructor(world: TrafficWorld, flows: readonly Omit<Flow, "guards" | "asleep">[]) {
    this.#world = world;
    this.flows = flows.map((flow) => ({ ...flow, guards: { sender: off, receiver: off }, asleep: flow.plan.onDemand }));
    this.flows.forEach((flow, index) => {
      add(this.#leaving, flow.from, flow);
      add(this.#entering, flow.to, flow);
      world.schedule(mix(index) % interval, () => this.#steadily(flow));
    });
  }

  /** No more packets: the ends are about to be stopped. What must not pass in clear still must not. */
  end(): void {
    this.#over = true;
  }

  /** A line that is negotiated on demand is demanded. */
  wake(ends: readonly EndIndex[], peering: PeeringIndex, line: number): void {
    for (const flow of this.flows) {
      const { plan } = flow;
      if (!flow.asleep || plan.peering !== peering || plan.line !== line || !ends.includes(flow.from)) continue;
      flow.asleep = false;
      this.#send(flow);
    }
  }

  /** An end was told what to want: from now on, or no more, a flow is its to guard. */
  configured(end: EndIndex, wants: (flow: FlowPlan) => boolean, grace: number): void {
    const by = this.#world.now + lockingTime + grace;
    for (const flow of this.#leaving.get(end) ?? [])
      flow.guards.sender = told(flow.guards.sender, wants(flow.plan), by);
    for (const flow of this.#entering.get(end) ?? [])
      flow.guards.receiver = told(flow.guards.receiver, wants(flow.plan), by);
  }

  /** The flows whose packets do not get through at this moment, in a sentence each. */
  lost(): string[] {
    return this.flows.flatMap((flow) => {
      if (flow.asleep) return [];
      const out = flow.sender.kernel.send(flow.plan.packet);
      if (out.kind !== "protected") return [`${said(flow)} does not leave`];
      const seen = this.#world.translate(out.packet);
      const input = seen === undefined ? undefined : flow.receiver.kernel.receive(seen);
      return input !== undefined && input.kind !== "dropped" ? [] : [`${said(flow)} is lost`];
    });
  }

  before(end: EndIndex, request: KernelRequest): void {
    if (this.#over || this.#sentAt.get(end) === this.#world.now) return;
    for (const flow of this.#touched(end, request)) this.#send(flow);
  }

  after(end: EndIndex, request: KernelRequest): void {
    this.#sentAt.set(end, this.#world.now);
    for (const flow of this.#touched(end, request)) {
      this.#guardSender(flow);
      if (!this.#over) this.#send(flow);
    }
    if (request.kind !== "setPolicy" && request.kind !== "deletePolicy") return;
    for (const flow of this.#entering.get(end) ?? []) this.#guardReceiver(flow);
  }

  /** Looks at all guards of an end: whatever could have opened one without a request. */
  check(end: EndIndex): void {
    for (const flow of this.#leaving.get(end) ?? []) this.#guardSender(flow);
    for (const flow of this.#entering.get(end) ?? []) this.#guardReceiver(flow);
  }

  /** The flows that leave an end and whose way a request may change. */
  #touched(end: EndIndex, request: KernelRequest): readonly Flow[] {
    const leaving = this.#leaving.get(end) ?? [];
    switch (request.kind) {
      case "installSa":
      case "deleteSa": {
        const { destination } = request.sa;
        return leaving.filter((flow) => flow.destinations.includes(destination));
      }
      case "setPolicy":
      case "deletePolicy": {
        const { selector, direction } = request.kind === "setPolicy" ? request.policy : request;
        return direction === "out" ? leaving.filter(({ plan }) => selectorMatches(selector, plan.packet)) : [];
      }
      default:
        return [];
    }
  }

  #steadily(flow: Flow): void {
    if (this.#over) return;
    this.#guardSender(flow);
    this.#guardReceiver(flow);
    this.#send(flow);
    this.#world.schedule(interval, () => this.#steadily(flow));
  }

  #guardSender(flow: Flow): void {
    const { sender, plan, guards } = flow;
    if (guards.sender.kind === "off") return;
    const passes = sender.kernel.wouldPass(plan.packet) === "clear";
    guards.sender = this.#guarded(guards.sender, passes, flow, `${letter(flow.from)} lets leave in clear`);
  }

  #guardReceiver(flow: Flow): void {
    const { receiver, plan, guards } = flow;
    if (guards.receiver.kind === "off") return;
    const passes = receiver.kernel.wouldPass(plan.packet) !== "no";
    guards.receiver = this.#guarded(guards.receiver, passes, flow, `${letter(flow.to)} lets enter in clear`);
  }

  #guarded(guard: Guard, passes: boolean, flow: Flow, what: string): Guard {
    if (!passes) return on;
    if (guard.kind === "off" || (guard.kind === "due" && guard.by > this.#world.now)) return guard;
    throw new Broken("no clear packet", this.#world.now, `${what}: ${said(flow)}`);
  }

  #send(flow: Flow): void {
    if (flow.asleep) return;
    const owed = this.#world.isCalm(flow.plan);
    this.sent += 1;
    const out = flow.sender.kernel.send(flow.plan.packet);
    if (out.kind === "protected") {
      if (this.#world.isCut(flow.from, flow.to)) return;
      const seen = this.#world.translate(out.packet);
      if (seen !== undefined) return this.#world.schedule(flow.delay, () => this.#arrive(flow, seen, owed));
      if (!owed) return;
      throw new Broken("no packet lost in peace", this.#world.now, `${said(flow)} is lost at the NAT`);
    }
    if (out.kind === "dropped" && owed)
      throw new Broken("no packet lost in peace", this.#world.now, `${said(flow)} does not leave: ${out.reason}`);
  }

  #arrive(flow: Flow, packet: ProtectedPacket, owedWhenSent: boolean): void {
    const { now } = this.#world;
    const input = flow.receiver.kernel.receive(packet);
    const spi = packet.spi.toString(16);
    if (input.kind === "dropped") {
      if (disagreement.has(input.reason))
        throw new Broken("both ends agree", now, `${said(flow)} under ${spi} is not understood: ${input.reason}`);
      if (owedWhenSent && this.#world.isCalm(flow.plan))
        throw new Broken("no packet lost in peace", now, `${said(flow)} under ${spi} is dropped: ${input.reason}`);
      return;
    }
    if (input.protectedBy === undefined)
      throw new Broken("no clear packet", now, `${said(flow)} was taken without protection`);
    this.delivered += 1;
    if (owedWhenSent) this.owed += 1;
  }
}

const off: Guard = { kind: "off" };
const on: Guard = { kind: "on" };

/** Drops that no loss and no crash explains: the two ends of one SA hold different things of it. */
const disagreement: ReadonlySet<string> = new Set(["XfrmInStateProtoError", "XfrmInStateModeError"]);

function told(guard: Guard, wanted: boolean, by: number): Guard {
  if (!wanted) return off;
  return guard.kind === "off" ? { kind: "due", by } : guard;
}

function add<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

function said({ from, to, plan }: Flow): string {
  const { protocol, sourcePort, destinationPort } = plan.packet;
  const ports = sourcePort === undefined ? "" : `, port ${sourcePort} to ${destinationPort}`;
  return `a packet of ${letter(from)} to ${letter(to)} (protocol ${protocol}${ports})`;
}
