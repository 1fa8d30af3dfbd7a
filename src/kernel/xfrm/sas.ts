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
import type { KernelAnswer, KernelRequest, SaId, SaInstall, StandingSa } from "../port.ts";
import { refused } from "../request-check.ts";
import { unless } from "./refusal.ts";
import { compressionMessage, identity, saMessage, saUsage, standingSa } from "./sa-message.ts";
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
    if (request.compress !== true) return { kind: "spi", spi: larval.spi };
    const tuple = { protocol: "comp", mode, source, destination, reqid } as const;
    const { spi: cpi } = this.#socket.request(allocSpi({ ...tuple, min: firstCpi, max: lastCpi }));
    this.#reserved.add(cpiKey(destination, cpi));
    return { kind: "spi", spi: larval.spi, cpi };
  }

  /** Both or none: IPComp first, since packets that are compressed come as soon as the other stands. */
  install({ sa }: RequestOf<"installSa">): KernelAnswer {
    const { cpi, compression } = sa;
    if (cpi === undefined || compression === undefined) return this.#install(sa);
    this.#complete(cpiKey(sa.destination, cpi), sa, compressionMessage({ ...sa, cpi, compression }));
    try {
      return this.#install(sa);
    } catch (error) {
      this.#forgetCpi(sa);
      throw error;
    }
  }

  #install(sa: SaInstall): KernelAnswer {
    this.#complete(keyOf(sa), sa, saMessage(sa));
    return done;
  }

  #complete(key: string, { direction }: SaInstall, message: SaInput): void {
    if (direction === "in" && this.#reserved.delete(key)) {
      // The reservation may have run out (net.core.xfrm_acq_expires) while the peer took its time: then the SPI is free.
      if (unless(["ESRCH"], () => this.#carried(() => this.#socket.request(updSa(message)))) === true) return;
    }
    this.#socket.request(newSa(message));
  }

  delete({ sa }: RequestOf<"deleteSa">): KernelAnswer {
    const foreign = this.#foreign(identity(sa));
    if (foreign !== undefined) return refused("deleteSa", "ESRCH", foreign);
    this.#forgetCpi(sa);
    this.#socket.request(delSa(identity(sa)));
    this.#reserved.delete(keyOf(sa));
    return done;
  }

  #forgetCpi({ cpi, destination }: SaId): void {
    if (cpi === undefined) return;
    this.#reserved.delete(cpiKey(destination, cpi));
    const id = { protocol: "comp", destination, spi: cpi } as const;
    if (this.#foreign(id) === undefined) unless(["ESRCH"], () => this.#socket.request(delSa(id)));
  }

  query({ sa }: RequestOf<"querySa">): KernelAnswer {
    const found = this.#socket.request(getSa(identity(sa)));
    if (!isOurReqid(found.reqid)) return refused("querySa", "ESRCH", ownedByAnother(found));
    return { kind: "usage", usage: saUsage(found, sa.protocol) };
  }

  /** One exchange of datagrams for all of them. */
  queryMany({ sas }: RequestOf<"querySas">): KernelAnswer {
    const results = this.#socket.batch(sas.map((sa) => getSa(identity(sa))));
    const usages = results.map((result, at) => {
      const asked = sas[at];
      if (!result.ok && result.error.code !== "ESRCH") throw result.error;
      return result.ok && asked !== undefined && isOurReqid(result.reply.reqid)
        ? saUsage(result.reply, asked.protocol)
        : undefined;
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
    const ours = found.filter((sa) => isOurReqid(sa.reqid));
    const sas = ours.map(standingSa).filter((sa): sa is StandingSa => sa !== undefined);
    return {
      kind: "sas",
      sas: withCpis(
        sas,
        ours.filter(({ protocol }) => protocol === "comp"),
      ),
    };
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

/** IPComp SAs belong to the SAs of their reqid and addresses, the youngest to the youngest: older ones may be left over. */
function withCpis(sas: readonly StandingSa[], compressing: readonly Sa[]): StandingSa[] {
  const cpis = new Map<string, Sa[]>();
  for (const sa of compressing.toSorted((a, b) => (b.usage.addTime ?? 0) - (a.usage.addTime ?? 0))) {
    const key = `${sa.reqid} ${sa.source} ${sa.destination}`;
    cpis.set(key, [...(cpis.get(key) ?? []), sa]);
  }
  if (cpis.size === 0) return [...sas];
  return sas
    .toSorted((a, b) => b.addedSeconds - a.addedSeconds)
    .map((sa) => {
      const comp = cpis.get(`${sa.reqid} ${sa.source} ${sa.destination}`)?.shift();
      return comp === undefined ? sa : { ...sa, cpi: comp.spi };
    });
}

function cpiKey(destination: string, cpi: number): string {
  return `comp ${cpi} ${destination}`;
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

function keyOf({ protocol, spi, destination }: Pick<SaInstall, "protocol" | "spi" | "destination">): string {
  return `${protocol} ${spi} ${destination}`;
}
