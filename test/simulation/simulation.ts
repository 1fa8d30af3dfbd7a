/** Tells one scenario: engines, simulated kernels, a simulated network, virtual time; every invariant asked at every step. */

import type { EngineEvent } from "../../src/engine/io.ts";
import { crashSecretLength } from "../../src/ikev2/crash-token.ts";
import type { KernelRequest } from "../../src/kernel/port.ts";
import type { ProtectedPacket } from "../../src/kernel/simulated/packet.ts";
import { natTraversalPort, type Path } from "../../src/sa/path.ts";
import { decodeMessage as decodeIkev1Message } from "../../src/wire/ikev1/message.ts";
import { decodeMessage, decodePayloads, encodePayloads } from "../../src/wire/ikev2/message.ts";
import type { Payload } from "../../src/wire/ikev2/payloads/table.ts";
import { install, Nat, through } from "../unit/engine/nat.ts";
import { type Datagram, type End, World } from "../unit/engine/world.ts";
import { Agreement } from "./agreement.ts";
import { Broken, type Invariant } from "./broken.ts";
import { cheapCompute, realCompute } from "./compute.ts";
import { Configurations, type FlowPlan, flowsOf, isConfigured, lineOf, peerName, type Side } from "./configuration.ts";
import { Forcing } from "./forcing.ts";
import { Ledger } from "./ledger.ts";
import { canMeet } from "./meeting.ts";
import {
  downReason,
  leftBehind,
  peerIn,
  policyFault,
  type Snapshot,
  snapshot,
  strays,
  surplus,
  upReason,
} from "./rest.ts";
import { mix, Rng } from "./rng.ts";
import {
  addressesOf,
  addressOf,
  type EndIndex,
  type EndPlan,
  letter,
  ownAddress,
  type PeeringIndex,
  type Scenario,
  type SimulationEvent,
  spareAddress,
  type Variant,
} from "./scenario.ts";
import { happening } from "./story.ts";
import { datagramWords, fateWords, recordWords, requestWords } from "./trace.ts";
import { Traffic } from "./traffic.ts";
import { WatchedKernel } from "./watched-kernel.ts";
import { Weather } from "./weather.ts";

/** How a scenario went. */
export interface Outcome {
  readonly failure: Failure | undefined;
  /** One number of everything that every engine was told and did: equal numbers, equal runs. */
  readonly digest: number;
  readonly counts: Counts;
}

export interface Failure {
  readonly invariant: Invariant;
  readonly at: number;
  readonly message: string;
  readonly cause?: unknown;
}

export interface Counts {
  readonly datagrams: number;
  readonly packets: number;
  readonly delivered: number;
  readonly owed: number;
  readonly compared: number;
  readonly virtualSeconds: number;
}

/** How long after the last trouble everything must stand as configured, in ms: more than any wait of the configuration. */
export const settleTime = 60_000;

/** How long two of what should be one may stand in peace, in ms: an old Child SA lingers. */
const surplusTime = 20_000;

/** How long a process that was told to stop is waited for, as systemd would. */
const stopPatience = 5_000;

/** How long after the end of all a timer or a reservation may last: a lingering IKE SA, a larval SA. */
const afterlife = 45_000;

/** Longer than a packet is ever under way, in ms. */
const longestWay = 100;

type Process = "unborn" | "running" | "stopping" | "gone";

interface Player {
  readonly index: EndIndex;
  readonly end: End;
  readonly kernel: WatchedKernel;
  readonly variants: Map<PeeringIndex, Variant>;
  process: Process;
  /** Addresses that the host has not at the moment. */
  missing: readonly string[];
  /** Counts the processes, so that what was planned for one does not happen to the next. */
  life: number;
}

export function simulate(scenario: Scenario, trace?: (line: string) => void): Outcome {
  const simulation = new Simulation(scenario);
  simulation.trace = trace;
  const failure = simulation.tell();
  return { failure, digest: simulation.digest, counts: simulation.counts };
}

export class Simulation extends World {
  digest = 0x811c9dc5;
  /** Hears of everything that happens, in words. */
  trace: ((line: string) => void) | undefined;
  readonly #scenario: Scenario;
  readonly #configurations: Configurations;
  readonly #players: Player[] = [];
  readonly #byAddress = new Map<string, EndIndex>();
  readonly #weather: Weather;
  readonly #traffic: Traffic;
  readonly #agreement: Agreement;
  readonly #nats: Nat[] = [];
  readonly #ledger: Ledger;
  readonly #forcing: Forcing | undefined;
  readonly #settleTime: number;
  readonly #surplusTime: number;
  #datagrams = 0;

