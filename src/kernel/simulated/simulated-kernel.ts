/**
 * A kernel in memory: refuses what Linux refuses, moves packets as Linux moves them, in virtual time.
 *
 * Held to the conformance suite that the real kernel passes too. It takes every step synchronously: a request, a packet
 * or `advance` returns after its events have been heard.
 */
import { type Address, prefixCovers } from "../../negotiate/address.ts";
import { isOurReqid } from "../ownership.ts";
import type {
  Kernel,
  KernelAbilities,
  KernelAnswer,
  KernelEvent,
  KernelRequest,
  Policy,
  Route,
  SaId,
  SaInstall,
  SaUsage,
  StandingSa,
} from "../port.ts";
import { canonicalPrefix, canonicalSelector, refused, requestFault, sameAddress } from "../request-check.ts";
import { type FaultOptions, Faults, type RequestMatch } from "./faults.ts";
import { moveSas } from "./migration.ts";
import { type ClearPacket, type Input, isProtected, type Output, type Packet } from "./packet.ts";
import { emitExpiry, icmpError, inputClear, inputProtected, output, type PathState } from "./packet-path.ts";
import { Sad, type SadEntry } from "./sad.ts";
import { Spd } from "./spd.ts";

export interface SimulatedKernelOptions {
  /** This host's addresses: a packet to any other is forwarded. */
  readonly addresses: readonly Address[];
  /** Milliseconds since 1970; 0 when left out. */
  readonly now?: number;
  /** net.core.xfrm_acq_expires; Linux and this kernel say 30. */
  readonly acquireSeconds?: number;
  /** Keywords of transforms that this kernel was built without. */
  readonly unsupported?: readonly string[];
  /** Whether it says that it sends NAT keepalives by itself; it sends none. */
  readonly natKeepalive?: boolean;
  /** The first SPI given; the following ones count up. */
  readonly firstSpi?: number;
}

/** A socket option of the packet's socket: IKE's own packets bypass the policies. */
export interface PacketOptions {
  readonly bypass?: boolean;
}

export class SimulatedKernel implements Kernel {
  /** Every request that came, in order. */
  readonly journal: KernelRequest[] = [];
  /** The UDP ports at which a socket with UDP_ENCAP is open. */
  readonly encapsulationPorts: Set<number> = new Set();
  readonly #addresses: Address[];
  readonly #sad = new Sad();
  readonly #spd = new Spd();
  readonly #routes: { route: Route; ours: boolean }[] = [];
  readonly #faults = new Faults();
  readonly #acquireExpires: number;
  readonly #unsupported: ReadonlySet<string>;
  readonly #abilities: KernelAbilities;
  #listeners: ((event: KernelEvent) => void)[] = [];
  #now: number;
  #nextSpi: number;
  #nextCpi = 0x100;

  constructor(options: SimulatedKernelOptions) {
    this.#addresses = [...options.addresses];
    this.#now = options.now ?? 0;
    this.#acquireExpires = (options.acquireSeconds ?? 30) * 1000;
    this.#unsupported = new Set(options.unsupported);
    this.#abilities = { natKeepalive: options.natKeepalive ?? false };
    this.#nextSpi = options.firstSpi ?? 0xc000_0000;
  }

  request(request: KernelRequest): KernelAnswer {
    this.journal.push(request);
    const fault = this.#faults.take(request);
    if (fault === undefined) return this.#carryOut(request);
    if (fault.carriedOut) this.#carryOut(request);
    return fault.answer;
  }

