/** SAs of the real kernel: SPIs reserved, SAs installed, deleted, asked about and listed. */
import {
  allocSpi,
  delSa,
  dumpSas,
  getSa,
  newSa,
  type Sa,
  type SaInput,
  type SaKey,
  updSa,
} from "../../netlink-xfrm/index.ts";
import { isOurReqid } from "../ownership.ts";
import type { KernelAnswer, KernelRequest, SaId, SaInstall } from "../port.ts";
import { refused } from "../request-check.ts";
import { assembled } from "./assembled.ts";
import { unless } from "./refusal.ts";
import { ahMessage, compressionMessage, identity, type Named, saMessage, saUsage } from "./sa-message.ts";
import type { XfrmSocket } from "./xfrm-socket.ts";

type RequestOf<K extends KernelRequest["kind"]> = Extract<KernelRequest, { kind: K }>;

export class SasOfKernel {
  readonly #socket: XfrmSocket;
  /**
   * SPIs that are reserved and not completed. UPDSA on an SA that stands would change its lifetimes in silence and keep
   * its old keys, so it is used for these alone.
   */
  readonly #reserved = new Set<string>();

  constructor(socket: XfrmSocket) {
    this.#socket = socket;
  }

  allocateSpi(request: RequestOf<"allocateSpi">): KernelAnswer {
    const { protocol, mode, source, destination, reqid } = request;
    const larval = this.#socket.request(
      allocSpi({ protocol, mode, source, destination, reqid, min: firstSpi, max: lastSpi }),
    );
    this.#reserved.add(keyOf({ protocol, spi: larval.spi, destination }));
    // Where expires were lost, old ones remain: the oldest goes, which the kernel has long forgotten.
    for (const oldest of this.#reserved) {
      if (this.#reserved.size <= maxReserved) break;
      this.#reserved.delete(oldest);
    }
    const { spi } = larval;
    if (request.compress !== true && request.withAh !== true) return { kind: "spi", spi };
    const companions: { cpi?: number; ahSpi?: number } = {};
    const tuple = { source, destination, reqid };
    if (request.compress === true)
      companions.cpi = this.#reserve({ ...tuple, protocol: "comp", mode, min: firstCpi, max: lastCpi });
    if (request.withAh === true)
      companions.ahSpi = this.#reserve({ ...tuple, protocol: "ah", mode: "transport", min: firstSpi, max: lastSpi });
    return { kind: "spi", spi, ...companions };
  }