  constructor(scenario: Scenario) {
    super(undefined, scenario.seed);
    this.#scenario = scenario;
    this.#configurations = new Configurations(scenario);
    this.#agreement = new Agreement((address) => this.#publicAddress(address));
    this.#weather = new Weather(scenario.seed);
    this.#settleTime = scenario.settle ?? settleTime;
    this.#surplusTime = scenario.surplus ?? surplusTime;
    this.#ledger = new Ledger(scenario.peerings, this.#settleTime);
    const begins = scenario.events[0]?.at ?? Number.POSITIVE_INFINITY;
    if (scenario.forced !== undefined) this.#forcing = new Forcing(scenario.forced, () => this.now >= begins);
    for (const index of scenario.ends.keys()) this.#players.push(this.#player(index));
    install(this, ...this.#nats);
    this.#traffic = new Traffic(this.#view(), this.#flows());
  }

  get counts(): Counts {
    const { sent, delivered, owed } = this.#traffic;
    const { compared } = this.#agreement;
    return {
      datagrams: this.#datagrams,
      packets: sent,
      delivered,
      owed,
      compared,
      virtualSeconds: Math.round(this.now / 1000),
    };
  }

  /** Where nonces are forced: those that went out. */
  get nonces(): readonly (number | undefined)[] {
    return this.#forcing?.sent ?? [];
  }

  /** From the first start to the last timer; what is broken on the way, if anything. */
  tell(): Failure | undefined {
    try {
      this.#troubles();
      this.#makePeace();
      this.#watch();
      this.#stopAll();
      return undefined;
    } catch (error) {
      if (error instanceof Broken) {
        const { invariant, at, message } = error;
        return { invariant, at, message, cause: error.cause };
      }
      return { invariant: "nothing throws", at: this.now, message: String(error), cause: error };
    }
  }

  override transmit(datagram: Datagram): void {
    const path = this.translate(datagram.path);
    const from = this.#byAddress.get(datagram.path.local.address);
    const to = path === undefined ? undefined : this.#byAddress.get(path.local.address);
    if (from === undefined || to === undefined || path === undefined) return;
    if (!this.#isThere(datagram.path.local.address)) return;
    this.#datagrams += 1;
    this.#note(datagram.octets);
    if (this.#scenario.real) this.#read(datagram.octets);
    const peering = this.#ledger.between(from, to);
    const delay = this.#delay(from, to);
    const copies = this.#weather.fate(from, to, datagram.octets, delay, this.now);
    if (copies.length === 0 && peering !== undefined) this.#ledger.lost(peering, this.now);
    this.trace?.(
      `${this.#clock()} ${letter(from)} -> ${letter(to)} ${datagramWords(datagram.octets)}, ${fateWords(copies)}`,
    );
    for (const copy of copies) this.schedule(copy, () => this.#arrive(to, from, datagram.octets, path));
  }

  override check(event: EngineEvent, end: End): void {
    this.checks += 1;
    if (this.trace !== undefined)
      for (const record of end.log) this.trace(`${this.#clock()} ${this.#name(end)} ${recordWords(record)}`);
    end.log.length = 0;
    end.sent.length = 0;
    const index = this.#byAddress.get(end.address) ?? 0;
    this.digest = mix(this.digest, this.now, index, event.kind.length, event.kind.charCodeAt(0));
  }

  /** Schedules every end's first start. */
  begin(): void {
    for (const [index, { startsAt }] of this.#scenario.ends.entries())
      this.schedule(startsAt, () => this.#start(index));
  }

  /** Between which ends not everything stands once, carrying packets in both directions; a sentence each. */
  unsettled(): string[] {
    const snapshots = this.#snapshots();
    const faults = [...this.#scenario.peerings.keys()].flatMap((index) => [
      this.#fault(index, snapshots) ?? [],
      ...this.#more(index, snapshots).values(),
    ]);
    return [...faults.flat(), ...this.#traffic.lost()];
  }

  // --- what happens ------------------------------------------------------------------------------------------------

  #troubles(): void {
    this.begin();
    for (const event of this.#scenario.events) {
      this.run(Math.max(0, event.at - this.now));
      this.#happen(event);
    }
    this.run(1_000);
  }

  #happen(event: SimulationEvent): void {
    this.digest = mix(this.digest, event.at, event.kind.length);
    this.trace?.(happening(event));
    switch (event.kind) {
      case "crash":
        return this.#crash(event.end, event.down);
      case "restart":
        return this.#restart(event.end, event.down);
      case "down":
      case "up":
        return this.#wish(event.kind, event.end, event.peering);
      case "reconfigure":
        this.#ledger.harmedAt(event.end, this.now);
        this.#players[event.end]?.variants.set(event.peering, event.variant);
        return this.#configure(event.end);
      case "lose":
      case "repeat":
      case "hold":
        return this.#weather.lose(event);
      case "weather":
        return this.#weather.spell(event);
      case "partition":
        this.#weather.cut(event);
        return this.#scenario.peerings.forEach(({ ends }, index) => {
          if (event.ends.includes(ends[0]) !== event.ends.includes(ends[1]))
            this.#ledger.harmed(index, this.now + event.lasts);
        });
      case "refuse":
        return this.#refuse(event);
      case "deafen":
        return this.#deafen(event);
      case "rebind":
        return this.#rebind(event.end);
      case "move":
        return this.#move(event.end, event.missing);
      case "redirect":
        for (const end of event.ends) this.#redirect(end, event.peering, event.to);
        return;
      case "rekey":
        return this.#rekey(event.ends, event.peering, event.what);
      case "demand":
        return this.#demand(event);
      case "expire":
        return this.#expire(event);
    }
  }

  #start(index: EndIndex): void {
    const player = this.#players[index];
    if (player === undefined || player.process === "running") return;
    player.process = "running";
    player.life += 1;
    this.#ledger.forgetWishes(index);
    this.#ledger.harmedAt(index, this.now);
    this.#configure(index);
  }

  #configure(index: EndIndex): void {
    const player = this.#players[index];
    if (player?.process !== "running") return;
    const variant = (peering: PeeringIndex): Variant => player.variants.get(peering) ?? "agreed";
    const wants = ({ peering, line }: FlowPlan): boolean => {
      const plan = this.#scenario.peerings[peering];
      return plan !== undefined && isConfigured(plan, line, variant(peering));
    };
    // First: what an end does not want any more is no longer its to guard.
    this.#traffic.configured(index, wants, this.#ledger.grace(index, this.now));
    if (player.missing.length > 0) player.end.handle({ kind: "addresses", missing: player.missing });
    player.end.configure(this.#configurations.of(index, variant));
  }

  #crash(index: EndIndex, down: number): void {
    const player = this.#players[index];
    if (player === undefined || player.process === "unborn" || player.process === "gone") return;
    player.end.crash();
    player.process = "gone";
    player.life += 1;
    this.#ledger.harmedAt(index, this.now + down);
    this.schedule(down, () => this.#start(index));
  }

  #restart(index: EndIndex, down: number): void {
    const player = this.#players[index];
    if (player?.process !== "running") return;
    player.process = "stopping";
    const { life } = player;
    this.#ledger.harmedAt(index, this.now + stopPatience + down);
    player.end.handle({ kind: "stop" });
    this.schedule(stopPatience, () => {
      if (player.life === life) this.#crash(index, down);
    });
  }

