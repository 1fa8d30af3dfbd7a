import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { captureFolder } from "../decode/open-capture.ts";

const main = new URL("../../../src/cli/main.ts", import.meta.url).pathname;
const recorded = readFileSync(`${captureFolder}ndpi/ipsec_isakmp_esp.pcap`);
const records = recorded.subarray(24);
const packetsEach = 834;
const long = 200e6;

/** The most memory that a process has had, in MiB. */
function peakOf(pid: number | undefined): number {
  const [, kilobytes = "0"] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

it("reads a capture of 200 MB to its last packet in memory that does not grow with it", async () => {
  // What the collector leaves to new objects grows by itself, by as much as a tenth of what is read.
  const node = ["--max-semi-space-size=16", "--import", "tsx"];
  const child = spawn(process.execPath, [...node, main, "decode", "--brief", "-"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let rest = "";
  let packets = 0;
  child.stdout.setEncoding("latin1").on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    // Notes begin with more blanks.
    for (const line of lines) if (/^ {0,5}\d/.test(line)) packets += 1;
  });
  const status = once(child, "close");
  const peaks: number[] = [];
  child.stdin.write(recorded.subarray(0, 24));
  let written = 0;
  for (; written * records.length < long; written += 1) {
    if (!child.stdin.write(records)) await once(child.stdin, "drain");
    if (written * records.length > (peaks.length + 1) * 20e6) peaks.push(peakOf(child.pid));
  }
  peaks.push(peakOf(child.pid));
  child.stdin.end();
  expect(await status).toEqual([0, null]);
  expect(packets).toBe(written * packetsEach);
  // The program itself is still being compiled during the first 20 MB.
  const [early = 0, last = 0] = [peaks[1], peaks.at(-1)];
  expect(peaks).toHaveLength(10);
  // Five times as much to read; the collector takes its time.
  expect(last, peaks.join()).toBeLessThan(early * 1.5);
  expect(last).toBeLessThan(400);
}, 240_000);
