import { describe, expect, test } from "vitest";
import { perCase } from "../../bench/cases.ts";
import { perSignature } from "../../bench/credentials.ts";
import { type Circumstances, formatReport, levelSpread, type Measured, report } from "../../bench/report.ts";

const circumstances: Circumstances = {
  date: "2026-11-21",
  commit: "abc1234",
  node: "20.20.2",
  openssl: "3.0.19",
  peer: { name: "strongSwan", version: "5.9.8", root: "/" },
  machine: { cpu: "a processor", processors: 2, kernel: "6.18" },
  loadAverage: 0.1,
  quick: true,
  seconds: 50,
};

function measured(): Measured {
  return {
    rates: perCase((name) => ({
      underlock: name === "x25519" ? [2000, 1000, 3000] : [900, 900, 900],
      charon: [1000, 500, 1500],
      floor: [4000, 2000, 6000],
      withChild: [1500],
    })),
    signatures: perSignature(() => ({ underlock: [900, 1000, 1100], charon: [450, 500, 550] })),
    ikev1: { underlock: [600, 800, 700], charon: [300, 400, 350] },
    levels: {
      10: { underlock: [2000], floor: [4000] },
      1000: { underlock: [1000], floor: [2000] },
      10000: { underlock: [1900], floor: [4000] },
    },
    memory: {
      underlock: { perTunnel: { 1000: [5000, 7000, 6000], 10000: [4000] }, resident: [] },
      charon: { perTunnel: { 1000: [10_000], 10000: [10_000] }, resident: [] },
    },
    rekeys: { child: [3000, 1000, 2000], childWithKe: [900], ike: [1200], charonIke: [1000] },
    flood: {
      spoofed: 50_000,
      spoofedPerSecond: 10_000,
      offeredPerSecond: 100,
      completed: { before: 1, meanwhile: 0.995 },
      milliseconds: { before: 2, meanwhile: 9 },
    },
    certificates: { gateways: 200, loadMilliseconds: [900, 700, 2100] },
    starts: { underlock: [500, 510, 490], charon: [40] },
  };
}

describe("the report", () => {
  test("has medians under the names that programs look for", () => {
    const found = report(measured(), circumstances);
    expect(found.handshakesPerCpuSecond.x25519).toEqual({ underlock: 2000, charon: 1000, floor: 4000 });
    expect(Object.keys(found.handshakesPerCpuSecond)).toEqual(["x25519", "modp2048", "ecp384"]);
    expect(found.ratios.x25519).toEqual({ toCharon: 2, toFloor: 0.5 });
    expect(found.bytesPerTunnel).toEqual({
      1000: { underlock: 6000, charon: 10_000 },
      10000: { underlock: 4000, charon: 10_000 },
    });
    expect(found.ikev1HandshakesPerCpuSecond).toEqual({ underlock: 700, charon: 350, toCharon: 2 });
    expect(found.startMilliseconds).toEqual({ underlock: 500, charon: 40 });
    expect(found.samples.rates.x25519.underlock).toEqual([2000, 1000, 3000]);
    expect(found.rekeysPerCpuSecond).toEqual({
      child: { underlock: 2000 },
      childWithKe: { underlock: 900 },
      ike: { underlock: 1200, charon: 1000 },
    });
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });

  test("says of each aim whether it is met", () => {
    const met = new Map(report(measured(), circumstances).aims.map((aim) => [aim.aim, aim.met]));
    expect(met.get("x25519: rate, as a multiple of charon's")).toBe(true);
    expect(met.get("x25519: rate, as a part of the floor")).toBe(false);
    expect(met.get("modp2048: rate, as a multiple of charon's")).toBe(false);
    expect(met.get("memory of a tunnel at 1000, as a part of charon's")).toBe(false);
    expect(met.get("memory of a tunnel at 10000, as a part of charon's")).toBe(true);
    expect(met.get("handshakes that honest callers complete under a flood")).toBe(true);
    expect(met.get("ms to load 200 gateways' certificates")).toBe(true);
    expect(met.get("cost of a handshake from 10 to 10,000 tunnels: spread")).toBe(true);
  });

  test("levels are compared by what they cost beside the floor: a machine that was slower meanwhile does not show", () => {
    expect(levelSpread(measured().levels)).toBeCloseTo(0.0526, 3);
  });

  test("prints one table row for each case and each aim", () => {
    const text = formatReport(report(measured(), circumstances));
    expect(text).toContain("| x25519 | 2000 | 1000 | 4000 | 2 | 0.5 |");
    expect(text).toContain("| 50000 spoofed first messages, 10000 a second | 99.5 of 100 | 9 |");
    expect(text).toContain("| x25519, both ends by rsa2048 and a certificate | 1000 | 500 | | 2 | |");
    expect(text).toContain("| IKE SA | 1200 | 1000 |");
    expect(text.match(/\| (met|missed) \|/g)).toHaveLength(11);
  });
});
