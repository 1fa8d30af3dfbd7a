/**
 * `npm run build && node --import tsx test/bench/decode.ts [MEGABYTES]`: packets a CPU second and memory of `decode --brief`,
 * and tshark's beside it where it is installed, over a capture of that size made by repeating a recorded one.
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
  const words = [
    "-c",
    `exec /usr/bin/env time -f '%M %U %S' ${command.map((word) => `'${word}'`).join(" ")} > /dev/null`,
  ];
  const { stderr, status } = spawnSync("bash", words, { encoding: "utf8", cwd: root });
  // Seconds of the processor: whatever else the machine does takes none of them.
  const [kilobytes = 0, user = 0, system = 0] = (stderr.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  const seconds = user + system;
  if (status !== 0 || !(seconds > 0)) throw new Error(`${name} ended with ${status}: ${stderr}`);
  console.log(
    `${name}: ${Math.round(packets / seconds)} packets a CPU second, ${seconds.toFixed(2)} s, ${Math.round(kilobytes / 1024)} MiB`,
  );
}

const megabytes = Number(process.argv[2] ?? 20);
const folder = mkdtempSync(join(tmpdir(), "underlock-decode-"));
try {
  const capture = join(folder, "long.pcap");
  const packets = repeat(join(root, "vectors/captures/ndpi/ipsec_isakmp_esp.pcap"), capture, megabytes);
  console.log(`${megabytes} MB, ${packets} packets of IKEv2 and ESP, one line each`);
  measure("underlock", packets, [process.execPath, "bin/underlock", "decode", "--brief", capture]);
  if (spawnSync("tshark", ["--version"]).status === 0) measure("tshark", packets, ["tshark", "-n", "-r", capture]);
} finally {
  rmSync(folder, { recursive: true });
}