  onEvent(listener: (event: KernelEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** The process is gone: nobody hears events. SAs and policies stay, and a new process may listen again. */
  close(): void {
    this.#listeners = [];
  }

  /** A packet that this host, or one behind it, sends. */
  send(packet: ClearPacket, options: PacketOptions = {}): Output {
    if (options.bypass === true) return { kind: "clear", packet };
    if (this.#isLocal(packet.source)) return output(this.#state(), packet, false);
    const input = inputClear(this.#state(), packet, false);
    if (input.kind === "forwarded") return input.output;
    return input.kind === "dropped" ? input : { kind: "clear", packet };
  }

  /** A packet that comes from the wire. */
  receive(packet: Packet, options: PacketOptions = {}): Input {
    if (isProtected(packet)) return inputProtected(this.#state(), packet);
    if (options.bypass === true) return { kind: "accepted", packet };
    return inputClear(this.#state(), packet, false);
  }

  /** What becomes of this host's ICMP error, sent from its address `from`, about a packet that it has taken. */
  icmpError(about: ClearPacket, from: Address): Output {
    return icmpError(this.#state(), about, from);
  }

  /** Whether a packet in clear would pass, without moving, counting or raising anything: inbound where it is for this host. */
  wouldPass(packet: ClearPacket): "clear" | "protected" | "no" {
    const state = this.#state();
    if (!this.#isLocal(packet.destination) && this.#isLocal(packet.source)) return verdict(output(state, packet, true));
    const input = inputClear(state, packet, true);
    if (input.kind === "forwarded") return verdict(input.output);
    return input.kind === "accepted" ? "clear" : "no";
  }

  /** Lets time pass up to `now` (milliseconds); every limit on the way falls due at its own time. */
  advance(now: number): void {
    if (now < this.#now) throw new RangeError(`time does not run back: from ${this.#now} to ${now}`);
    for (;;) {
      const next = this.#sad.nextDeadline();
      if (next === undefined || next > now) break;
      this.#now = Math.max(this.#now, next);
      for (const expiry of this.#sad.expire(this.#now)) emitExpiry(this.#state(), expiry);
    }
    this.#now = now;
  }

  /** When the next time limit falls due, in milliseconds. */
  nextDeadline(): number | undefined {
    return this.#sad.nextDeadline();
  }

  /** The next matching request is refused with `errno`. */
  failNext(match: RequestMatch, errno: string, options?: FaultOptions): void {
    this.#faults.failNext(match, errno, options);
  }

  /** Injected faults that no request has met yet. */
  get pendingFaults(): number {
    return this.#faults.pending;
  }

  /** The next `count` events are lost, and an overrun is heard in their place. */
  overrunNext(count = 1): void {
    this.#faults.loseNext("any", count, true);
  }

  /** The next events of a kind are lost and nobody is told. */
  loseNext(kind: KernelEvent["kind"], count = 1): void {
    this.#faults.loseNext(kind, count, false);
  }

  /** A policy of another owner. */
  addForeignPolicy(policy: Policy, owner: string): void {
    this.#spd.set({ ...policy, selector: canonicalSelector(policy.selector) }, owner);
  }

  /** An SA of another owner. */
  addForeignSa(sa: SaInstall): void {
    this.#sad.add(sa, this.#now);
  }

  /** A route of another owner. */
  addForeignRoute(route: Route): void {
    this.#routes.push({ route, ours: false });
  }

  /** Our routes, in the order in which they were set. */
  get routes(): readonly Route[] {
    return this.#routes.filter(({ ours }) => ours).map(({ route }) => route);
  }

  addAddress(address: Address): void {
    this.#addresses.push(address);
  }

  #carryOut(request: KernelRequest): KernelAnswer {
    const fault = requestFault(request);
    if (fault !== undefined) return refused(request.kind, "EINVAL", fault);
    switch (request.kind) {
      case "allocateSpi":
        return this.#allocateSpi(request);
      case "installSa":
        return this.#installSa(request);
      case "deleteSa":
        return this.#deleteSa(request);
      case "querySa":
        return this.#querySa(request);
      case "querySas":
        return { kind: "usages", usages: request.sas.map((sa) => this.#usageOf(sa)) };
      case "clearAcquire":
        return this.#clearAcquire(request);
      case "migrate":
        return this.#migrate(request);
      case "probe":
        return { kind: "abilities", abilities: this.#abilities };
      case "setPolicy":
        return this.#setPolicy(request);
      case "deletePolicy":
        return this.#deletePolicy(request);
      case "listSas":
        return { kind: "sas", sas: this.#sad.entries.flatMap(standing) };
      case "listPolicies":
        return { kind: "policies", policies: this.#spd.entries.filter(isOurs).map(({ policy }) => policy) };
      case "setRoute":
        return this.#setRoute(request);
      case "deleteRoute":
        return this.#deleteRoute(request);
    }
  }

  #allocateSpi(request: RequestOf<"allocateSpi">): KernelAnswer {
    const { protocol, destination } = request;
    while (this.#sad.find({ protocol, destination, spi: this.#nextSpi }) !== undefined) this.#nextSpi += 1;
    const spi = this.#nextSpi;
    this.#nextSpi += 1;
    const larval = this.#sad.findAcquire(request);
    if (larval === undefined) this.#sad.addLarval(request, spi, this.#now + this.#acquireExpires);
    else larval.spi = spi;
    const companions: { cpi?: number; ahSpi?: number } = {};
    if (request.compress === true) {
      this.#nextCpi += 1;
      companions.cpi = this.#nextCpi;
    }
    if (request.withAh === true) {
      companions.ahSpi = this.#nextSpi;
      this.#nextSpi += 1;
      const around = { ...request, protocol: "ah", mode: "transport" } as const;
      this.#sad.addLarval(around, companions.ahSpi, this.#now + this.#acquireExpires);
    }
    return { kind: "spi", spi, ...companions };
  }

  #installSa(request: RequestOf<"installSa">): KernelAnswer {
    const { sa } = request;
    const missing = [sa.encr?.transform, sa.integ?.transform, sa.ah?.transform].find(
      (transform) =>
        transform !== undefined && (transform.kernel === undefined || this.#unsupported.has(transform.keyword)),
    );
    if (missing !== undefined)
      return refused(request.kind, "ENOSYS", `Requested algorithm ${missing.keyword} not found`);
    const { ahSpi, destination } = sa;
    const around = ahSpi === undefined ? undefined : this.#sad.named({ protocol: "ah", spi: ahSpi, destination });
    for (const taken of [this.#sad.find(sa), around])
      if (taken !== undefined && (taken.kind === "valid" || sa.direction === "out"))
        return refused(request.kind, "EEXIST", "File exists");
    if (sa.cpi !== undefined && this.#sad.hasCpi(sa.destination, sa.cpi))
      return refused(request.kind, "EEXIST", "File exists");
    this.#sad.add(sa, this.#now);
    return done;
  }

  #deleteSa(request: RequestOf<"deleteSa">): KernelAnswer {
    const entry = this.#ourSa(request.sa);
    const { ahSpi, destination } = request.sa;
    const around = ahSpi === undefined ? undefined : this.#ourSa({ protocol: "ah", spi: ahSpi, destination });
    if (around !== undefined) this.#sad.remove(around);
    if (entry === undefined) return refused(request.kind, "ESRCH", "No such process");
    this.#sad.remove(entry);
    return done;
  }

  #querySa(request: RequestOf<"querySa">): KernelAnswer {
    const usage = this.#usageOf(request.sa);
    return usage === undefined ? refused(request.kind, "ESRCH", "No such process") : { kind: "usage", usage };
  }

  #usageOf(id: SaId): SaUsage | undefined {
    const entry = this.#ourSa(id);
    if (entry === undefined) return undefined;
    // Without the AH around it, it does not stand.
    if (id.ahSpi !== undefined && (entry.kind === "larval" || entry.sa.ahSpi !== id.ahSpi)) return undefined;
    return usage(entry);
  }

  #clearAcquire(request: RequestOf<"clearAcquire">): KernelAnswer {
    const larval = this.#sad.findAcquire(request);
    if (larval !== undefined) this.#sad.remove(larval);
    return done;
  }

  #migrate({ move }: RequestOf<"migrate">): KernelAnswer {
    const fault = moveSas(this.#sad, move);
    if (fault !== undefined) return fault;
    for (const policy of move.policies) {
      const answer = this.#setPolicy({ kind: "setPolicy", policy });
      if (answer.kind === "refused") return answer;
    }
    return done;
  }

  #ourSa(id: RequestOf<"deleteSa">["sa"]): SadEntry | undefined {
    const entry = this.#sad.find(id);
    return entry !== undefined && isOurReqid(entry.reqid) ? entry : undefined;
  }

  #setPolicy(request: RequestOf<"setPolicy">): KernelAnswer {
    const policy = { ...request.policy, selector: canonicalSelector(request.policy.selector) };
    const owner = this.#spd.find(policy.selector, policy.direction)?.owner;
    if (owner !== undefined) return refused(request.kind, "EEXIST", `a policy of ${owner} has the same selector`);
    this.#spd.set(policy, undefined);
    return done;
  }

  #deletePolicy(request: RequestOf<"deletePolicy">): KernelAnswer {
    const selector = canonicalSelector(request.selector);
    const entry = this.#spd.find(selector, request.direction);
    if (entry === undefined) return refused(request.kind, "ENOENT", "No such file or directory");
    if (!isOurs(entry))
      return refused(request.kind, "ENOENT", `the policy with this selector belongs to ${entry.owner}`);
    this.#spd.delete(selector, request.direction);
    return done;
  }

  #setRoute(request: RequestOf<"setRoute">): KernelAnswer {
    const { route } = request;
    if (!this.#addresses.some((address) => prefixCovers(route.localSubnet, address)))
      return { kind: "done", skipped: "no-local-address" };
    const standing = this.#findRoute(route);
    if (standing?.ours === false) return refused(request.kind, "EEXIST", "another owner has a route to this subnet");
    if (standing === undefined) this.#routes.push({ route, ours: true });
    else standing.route = route;
    return done;
  }

  #deleteRoute(request: RequestOf<"deleteRoute">): KernelAnswer {
    const standing = this.#findRoute(request.route);
    if (standing === undefined || !standing.ours) return refused(request.kind, "ESRCH", "No such process");
    this.#routes.splice(this.#routes.indexOf(standing), 1);
    return done;
  }

  #findRoute(route: Route): { route: Route; ours: boolean } | undefined {
    const { address, length } = canonicalPrefix(route.destination);
    return this.#routes.find(({ route: { destination } }) => {
      const other = canonicalPrefix(destination);
      return other.length === length && sameAddress(other.address, address);
    });
  }

  #isLocal(address: Address): boolean {
    return this.#addresses.some((own) => sameAddress(own, address));
  }

  #state(): PathState {
    return {
      sad: this.#sad,
      spd: this.#spd,
      now: this.#now,
      acquireExpires: this.#acquireExpires,
      listened: this.#listeners.length > 0,
      isLocal: (address) => this.#isLocal(address),
      hasEncapsulationSocket: (port) => this.encapsulationPorts.has(port),
      emit: (event) => this.#emit(event),
    };
  }

  #emit(event: KernelEvent): void {
    if (event.kind !== "overrun" && !isOurReqid(event.reqid)) return;
    const heard = this.#faults.hear(event);
    if (heard !== undefined) for (const listener of this.#listeners) listener(heard);
  }
}

type RequestOf<K extends KernelRequest["kind"]> = Extract<KernelRequest, { kind: K }>;

const done: KernelAnswer = { kind: "done" };

function isOurs(entry: { readonly owner: string | undefined }): boolean {
  return entry.owner === undefined;
}

function verdict(output: Output): "clear" | "protected" | "no" {
  return output.kind === "dropped" ? "no" : output.kind;
}

function usage(entry: SadEntry): SaUsage {
  const { protocol, spi, destination, reqid } = entry;
  if (entry.kind === "larval") return { protocol, spi, destination, reqid, bytes: 0n, packets: 0n };
  const { bytes, packets, lastUsed } = entry;
  const lastUsedSeconds = lastUsed === undefined ? undefined : Math.floor(lastUsed / 1000);
  return { protocol, spi, destination, reqid, bytes, packets, lastUsedSeconds };
}

/** What is larval does not stand. */
function standing(entry: SadEntry): StandingSa[] {
  if (entry.kind === "larval" || !isOurReqid(entry.reqid)) return [];
  const { source, mode, added } = entry;
  const { cpi, ahSpi } = entry.sa;
  const companions = { ...(cpi === undefined ? {} : { cpi }), ...(ahSpi === undefined ? {} : { ahSpi }) };
  return [{ ...usage(entry), source, mode, addedSeconds: Math.floor(added / 1000), ...companions }];
}
