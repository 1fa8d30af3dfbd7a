/** What a run found: one object for programs, a table for people. */
import { type CaseName, caseNames, perCase } from "./cases.ts";
import { perSignature, type SignatureName, signatureNames } from "./credentials.ts";
import { type LevelRates, levels, type Memory, memoryLevels, type Rates } from "./measure.ts";
import type { CertificateFigures } from "./measure-certificates.ts";
import type { Ikev1Rates } from "./measure-ikev1.ts";
import type { FloodFigures, RekeyRates } from "./measure-rekeys.ts";
import type { SignatureRates } from "./measure-signatures.ts";
import { median, pairedRatio, rounded, spread } from "./statistics.ts";

/** Everything that was measured. */
export interface Measured {
  readonly rates: Readonly<Record<CaseName, Rates>>;
  readonly signatures: SignatureRates;
  /** Main mode and quick mode. */
  readonly ikev1: Ikev1Rates;
  readonly levels: LevelRates;
  readonly memory: { readonly underlock: Memory; readonly charon: Memory };
  readonly rekeys: RekeyRates;
  readonly flood: FloodFigures;
  readonly certificates: CertificateFigures;
  readonly starts: { readonly underlock: readonly number[]; readonly charon: readonly number[] };
}

/** Where and with what it was measured. */
export interface Circumstances {
  readonly date: string;
  /** The commit, with a `+` where files differ from it. */
  readonly commit: string;
  readonly node: string;
  readonly openssl: string;
  readonly peer: { readonly name: "strongSwan"; readonly version: string; readonly root: string };
  readonly machine: { readonly cpu: string; readonly processors: number; readonly kernel: string };
  /** Processes that wanted to run, on average over the last minute, when the bench began: above 1 others disturbed it. */
  readonly loadAverage: number;
  readonly quick: boolean;
  readonly seconds: number;
}

/** Something to reach, as it was agreed, and how far it was reached. */
export interface Aim {
  readonly aim: string;
  readonly wanted: string;
  readonly measured: number;
  readonly met: boolean;
}

/** The one object of `--json`. */
export interface Report {
  /** Medians. The floor: the bare cryptography of one handshake, in this very Node. */
  readonly handshakesPerCpuSecond: Record<CaseName, { underlock: number; charon: number; floor: number }>;
  /** Medians of the quotients of neighbouring samples. */
  readonly ratios: Record<CaseName, { toCharon: number; toFloor: number }>;
  /** With X25519, both ends proved by signatures of that kind; `toCharon` as above. */
  readonly handshakesBySignature: Record<SignatureName, { underlock: number; charon: number; toCharon: number }>;
  /** Main mode with a pre-shared key and MODP-2048, then quick mode: ours into a null kernel, charon's into its own. */
  readonly ikev1HandshakesPerCpuSecond: {
    readonly underlock: number;
    readonly charon: number;
    readonly toCharon: number;
  };
  readonly withNullKernelChild: { readonly x25519: { readonly underlock: number } };
  readonly bytesPerTunnel: Record<string, { underlock: number; charon: number }>;
  /** Ours, by the number of tunnels that stand. */
  readonly handshakesPerCpuSecondAtTunnels: Record<string, { underlock: number; floor: number }>;
  readonly startMilliseconds: { readonly underlock: number; readonly charon: number };
  /** With the deletion of what is replaced; charon's are IKE SAs without children, as ours beside them. */
  readonly rekeysPerCpuSecond: {
    readonly child: { readonly underlock: number };
    readonly childWithKe: { readonly underlock: number };
    readonly ike: { readonly underlock: number; readonly charon: number };
  };
  readonly flood: FloodFigures;
  /** Own CPU time: a hub's file with so many gateways, and the certificates of all. */
  readonly certificates: { readonly gateways: number; readonly loadMilliseconds: number };
  readonly aims: readonly Aim[];
  readonly circumstances: Circumstances;
  readonly samples: Measured;
}

