/** The endpoint: events in, effects out (invariant 1). Gives each event to the part that it is for. */

import type { PayloadRewrite } from "../ikev2/host.ts";
import { IkeSa } from "../ikev2/ike-sa.ts";
import type { Policy } from "../kernel/port.ts";
import type { KeyWitness } from "../sa/key-witness.ts";
import { formatEndpoint, type Path } from "../sa/path.ts";
import { WireError } from "../wire/error.ts";
import { decodeHeader, flag, type Header } from "../wire/ikev2/header.ts";
import { isFirstMessage } from "../wire/ikev2/peek.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { Configuration } from "./configuration.ts";
import { EngineHost } from "./engine-host.ts";
import type { Effect, EngineEvent } from "./io.ts";
import { KernelReports } from "./kernel-reports.ts";
import { Parts } from "./parts.ts";
import { Resync } from "./resync.ts";
import type { Status } from "./status.ts";
import { lockStatus, peerStatus } from "./status-snapshot.ts";

/** What the engine cannot have of itself. */
export interface EngineOptions {
  /** So many octets that nobody can predict. */
  random(length: number): Uint8Array;
  /** 32 octets, the same after every restart, for the tokens of RFC 6290; without them there are none. */
  readonly crashSecret?: Uint8Array | undefined;
  /** Tests only: what is sent in place of the payloads of each message of an IKE SA. */
  readonly rewrite?: PayloadRewrite;
  /** Tests only: what is read in place of the payloads of each message that comes for an IKE SA, or opens one. */
  readonly rewriteReceived?: PayloadRewrite;
  /** Is shown the keys of IKE SAs: only where the operator asked that they be exported. */
  readonly keyWitness?: KeyWitness | undefined;
}

export type Urgency = "session" | "proven" | "configured" | "anybody";

/** The whole core behind one door: no I/O, no clock and no randomness of its own. */
export class Engine {
  readonly #parts: Parts;
  readonly #host: EngineHost;
  readonly #configuration: Configuration;
  readonly #reports: KernelReports;

  constructor(options: EngineOptions) {
    this.#parts = new Parts(options);
    const resync = new Resync(this.#parts);
    this.#host = new EngineHost(this.#parts, resync);
    this.#configuration = new Configuration(this.#parts, this.#host);
    this.#reports = new KernelReports(this.#parts, resync);
  }

  /** Takes one event at `now` (ms, never going back) and gives what is to be done, in order. */
  handle(event: EngineEvent, now: number): Effect[] {
    this.#parts.now = Math.max(this.#parts.now, now);
    this.#dispatch(event);
    this.#configuration.finishStopping();
    return this.#parts.outbox.take();
  }

  /** When a `wake` is due, in ms of the engine's clock. */
  nextDeadline(): number | undefined {
    return this.#parts.timers.nextDeadline();
  }

  /**
   * Which of several datagrams is to be handled first: those of IKE SAs that are there, then first messages, of callers
   * that have shown that they receive at their address, of configured peers' addresses, of anybody.
   */
  urgency(octets: Uint8Array, path: Path, now: number): Urgency {
    this.#parts.now = Math.max(this.#parts.now, now);
    return isFirstMessage(octets) ? this.#host.responder.urgency(octets, path) : "session";
  }

  /** How everything stands, for the operator. */
  status(): Status {
    const standing = (policies: Iterable<Policy>) => this.#parts.policies.standing(policies);
    return {
      peers: [...this.#parts.running.peers].map((peer) => peerStatus(peer, standing)),
      locks: this.#configuration.locks.map((lock) => lockStatus(lock, standing)),
    };
  }

  #dispatch(event: EngineEvent): void {
    const { outbox, running, timers } = this.#parts;
    switch (event.kind) {
      case "datagram":
        return this.#receive(event.octets, event.path);
      case "computed":
        return outbox.computed(event.id, event.result);
      case "answered":
        return outbox.answered(event.id, event.answers);
      case "kernel":
        return this.#reports.receive(event.event);
      case "send-failed":
        return this.#sendFailed(event.path, event.errno);
      case "wake":
        return timers.run(this.#parts.now);
      case "configure":
        return this.#configuration.configure(event.desired);
      case "addresses":
        this.#parts.ownAddresses.miss(event.missing);
        for (const sa of running.sas) sa.dialect.addressesChanged();
        return;
      case "up":
        return running.peer(event.peer)?.up();
      case "rekey":
        return running.peer(event.peer)?.rekey(event.what);
      case "down":
        return running.peer(event.peer)?.down({ code: "operator", action: "down" });
      case "redirect":
        return running.peer(event.peer)?.handover.redirect(event.to);
      case "stop":
        return this.#configuration.stop();
    }
  }

  /** Finds the IKE SA by our SPI; a first IKE_SA_INIT names none. */
  #receive(octets: Uint8Array, path: Path): void {
    if (!this.#configuration.isReceiving) return;
    let header: Header;
    try {
      header = decodeHeader(octets);
    } catch (error) {
      if (error instanceof WireError) return;
      throw error;
    }
    if (header.majorVersion === 1) return this.#host.ikev1.receive(octets, path, this.#configuration.isRunning);
    if (header.majorVersion !== 2) return this.#otherVersion(header, octets, path);
    const fromInitiator = (header.flags & flag.initiator) !== 0;
    const ours = fromInitiator ? header.responderSpi : header.initiatorSpi;
    const sa = this.#parts.running.sa(ours);
    if (sa instanceof IkeSa) return sa.receive(header, octets, path);
    if (ours !== 0n) return this.#unknown(header, ours, octets, path);
    const isRequest = (header.flags & flag.response) === 0;
    if (
      fromInitiator &&
      isRequest &&
      (header.exchangeType === exchangeType.IKE_SA_INIT || header.exchangeType === exchangeType.IKE_SESSION_RESUME) &&
      this.#configuration.isRunning
    ) {
      this.#host.responder.receive(header, octets, path);
    }
  }

  #otherVersion(header: Header, octets: Uint8Array, path: Path): void {
    if (this.#parts.directory.at(path).length === 0) return;
    const answer = this.#parts.unsupportedVersion.answer(header, octets, this.#parts.now);
    if (answer !== undefined) this.#parts.outbox.send(answer, path);
  }

  #unknown(header: Header, ourSpi: bigint, octets: Uint8Array, path: Path): void {
    if (this.#parts.directory.at(path).length === 0) return;
    const answer = this.#parts.unknownSpi.answer(header, octets, this.#parts.now);
    // RFC 6290 9.2: no token for an IKE SA that is about to stand; the peer, whose response is still on its way, repeats this.
    if (answer !== undefined && !this.#isMaking(ourSpi)) this.#parts.outbox.send(answer, path);
  }

  #isMaking(localSpi: bigint): boolean {
    return this.#parts.running.sas.some((sa) => sa instanceof IkeSa && sa.succession.isMaking(localSpi));
  }

  #sendFailed(path: Path, errno: string): void {
    for (const peer of this.#parts.directory.at(path)) {
      const record = this.#parts.running.peer(peer.name);
      for (const sa of record?.sas ?? []) {
        if (sa.path.remote.address === path.remote.address && sa.establishedAt === 0)
          sa.note({ code: "send-failed", remote: formatEndpoint(path.remote), errno });
      }
    }
  }
}
