import type { LoggedProcess, Machine } from "./machine.ts";

/** An SA from its installation to its removal, as the kernel told of it. */
export interface SaLife {
  readonly spi: number;
  readonly destination: string;
  /** UNIX time in ms at which `ip` was told, which may be late on a busy machine; undefined: before or after the watch. */
  readonly added: number | undefined;
  readonly removed: number | undefined;
  /** Packets that it carried or took. */
  readonly packets: number;
  /** AES-GCM's key with its four octets of salt; undefined with other algorithms. */
  readonly key: Buffer | undefined;
}

/** Notes every SA that a machine has, with its times and keys, those that are gone included. */
export class SaMonitor {
  readonly #machine: Machine;
  readonly #monitor: LoggedProcess;

  private constructor(machine: Machine, monitor: LoggedProcess) {
    this.#machine = machine;
    this.#monitor = monitor;
  }

  static start(machine: Machine): SaMonitor {
    return new SaMonitor(machine, machine.spawn("sa monitor", ["ip", "-ts", "-s", "xfrm", "monitor", "SA"]));
  }

  /** Ends and tells of every SA that was there at some time. */
  async stop(): Promise<SaLife[]> {
    const standing = await this.#machine.run("ip -s xfrm state list");
    await this.#monitor.stop("SIGTERM");
    const lives = new Map<string, SaLife>();
    for (const entry of this.#monitor.log().split(/\n(?=\[)/)) note(lives, entry);
    for (const stanza of standing.split(/\n(?=src )/)) note(lives, stanza);
    return [...lives.values()];
  }
}

function note(lives: Map<string, SaLife>, entry: string): void {
  const [, time, deleted, destination = "", spi = ""] =
    /^(?:\[(\S+)\] )?(?:(Deleted )|Updated )?src \S+ dst (\S+)[\s\S]*?proto esp spi (0x[0-9a-f]+)/.exec(entry) ?? [];
  if (Number(spi) === 0) return;
  const name = `${destination} ${spi}`;
  const before = lives.get(name);
  const at = time === undefined ? undefined : Date.parse(time);
  const key = /aead rfc4106\(gcm\(aes\)\) 0x([0-9a-f]+)/.exec(entry)?.[1];
  const packets = /lifetime current:\s*\n\s*\d+\(bytes\), (\d+)\(packets\)/.exec(entry)?.[1];
  lives.set(name, {
    spi: Number(spi),
    destination,
    added: before === undefined ? (deleted === undefined ? at : undefined) : before.added,
    packets: Number(packets ?? before?.packets ?? 0),
    removed: deleted === undefined ? before?.removed : at,
    key: key === undefined ? before?.key : Buffer.from(key, "hex"),
  });
}