/** Sums a run up. */
export function report(measured: Measured, circumstances: Circumstances): Report {
  const { rates, memory, starts } = measured;
  const ratios = perCase((name) => ({
    toCharon: rounded(pairedRatio(rates[name].underlock, rates[name].charon), 3),
    toFloor: rounded(pairedRatio(rates[name].underlock, rates[name].floor), 3),
  }));
  const bytesPerTunnel = Object.fromEntries(
    memoryLevels.map((level) => [
      level,
      {
        underlock: Math.round(median(memory.underlock.perTunnel[level])),
        charon: Math.round(median(memory.charon.perTunnel[level])),
      },
    ]),
  );
  return {
    handshakesPerCpuSecond: perCase((name) => ({
      underlock: rounded(median(rates[name].underlock)),
      charon: rounded(median(rates[name].charon)),
      floor: rounded(median(rates[name].floor)),
    })),
    ratios,
    handshakesBySignature: perSignature((name) => {
      const { underlock, charon } = measured.signatures[name];
      const toCharon = rounded(pairedRatio(underlock, charon), 3);
      return { underlock: rounded(median(underlock)), charon: rounded(median(charon)), toCharon };
    }),
    ikev1HandshakesPerCpuSecond: {
      underlock: rounded(median(measured.ikev1.underlock)),
      charon: rounded(median(measured.ikev1.charon)),
      toCharon: rounded(pairedRatio(measured.ikev1.underlock, measured.ikev1.charon), 3),
    },
    withNullKernelChild: { x25519: { underlock: rounded(median(rates.x25519.withChild)) } },
    bytesPerTunnel,
    handshakesPerCpuSecondAtTunnels: Object.fromEntries(
      levels.map((level) => {
        const { underlock, floor } = measured.levels[level];
        return [level, { underlock: rounded(median(underlock)), floor: rounded(median(floor)) }];
      }),
    ),
    startMilliseconds: { underlock: rounded(median(starts.underlock), 3), charon: rounded(median(starts.charon), 3) },
    rekeysPerCpuSecond: {
      child: { underlock: rounded(median(measured.rekeys.child)) },
      childWithKe: { underlock: rounded(median(measured.rekeys.childWithKe)) },
      ike: { underlock: rounded(median(measured.rekeys.ike)), charon: rounded(median(measured.rekeys.charonIke)) },
    },
    flood: measured.flood,
    certificates: {
      gateways: measured.certificates.gateways,
      loadMilliseconds: rounded(median(measured.certificates.loadMilliseconds), 3),
    },
    aims: aims(ratios, bytesPerTunnel, measured),
    circumstances,
    samples: measured,
  };
}

function aims(
  ratios: Report["ratios"],
  bytesPerTunnel: Report["bytesPerTunnel"],
  { levels: levelRates, flood, certificates }: Measured,
): readonly Aim[] {
  const atLeast = (aim: string, wanted: number, measured: number): Aim => ({
    aim,
    wanted: `at least ${wanted}`,
    measured,
    met: measured >= wanted,
  });
  const atMost = (aim: string, wanted: number, measured: number): Aim => ({
    aim,
    wanted: `at most ${wanted}`,
    measured,
    met: measured <= wanted,
  });
  const wanted = {
    x25519: { toCharon: 1.2, toFloor: 0.6 },
    modp2048: { toCharon: 3, toFloor: 0.6 },
    ecp384: { toCharon: 0.9, toFloor: 0.85 },
  };
  return [
    ...caseNames.flatMap((name) => [
      atLeast(`${name}: rate, as a multiple of charon's`, wanted[name].toCharon, ratios[name].toCharon),
      atLeast(`${name}: rate, as a part of the floor`, wanted[name].toFloor, ratios[name].toFloor),
    ]),
    ...Object.entries(bytesPerTunnel).map(([level, { underlock, charon }]) =>
      atMost(`memory of a tunnel at ${level}, as a part of charon's`, 0.5, rounded(underlock / charon, 3)),
    ),
    atLeast("handshakes that honest callers complete under a flood", 0.99, rounded(flood.completed.meanwhile, 4)),
    atMost("ms to load 200 gateways' certificates", 2000, rounded(median(certificates.loadMilliseconds), 3)),
    atMost("cost of a handshake from 10 to 10,000 tunnels: spread", 0.1, rounded(levelSpread(levelRates), 3)),
  ];
}

