/**
 * `node --import tsx test/bench/decode.ts [MEGABYTES]`: packets a second and memory of `decode --brief`, and tshark's beside
 * it where it is installed, over a capture of that size made by repeating a recorded one.
 */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const headerLength = 24;

/** Writes it and gives the number of its packets. */
function repeat(source: string, target: string, megabytes: number): number {
  const recorded = readFileSync(source);
  const records = recorded.subarray(headerLength);
  let packets = 0;
  for (let at = 0; at < records.length; at += 16 + records.readUInt32LE(at + 8)) packets += 1;
  const file = openSync(target, "w");
  writeSync(file, recorded.subarray(0, headerLength));
  const times = Math.ceil((megabytes * 1e6) / records.length);
  for (let time = 0; time < times; time += 1) writeSync(file, records);
  closeSync(file);
  return packets * times;
}

function measure(name: string, packets: number, command: readonly string[]): void {
  const began = performance.now();
  const words = ["-c", `exec /usr/bin/env time -f '%M' ${command.map((word) => `'${word}'`).join(" ")} > /dev/null`];
  const { stderr, status } = spawnSync("bash", words, { encoding: "utf8", cwd: root });
  const seconds = (performance.now() - began) / 1000;
  const kilobytes = Number(stderr.trim().split("\n").at(-1));
  const memory = Number.isFinite(kilobytes) ? `${Math.round(kilobytes / 1024)} MiB` : "not measured";
  console.log(
    `${name}: ${Math.round(packets / seconds)} packets/s, ${seconds.toFixed(1)} s, ${memory}${status === 0 ? "" : `, exit ${status}`}`,
  );
}

const megabytes = Number(process.argv[2] ?? 20);
const folder = mkdtempSync(join(tmpdir(), "underlock-decode-"));
try {
  const capture = join(folder, "long.pcap");
  const packets = repeat(join(root, "vectors/captures/ndpi/ipsec_isakmp_esp.pcap"), capture, megabytes);
  console.log(`${megabytes} MB, ${packets} packets of IKEv2 and ESP, one line each`);
  measure("underlock", packets, [process.execPath, "--import", "tsx", "src/cli/main.ts", "decode", "--brief", capture]);
  if (spawnSync("tshark", ["--version"]).status === 0) measure("tshark", packets, ["tshark", "-n", "-r", capture]);
} finally {
  rmSync(folder, { recursive: true });
}
