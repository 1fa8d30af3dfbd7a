import type { LoggedProcess, Machine } from "./machine.ts";

/** An SA as the kernel knew it last. */
export interface SaCount {
  readonly spi: number;
  readonly destination: string;
  /** Packets that it carried or took. */
  readonly packets: number;
  readonly deleted: boolean;
}

/** Counts what every SA of a machine carried, those that are gone included. */
export class SaMonitor {
  readonly #machine: Machine;
  readonly #monitor: LoggedProcess;

  private constructor(machine: Machine, monitor: LoggedProcess) {
    this.#machine = machine;
    this.#monitor = monitor;
  }

  static start(machine: Machine): SaMonitor {
    return new SaMonitor(machine, machine.spawn("sa monitor", ["ip", "-s", "xfrm", "monitor", "SA"]));
  }

  /** Ends and tells of every SA that was deleted meanwhile or stands. */
  async stop(): Promise<SaCount[]> {
    const standing = await this.#machine.run("ip -s xfrm state list nokeys");
    await this.#monitor.stop("SIGTERM");
    const entries = this.#monitor.log().split(/\n(?=Deleted |Updated |src )/);
    return [
      ...entries.filter((entry) => entry.startsWith("Deleted ")).flatMap((entry) => countIn(entry, true)),
      ...standing.split(/\n(?=src )/).flatMap((entry) => countIn(entry, false)),
    ];
  }
}

function countIn(entry: string, deleted: boolean): SaCount[] {
  const [, destination = "", spi = "", packets = ""] =
    /src \S+ dst (\S+)[\s\S]*?proto esp spi (0x[0-9a-f]+)[\s\S]*?lifetime current:\s*\n\s*\d+\(bytes\), (\d+)\(packets\)/.exec(
      entry,
    ) ?? [];
  return spi === "" || Number(spi) === 0 ? [] : [{ spi: Number(spi), destination, packets: Number(packets), deleted }];
}
