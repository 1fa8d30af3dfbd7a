import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FrameClassifier, type FrameKind, frameKinds, protectedKinds } from "./frames.ts";
import type { LoggedProcess, Machine } from "./machine.ts";
import { records } from "./pcap.ts";

/** Captures begun by this process: each has files of its own. */
let captures = 0;

/** What a capture held. */
export interface CaptureReport {
  /** How many frames there were of each kind. */
  readonly counts: Readonly<Record<FrameKind, number>>;
  /** tcpdump's lines for the frames that are not of an allowed kind, the first of each sort, 20 sorts at most. */
  readonly leaks: readonly string[];
  readonly leakCount: number;
  /** Frames that the kernel or tcpdump lost: with any, an absence proves nothing. */
  readonly dropped: number;
}

/** A tcpdump on the bridge between the gateways. */
export class Capture {
  readonly file: string;
  readonly #machine: Machine;
  readonly #tcpdump: LoggedProcess;

  private constructor(machine: Machine, tcpdump: LoggedProcess, file: string) {
    this.#machine = machine;
    this.#tcpdump = tcpdump;
    this.file = file;
  }

  /** Starts to capture on device `br0` of the machine; resolves when frames are being taken. */
  static async start(machine: Machine): Promise<Capture> {
    captures += 1;
    const name = `wire-${captures}`;
    const file = join(machine.folder, `${name}.pcap`);
    // Immediate mode: without it up to three quarters of the packets were lost. 32 MiB of buffer, whole IKE messages.
    const options = ["--immediate-mode", "-B", "32768", "-s", "2048", "-U", "-Z", "root", "-w", file];
    // Ahead of what it watches, whatever that costs: a frame that it misses proves nothing.
    const command = ["nice", "-n", "-15", "tcpdump", "-i", "br0", ...options];
    const tcpdump = machine.spawn(`tcpdump ${name}`, command);
    await tcpdump.until("listening on br0", () => tcpdump.log().includes("listening on"));
    return new Capture(machine, tcpdump, file);
  }

  /**
   * Ends the capture and judges every frame; what is not of the `allowed` kinds is a leak. With `sender` only frames from
   * that Ethernet address are judged (and all are counted): for a peer that makes no promise of its own.
   */
  async stop(allowed: readonly FrameKind[] = protectedKinds, sender?: string): Promise<CaptureReport> {
    await this.#tcpdump.stop("SIGINT");
    const log = this.#tcpdump.log();
    // "N packets dropped by kernel", and on some systems "… by interface"; a tcpdump that says neither was killed.
    const dropped = [...log.matchAll(/(\d+) packets? dropped/g)].map((match) => Number(match[1]));
    if (dropped.length === 0) throw new Error(`tcpdump ended without its counts:\n${log}`);
    return await this.#judge(
      allowed,
      sender,
      dropped.reduce((sum, each) => sum + each, 0),
    );
  }

  /** How many frames of each kind there were up to now. */
  counts(): Record<FrameKind, number> {
    return this.#sort(protectedKinds).counts;
  }

  /** Octets captured up to now. */
  size(): number {
    return statSync(this.file).size;
  }

  async #judge(allowed: readonly FrameKind[], sender: string | undefined, dropped: number): Promise<CaptureReport> {
    const { counts, leaks, header } = this.#sort(allowed, sender);
    if (leaks.length === 0) return { counts, leaks: [], leakCount: 0, dropped };
    const file = this.file.replace(/\.pcap$/, "-leaks.pcap");
    writeFileSync(file, Buffer.concat([header, ...leaks]));
    return { counts, leaks: await this.#print(file), leakCount: leaks.length, dropped };
  }

  /** One line for the first packet of each sort among the first 2000 of a file. */
  async #print(file: string): Promise<string[]> {
    const printed = await this.#machine.run(`tcpdump -nn -tttt -c 2000 -r ${file} 2>/dev/null`);
    // tcpdump breaks the line before an inner packet; only a new packet starts with a date.
    const lines = printed
      .trim()
      .split(/\n(?=\d{4}-)/)
      .map((packet) => packet.replace(/\s*\n\s*/g, " "));
    const sorts = new Map<string, string>();
    for (const line of lines) {
      const sort = line
        .replace(/^\S+ \S+ /, "")
        .replace(/\b(id|seq|length) \d+/g, "$1")
        .replace(/\.\d{5}\b/g, "");
      if (!sorts.has(sort)) sorts.set(sort, line);
    }
    return [...sorts.values()].slice(0, 20);
  }

  #sort(
    allowed: readonly FrameKind[],
    sender?: string,
  ): { counts: Record<FrameKind, number>; leaks: Buffer[]; header: Buffer } {
    const octets = readFileSync(this.file);
    const counts = Object.fromEntries(frameKinds.map((kind) => [kind, 0])) as Record<FrameKind, number>;
    const leaks: Buffer[] = [];
    const classifier = new FrameClassifier();
    for (const record of records(octets)) {
      const frame = record.subarray(16);
      const kind = classifier.classify(frame);
      counts[kind] += 1;
      if (!allowed.includes(kind) && (sender === undefined || sourceOf(frame) === sender)) leaks.push(record);
    }
    return { counts, leaks, header: octets.subarray(0, 24) };
  }
}

function sourceOf(frame: Buffer): string {
  return [...frame.subarray(6, 12)].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}