  #wish(kind: "down" | "up", index: EndIndex, peering: PeeringIndex): void {
    const player = this.#players[index];
    const side = this.#scenario.peerings[peering]?.ends.indexOf(index);
    if (player?.process !== "running" || (side !== 0 && side !== 1)) return;
    this.#ledger.wished(index, peering, kind, this.now);
    player.end.handle({ kind, peer: peerName(this.#scenario, peering, side) });
  }

  #refuse(event: Extract<SimulationEvent, { kind: "refuse" }>): void {
    const rng = new Rng(this.#scenario.seed, 13, event.at);
    const until = this.now + event.lasts;
    this.#ledger.refusing(event.end, until);
    this.#players[event.end]?.kernel.failNext(() => this.now < until && rng.chance(event.percent), event.errno, {
      times: Number.MAX_SAFE_INTEGER,
      carriedOut: event.carriedOut,
    });
  }

  #deafen({ end, count, told }: Extract<SimulationEvent, { kind: "deafen" }>): void {
    const kernel = this.#players[end]?.kernel;
    if (told) kernel?.overrunNext(count);
    else kernel?.loseNext("expire", count);
  }

  #rebind(end: EndIndex): void {
    const nat = this.#nats.find(({ address }) => address === addressOf(end));
    if (nat === undefined) return;
    this.#ledger.harmedAt(end, this.now);
    nat.restart();
    this.#forward(nat, end);
  }

  #move(index: EndIndex, missing: "first" | "spare" | "none"): void {
    const player = this.#players[index];
    if (player === undefined || this.#scenario.ends[index]?.spare !== true) return;
    player.missing = missing === "none" ? [] : [missing === "first" ? addressOf(index) : spareAddress(index)];
    this.#ledger.harmedAt(index, this.now);
    if (player.process === "running") player.end.handle({ kind: "addresses", missing: player.missing });
  }

  /** Nothing is excused: the new IKE SA stands, and carries, before the old one goes. */
  #redirect(index: EndIndex, peering: PeeringIndex, to: "first" | "spare" | "anywhere"): void {
    const player = this.#players[index];
    const side = this.#scenario.peerings[peering]?.ends.indexOf(index);
    if (player?.process !== "running" || (side !== 0 && side !== 1)) return;
    if (this.#scenario.ends[index]?.spare !== true) return;
    if (to === "anywhere") this.#ledger.mayStay(index, peering, this.now);
    else this.#ledger.sentAway(index, peering, this.now);
    const address = to === "first" ? addressOf(index) : spareAddress(index);
    const gateway = to === "anywhere" ? undefined : ({ kind: "address", address } as const);
    player.end.handle({ kind: "redirect", peer: peerName(this.#scenario, peering, side), to: gateway });
  }

  /** Whether the host that has this address at other times has it now. */
  #isThere(address: string): boolean {
    const index = this.#byAddress.get(address);
    return index === undefined || this.#players[index]?.missing.includes(address) !== true;
  }

  #forward(nat: Nat, end: EndIndex): void {
    if (this.#scenario.ends[end]?.nat !== "forwarded") return;
    for (const port of [500, 4500]) nat.forward({ address: ownAddress(this.#scenario, end), port }, port);
  }

  #demand({
    ends,
    peering,
    line,
  }: Pick<Extract<SimulationEvent, { kind: "demand" }>, "ends" | "peering" | "line">): void {
    this.#ledger.harmedLine(peering, line, this.now);
    this.#traffic.wake(ends, peering, line);
  }

  #rekey(ends: readonly EndIndex[], peering: PeeringIndex, what: "children" | "ike"): void {
    for (const index of ends) {
      const player = this.#players[index];
      const side = this.#scenario.peerings[peering]?.ends.indexOf(index);
      if (player?.process === "running" && (side === 0 || side === 1))
        player.end.handle({ kind: "rekey", peer: peerName(this.#scenario, peering, side), what });
    }
  }

  #expire(event: Extract<SimulationEvent, { kind: "expire" }>): void {
    for (const index of event.ends) {
      const player = this.#players[index];
      const side = this.#scenario.peerings[event.peering]?.ends.indexOf(index);
      if (player?.process !== "running" || (side !== 0 && side !== 1)) continue;
      const name = peerName(this.#scenario, event.peering, side);
      const peer = player.end.engine.status().peers.find((one) => one.name === name);
      const child = peer?.children[event.child];
      const newest = child?.sas.at(-1);
      if (child === undefined || newest === undefined) continue;
      const sa = { protocol: child.protocol, spi: Number.parseInt(newest.spiIn, 16), destination: player.end.address };
      if (event.hard) {
        const plan = this.#scenario.peerings[event.peering];
        if (plan !== undefined) this.#ledger.harmedLine(event.peering, lineOf(plan, event.child), this.now);
        player.kernel.request({ kind: "deleteSa", sa });
      }
      player.end.handle({ kind: "kernel", event: { kind: "expire", sa, hard: event.hard, reqid: child.reqid } });
    }
  }

  // --- peace, and the end --------------------------------------------------------------------------------------------

  /** Whatever went wrong is over: every process runs, everybody wants what was agreed, the network is whole. */
  #makePeace(): void {
    this.#weather.clear();
    for (const player of this.#players) {
      if (player.missing.length > 0) this.#move(player.index, "none");
      if (player.variants.size > 0) this.#ledger.harmedAt(player.index, this.now);
      player.variants.clear();
      if (player.process === "unborn" || player.process === "gone") this.#start(player.index);
      else if (player.process === "running") this.#configure(player.index);
    }
    this.run(stopPatience + 1_000);
    for (const player of this.#players) if (player.process !== "running") this.#start(player.index);
    for (const { index, peering } of this.#ledger.takenDown()) this.#wish("up", index, peering);
    for (const { index, peering } of this.#ledger.allSentAway()) this.#redirect(index, peering, "anywhere");
    for (const [peering, { ends, onDemand }] of this.#scenario.peerings.entries())
      for (const line of onDemand ?? []) this.#demand({ ends, peering, line });
    this.run(Math.max(this.#settleTime, this.#ledger.calmFrom() - this.now));
  }

  #watch(): void {
    const { peerings, watch } = this.#scenario;
    const onceAt = new Map<string, number>();
    const until = this.now + watch;
    while (this.now < until) {
      this.run(1_000);
      const snapshots = this.#snapshots();
      for (const index of peerings.keys()) {
        const fault = this.#fault(index, snapshots);
        if (fault !== undefined) throw new Broken("what is configured stands once", this.now, `in peace, ${fault}`);
        const more = this.#more(index, snapshots);
        for (const what of onceAt.keys()) if (what.startsWith(`${index} `) && !more.has(what)) onceAt.delete(what);
        for (const [what, words] of more) {
          const since = onceAt.get(what) ?? this.now;
          onceAt.set(what, since);
          if (this.now - since >= this.#surplusTime)
            throw new Broken("what is configured stands once", this.now, `for ${this.#surplusTime / 1000} s, ${words}`);
        }
      }
      for (const view of snapshots) {
        const [stray] = strays(view);
        if (stray !== undefined)
          throw new Broken("nothing stays beyond its time", this.now, `${view.publicAddress} has an SA of no child`);
      }
    }
    for (const { index, end } of this.#players) {
      const fault = policyFault(end, this.#agreed(index), this.#strangers(index));
      if (fault !== undefined)
        throw new Broken("nothing stays beyond its time", this.now, `${letter(index)}: ${fault}`);
    }
  }

  #snapshots(): Snapshot[] {
    return this.#players.map(({ index, end }) => snapshot(end, addressOf(index)));
  }

  /** What is not up between two ends. */
  #fault(index: PeeringIndex, snapshots: readonly Snapshot[]): string | undefined {
    for (const side of [0, 1] as const) {
      const [here, there] = this.#ends(index, side);
      const view = snapshots[here];
      if (view === undefined) continue;
      const plan = this.#scenario.peerings[index];
      const peer = peerIn(view, peerName(this.#scenario, index, side));
      const reason = plan === undefined || canMeet(plan) ? downReason(peer) : upReason(peer, this.#mayBeAnyone(here));
      if (reason !== undefined) return `at ${letter(here)}, towards ${letter(there)}: ${reason}`;
    }
    return undefined;
  }

  /** Whether an end takes callers from anywhere: which of its peers was refused it does not know then. */
  #mayBeAnyone(end: EndIndex): boolean {
    return this.#scenario.peerings.some(({ ends, anywhere }) => anywhere === true && ends[0] === end);
  }

  /** What there is more than one of between two ends. */
  #more(index: PeeringIndex, snapshots: readonly Snapshot[]): Map<string, string> {
    const plan = this.#scenario.peerings[index];
    if (plan !== undefined && !canMeet(plan)) return new Map();
    const [here, there] = this.#ends(index, 0);
    const [one, other] = [snapshots[here], snapshots[there]];
    if (one === undefined || other === undefined) return new Map();
    const more = surplus(one, other, [peerName(this.#scenario, index, 0), peerName(this.#scenario, index, 1)]);
    return new Map(
      [...more].map(([what, words]) => [`${index} ${what}`, `between ${letter(here)} and ${letter(there)}: ${words}`]),
    );
  }

  #ends(index: PeeringIndex, side: Side): [EndIndex, EndIndex] {
    const [one, other] = this.#scenario.peerings[index]?.ends ?? [0, 0];
    return side === 0 ? [one, other] : [other, one];
  }

  #stopAll(): void {
    this.#traffic.end();
    // IKEv1's DELETE is not answered: who says it receives no more, whatever is on its way.
    if (this.#scenario.peerings.some(({ ikev1 }) => ikev1 !== undefined)) this.run(longestWay);
    for (const { index, end } of this.#players) {
      // Together, or each after what the one before it had to say.
      if (this.#scenario.seed % 2 === 0) this.run(mix(this.#scenario.seed, index) % 300);
      end.handle({ kind: "stop" });
    }
    this.run(afterlife);
    for (const { index, end } of this.#players) {
      this.#traffic.check(index);
      const fault = leftBehind(end, this.#agreed(index));
      if (fault !== undefined)
        throw new Broken("nothing stays beyond its time", this.now, `${letter(index)}, after it was stopped: ${fault}`);
    }
  }

  /** The peers of an end with which nothing can come to stand, as their configurations are. */
  #strangers(index: EndIndex): ReadonlySet<string> {
    return new Set(
      this.#scenario.peerings.flatMap((plan, peering) => {
        const side = plan.ends.indexOf(index);
        if ((side !== 0 && side !== 1) || canMeet(plan)) return [];
        return [peerName(this.#scenario, peering, side)];
      }),
    );
  }

  #agreed(index: EndIndex) {
    return this.#configurations.of(index, () => "agreed");
  }

  // --- the parts -------------------------------------------------------------------------------------------------------

  #player(index: EndIndex): Player {
    const { seed, real, ends } = this.#scenario;
    const plan: EndPlan = ends[index] ?? { startsAt: 0, kernelDelay: 0, computeDelay: 0 };
    const address = ownAddress(this.#scenario, index);
    const addresses = plan.spare === true ? [address, spareAddress(index)] : [address];
    const kernel = new WatchedKernel({ addresses, firstSpi: 0x1000_0000 + index * 0x0100_0000 });
    const end = this.add(address, {
      kernel,
      kernelDelay: plan.kernelDelay,
      computeDelay: plan.computeDelay,
      compute: (real ? realCompute : cheapCompute)(new Rng(seed, 17, index)),
      random: (life) => {
        const rng = new Rng(seed, 11, index, life);
        return (length) => this.#forcing?.random(index, rng.bytes(length)) ?? rng.bytes(length);
      },
      ...(plan.crashTokens === true ? { crashSecret: new Rng(seed, 19, index).bytes(crashSecretLength) } : {}),
      ...(this.#forcing === undefined ? {} : { rewrite: this.#forcing.rewrite(index) }),
      ...(real ? { rewrite: (_type, _isResponse, payloads) => this.#readInner(payloads) } : {}),
    });
    for (const own of addresses) this.#byAddress.set(own, index);
    kernel.encapsulationPorts.add(natTraversalPort);
    if (plan.nat !== undefined) {
      const nat = new Nat(this, addressOf(index), [address]);
      this.#forward(nat, index);
      this.#nats.push(nat);
    }
    kernel.watch = {
      before: (request) => this.#traffic.before(index, request),
      after: (request, answer) => {
        this.#noteRequest(request);
        this.trace?.(`${this.#clock()} ${letter(index)} ${requestWords(request)}: ${answer.kind}`);
        if (request.kind === "installSa" && answer.kind === "done")
          this.#agreement.installed(request.sa, letter(index), this.now);
        this.#traffic.after(index, request);
      },
    };
    return { index, end, kernel, variants: new Map(), process: "unborn", missing: [], life: 0 };
  }

  #flows() {
    return this.#scenario.peerings.flatMap((peering, index) =>
      flowsOf(this.#scenario, peering, index).flatMap((plan) => {
        const from = peering.ends[plan.from];
        const to = peering.ends[plan.from === 0 ? 1 : 0];
        const sender = this.#players[from]?.end;
        const receiver = this.#players[to]?.end;
        if (sender === undefined || receiver === undefined) return [];
        return [
          {
            plan,
            from,
            to,
            sender,
            receiver,
            destinations: addressesOf(this.#scenario, to),
            delay: this.#delay(from, to),
          },
        ];
      }),
    );
  }

  /** What the traffic sees of the world. */
  #view() {
    const world = this;
    return {
      get now() {
        return world.now;
      },
      schedule: (delay: number, run: () => void) => this.schedule(delay, run),
      translate: (packet: ProtectedPacket) => this.#seen(packet),
      isCut: (from: EndIndex, to: EndIndex) => this.#weather.isCut(from, to, this.now),
      isCalm: ({ peering, line }: FlowPlan): boolean => {
        const plan = this.#scenario.peerings[peering];
        if (plan === undefined || !canMeet(plan) || !this.#ledger.isCalm(peering, line, this.now)) return false;
        return plan.ends.every((end) => {
          const player = this.#players[end];
          const variant = player?.variants.get(peering) ?? "agreed";
          return player?.process === "running" && isConfigured(plan, line, variant);
        });
      },
    };
  }

  #arrive(to: EndIndex, from: EndIndex, octets: Uint8Array, path: Path): void {
    if (this.#weather.isCut(from, to, this.now) || !this.#isThere(path.local.address)) return;
    const player = this.#players[to];
    // Nobody listens at the port of a process that is gone.
    if (player === undefined || player.process === "unborn" || player.process === "gone") return;
    const handle = (): void => player.end.handle({ kind: "datagram", octets, path });
    if (this.#forcing === undefined) handle();
    else this.#forcing.arrives(to, octets, handle);
  }

  /** A packet as its receiver sees it; only what travels inside UDP comes through a NAT. */
  #seen(packet: ProtectedPacket): ProtectedPacket | undefined {
    if (!this.#isThere(packet.source) || !this.#isThere(packet.destination)) return undefined;
    if (this.#nats.length === 0) return packet;
    const { encapsulation } = packet;
    const from = { address: packet.source, port: encapsulation?.sourcePort ?? 0 };
    const to = { address: packet.destination, port: encapsulation?.destinationPort ?? 0 };
    const seen = through(this.#nats, from, to);
    if (seen === undefined) return undefined;
    const ends = { source: seen.from.address, destination: seen.to.address };
    if (encapsulation !== undefined)
      return { ...packet, ...ends, encapsulation: { sourcePort: seen.from.port, destinationPort: seen.to.port } };
    return ends.source === packet.source && ends.destination === packet.destination ? packet : undefined;
  }

  /** Where the others find who has this address of its own. */
  #publicAddress(address: string): string {
    const index = this.#byAddress.get(address);
    return index === undefined ? address : addressOf(index);
  }

  #delay(from: EndIndex, to: EndIndex): number {
    const index = this.#ledger.between(from, to);
    const peering = index === undefined ? undefined : this.#scenario.peerings[index];
    return peering?.delay[peering.ends[0] === from ? 0 : 1] ?? 10;
  }

  #read(octets: Uint8Array): void {
    // A NAT keepalive (RFC 3948 2.3) is no message.
    if (octets.length === 1) return;
    try {
      if ((octets[17] ?? 0) >> 4 === 1) decodeIkev1Message(octets);
      else decodeMessage(octets);
    } catch (error) {
      throw new Broken("every datagram can be read", this.now, `a datagram of ${octets.length} octets`, error);
    }
  }

  /** What is about to be encrypted can be read again, and is the same then. */
  #readInner(payloads: readonly Payload[]): readonly Payload[] {
    const { firstType, octets } = encodePayloads(payloads);
    const read = decodePayloads(firstType, octets, "protected");
    if (!encodePayloads(read).octets.equals(octets))
      throw new Broken("every datagram can be read", this.now, "what was read is not what was written");
    return payloads;
  }

  #clock(): string {
    return `${(this.now / 1000).toFixed(3).padStart(8)} s `;
  }

  #name(end: End): string {
    return letter(this.#byAddress.get(end.address) ?? 0);
  }

  #note(octets: Uint8Array): void {
    let hash = this.digest;
    for (const octet of octets) hash = Math.imul(hash ^ octet, 0x01000193);
    this.digest = hash >>> 0;
  }

  #noteRequest(request: KernelRequest): void {
    const spi = request.kind === "installSa" || request.kind === "deleteSa" ? request.sa.spi : 0;
    this.digest = mix(this.digest, request.kind.length, spi);
  }
}