/** Spread of the costs at the levels, each against the floor of the same moment: the machine may have been slower then. */
export function levelSpread(rates: LevelRates): number {
  return spread(levels.map((level) => 1 / pairedRatio(rates[level].underlock, rates[level].floor)));
}

/** The table of a run, in Markdown. */
export function formatReport(found: Report): string {
  const { circumstances: at, startMilliseconds: start } = found;
  const peer = `charon ${at.peer.version}`;
  const lines = [
    `${at.date}, commit ${at.commit}, Node ${at.node} (OpenSSL ${at.openssl}), ${peer}, ${at.machine.cpu}, ` +
      `${at.machine.processors} processors, Linux ${at.machine.kernel}, load average ${at.loadAverage}` +
      `${at.quick ? ", quick" : ""}`,
    "",
    `| handshakes per CPU second | underlock | ${peer} | floor | of charon | of the floor |`,
    "|---|---|---|---|---|---|",
    ...caseNames.map((name) => {
      const { underlock, charon, floor } = found.handshakesPerCpuSecond[name];
      const { toCharon, toFloor } = found.ratios[name];
      return `| ${name} | ${underlock} | ${charon} | ${floor} | ${toCharon} | ${toFloor} |`;
    }),
    ...signatureNames.map((name) => {
      const { underlock, charon, toCharon } = found.handshakesBySignature[name];
      return `| x25519, both ends by ${name} and a certificate | ${underlock} | ${charon} | | ${toCharon} | |`;
    }),
    `| IKEv1: main mode, modp2048, and quick mode | ${found.ikev1HandshakesPerCpuSecond.underlock} | ${found.ikev1HandshakesPerCpuSecond.charon} | | ${found.ikev1HandshakesPerCpuSecond.toCharon} | |`,
    `| x25519 with a Child SA into a null kernel | ${found.withNullKernelChild.x25519.underlock} | | | | |`,
    ...Object.entries(found.handshakesPerCpuSecondAtTunnels).map(
      ([level, { underlock, floor }]) =>
        `| x25519 while ${level} tunnels stand | ${underlock} | | ${floor} | | ${rounded(underlock / floor, 3)} |`,
    ),
    "",
    `| rekeys per CPU second | underlock | ${peer} |`,
    "|---|---|---|",
    `| Child SA into a null kernel | ${found.rekeysPerCpuSecond.child.underlock} | |`,
    `| the same with an X25519 exchange of its own | ${found.rekeysPerCpuSecond.childWithKe.underlock} | |`,
    `| IKE SA | ${found.rekeysPerCpuSecond.ike.underlock} | ${found.rekeysPerCpuSecond.ike.charon} |`,
    "",
    ...floodLines(found.flood),
    "",
    `| | underlock | ${peer} |`,
    "|---|---|---|",
    ...Object.entries(found.bytesPerTunnel).map(
      ([level, { underlock, charon }]) => `| resident octets for each of ${level} tunnels | ${underlock} | ${charon} |`,
    ),
    `| ms from the start to the first answer | ${start.underlock} | ${start.charon} |`,
    `| ms of CPU to load ${found.certificates.gateways} gateways' certificates | ${found.certificates.loadMilliseconds} | |`,
    "",
    "| aim | wanted | measured | |",
    "|---|---|---|---|",
    ...found.aims.map(
      ({ aim, wanted, measured, met }) => `| ${aim} | ${wanted} | ${measured} | ${met ? "met" : "missed"} |`,
    ),
  ];
  return lines.join("\n");
}

function floodLines({ spoofed, spoofedPerSecond, offeredPerSecond, completed, milliseconds }: FloodFigures): string[] {
  const row = (when: string, part: number, took: number): string =>
    `| ${when} | ${rounded(part * offeredPerSecond)} of ${offeredPerSecond} | ${rounded(took, 3)} |`;
  return [
    `| honest callers | handshakes a second | ms, median |`,
    "|---|---|---|",
    row("no flood", completed.before, milliseconds.before),
    row(
      `${spoofed} spoofed first messages, ${Math.round(spoofedPerSecond)} a second`,
      completed.meanwhile,
      milliseconds.meanwhile,
    ),
  ];
}
