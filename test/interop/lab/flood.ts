import type { LoggedProcess, Machine } from "./machine.ts";

/** What became of a flood of pings: every one of them is accounted for. */
export interface FloodReport {
  /** The address that the pings came from. */
  readonly from: string;
  readonly sent: number;
  readonly seconds: number;
  /** Those without an answer though a later one was answered; `at` is when they were sent, UNIX time in ms, to a few ms. */
  readonly lost: readonly { readonly sequence: number; readonly at: number }[];
  /** The last ones, whose answers were not waited for or never came. */
  readonly unanswered: number;
  /** Packets that ping's own socket had no room for, because ping did not read it in time. */
  readonly socketDrops: number;
}

/** Sequence numbers of ICMP echo have 16 bits. */
const sequences = 65_536;

/** Pings from one address to another, so many a second, each answer noted with its time. */
export class Flood {
  readonly #machine: Machine;
  readonly #ping: LoggedProcess;
  readonly #from: string;
  #begin: number;

  private constructor(machine: Machine, ping: LoggedProcess, from: string, begin: number) {
    this.#machine = machine;
    this.#ping = ping;
    this.#from = from;
    this.#begin = begin;
  }

  static start(machine: Machine, from: string, to: string, rate: number): Flood {
    // Ahead of the daemons: its socket has room for a fraction of a second only.
    const ping = ["nice", "-n", "-5", "ping", "-n", "-D", "-i", `${1 / rate}`, "-l", "20", "-I", from, to];
    const started = machine.spawn(`flood to ${to}`, ping);
    return new Flood(machine, started, from, Date.now());
  }

  /** Whether answers come. */
  get answered(): boolean {
    return this.#ping.log().includes("icmp_seq=");
  }

  /** Ends the flood and accounts for it. */
  async stop(): Promise<FloodReport> {
    const drops = await this.#machine.run("awk '$2 ~ /:0001$/ { sum += $NF } END { print sum + 0 }' /proc/net/raw");
    await this.#ping.stop("SIGINT");
    const log = this.#ping.log();
    const counted = /(\d+) packets transmitted, (\d+) received.* time (\d+)ms/.exec(log);
    if (counted === null) throw new Error(`${this.#ping.name} ended without its counts:\n${log.slice(-2000)}`);
    const [sent = 0, received = 0, milliseconds = 0] = counted.slice(1).map(Number);
    const answers = answersIn(log);
    if (answers.size !== received)
      throw new Error(`${this.#ping.name}: ${answers.size} answers noted, ${received} counted`);
    return {
      from: this.#from,
      sent,
      seconds: milliseconds / 1000,
      ...unanswered(answers, sent, this.#begin),
      socketDrops: Number(drops),
    };
  }
}

/** When each ping was sent whose answer came, by its number from 1; repeats ("DUP!") are left out. */
function answersIn(log: string): Map<number, number> {
  const answers = new Map<number, number>();
  let last = 0;
  for (const [, at, low, roundTrip] of log.matchAll(/^\[([\d.]+)\] .* icmp_seq=(\d+) .* time=([\d.]+) ms$/gm)) {
    // The number nearest to the last one's that ends in these 16 bits.
    const step = ((Number(low) - last + sequences + sequences / 2) % sequences) - sequences / 2;
    last += step;
    answers.set(last, Number(at) * 1000 - Number(roundTrip));
  }
  return answers;
}

function unanswered(answers: ReadonlyMap<number, number>, sent: number, begin: number) {
  const lost: { sequence: number; at: number }[] = [];
  const highest = Math.max(0, ...answers.keys());
  let before = begin;
  for (let sequence = 1; sequence < highest; sequence += 1) {
    const at = answers.get(sequence);
    if (at === undefined) lost.push({ sequence, at: before });
    else before = at;
  }
  return { lost, unanswered: sent - highest };
}