  #reserve(input: Omit<Parameters<typeof allocSpi>[0], "spi"> & Omit<Named, "spi">): number {
    const { spi } = this.#socket.request(allocSpi(input));
    this.#reserved.add(keyOf({ ...input, spi }));
    return spi;
  }

  /** All or none: what goes with an SA first, since packets that need it come as soon as the SA itself stands. */
  install({ sa }: RequestOf<"installSa">): KernelAnswer {
    const { cpi, compression, ahSpi, ah } = sa;
    const messages: (SaInput & Named)[] = [];
    if (cpi !== undefined && compression !== undefined) messages.push(compressionMessage({ ...sa, cpi, compression }));
    if (ahSpi !== undefined && ah !== undefined) messages.push(ahMessage({ ...sa, ahSpi, ah }));
    messages.push(saMessage(sa));
    for (const [at, message] of messages.entries()) {
      try {
        this.#complete(sa, message);
      } catch (error) {
        for (const companion of messages.slice(0, at)) this.#forget(companion);
        throw error;
      }
    }
    return done;
  }

  #complete({ direction }: SaInstall, message: SaInput & Named): void {
    if (direction === "in" && this.#reserved.delete(keyOf(message))) {
      // The reservation may have run out (net.core.xfrm_acq_expires) while the peer took its time: then the SPI is free.
      if (unless(["ESRCH"], () => this.#carried(() => this.#socket.request(updSa(message)))) === true) return;
    }
    this.#socket.request(newSa(message));
  }

  delete({ sa }: RequestOf<"deleteSa">): KernelAnswer {
    const foreign = this.#foreign(identity(sa));
    if (foreign !== undefined) return refused("deleteSa", "ESRCH", foreign);
    const { destination, cpi, ahSpi } = sa;
    if (cpi !== undefined) this.#forget({ protocol: "comp", spi: cpi, destination });
    if (ahSpi !== undefined) this.#forget({ protocol: "ah", spi: ahSpi, destination });
    this.#socket.request(delSa(identity(sa)));
    this.#reserved.delete(keyOf(sa));
    return done;
  }

  /** What goes with an SA, or was to. */
  #forget({ protocol, spi, destination }: Named): void {
    const id = { protocol, spi, destination };
    this.#reserved.delete(keyOf(id));
    if (this.#foreign(id) === undefined) unless(["ESRCH"], () => this.#socket.request(delSa(id)));
  }

  query({ sa }: RequestOf<"querySa">): KernelAnswer {
    const found = this.#socket.request(getSa(identity(sa)));
    if (!isOurReqid(found.reqid)) return refused("querySa", "ESRCH", ownedByAnother(found));
    return { kind: "usage", usage: saUsage(found, sa.protocol) };
  }

  /** One exchange of datagrams for all of them, and for the AH around them. */
  queryMany({ sas }: RequestOf<"querySas">): KernelAnswer {
    const withAh = sas.filter(({ ahSpi }) => ahSpi !== undefined);
    const results = this.#socket.batch([...sas.map(identity), ...withAh.map(ahIdentity)].map((id) => getSa(id)));
    const found = results.map((result) => {
      if (result.ok) return isOurReqid(result.reply.reqid) ? result.reply : undefined;
      if (result.error.code !== "ESRCH") throw result.error;
      return undefined;
    });
    const usages = sas.map((asked, at) => {
      const around = asked.ahSpi === undefined ? undefined : found[sas.length + withAh.indexOf(asked)];
      const one = found[at];
      if (one === undefined || (asked.ahSpi !== undefined && around === undefined)) return undefined;
      return saUsage(one, asked.protocol);
    });
    return { kind: "usages", usages };
  }

  /** A larval SA without an SPI cannot be deleted: reserving an SPI for the same tuple gives it one. */
  clearAcquire({ protocol, mode, source, destination, reqid }: RequestOf<"clearAcquire">): KernelAnswer {
    const tuple = { protocol, mode, source, destination, reqid };
    const larval = this.#socket.request(allocSpi({ ...tuple, min: firstSpi, max: lastSpi }));
    // ESRCH: it ran out in between.
    unless(["ESRCH"], () => this.#socket.request(delSa({ protocol, destination, spi: larval.spi })));
    return done;
  }

  async list(): Promise<KernelAnswer> {
    const found = await this.#socket.dumpAsync(dumpSas());
    return { kind: "sas", sas: assembled(found.filter((sa) => isOurReqid(sa.reqid))) };
  }

  /** A reservation ran out: its SPI is free for others, and must not be completed by UPDSA. */
  expired(sa: SaId): void {
    this.#reserved.delete(keyOf(sa));
  }

  #carried(ask: () => void): true {
    ask();
    return true;
  }

  /** The sentence that says whose it is, where the SA stands and is another owner's. */
  #foreign(id: SaKey): string | undefined {
    const found = unless(["ESRCH"], () => this.#socket.request(getSa(id)));
    return found === undefined || isOurReqid(found.reqid) ? undefined : ownedByAnother(found);
  }
}

/** RFC 3173 3.3: what is neither well known nor for private use. */
const firstCpi = 0x100;
const lastCpi = 0xefff;

const done: KernelAnswer = { kind: "done" };

/** 0 to 255 are reserved (RFC 4303 2.1); the upper end of the range leaves room for SPIs set by hand. */
const firstSpi = 0xc000_0000;
const lastSpi = 0xcfff_ffff;

/** Far more handshakes than run at once within `net.core.xfrm_acq_expires`. */
const maxReserved = 100_000;

function ownedByAnother(sa: Sa): string {
  return `the SA with SPI 0x${sa.spi.toString(16)} belongs to another owner (reqid ${sa.reqid})`;
}

function ahIdentity({ ahSpi, destination }: SaId): SaKey {
  return { protocol: "ah", spi: ahSpi ?? 0, destination };
}

function keyOf({ protocol, spi, destination }: Named): string {
  return `${protocol} ${spi} ${destination}`;
}
