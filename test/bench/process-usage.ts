/** What a process has used, as the system says: CPU time and resident memory. */
import { readFileSync } from "node:fs";
import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const clockGettime: (clock: number, time: Buffer) => number = libc.func("int clock_gettime(int, _Out_ void *)");

/**
 * CPU seconds of all threads of a process, user and system, those that have ended included: what `utime + stime` of
 * /proc/PID/stat say in ticks of 10 ms, from the process's CPU clock in nanoseconds.
 */
export function cpuSeconds(pid: number): number {
  const time = Buffer.alloc(16);
  // The clock id of another process, as clock_getcpuclockid(3) makes it.
  if (clockGettime((~pid << 3) | 2, time) !== 0) throw new Error(`process ${pid} has no CPU clock: it has ended`);
  return Number(time.readBigInt64LE(0)) + Number(time.readBigInt64LE(8)) / 1e9;
}

/** Resident octets of a process: VmRSS of /proc/PID/status. */
export function residentBytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (kilobytes === undefined) throw new Error(`process ${pid} has no resident memory: it has ended`);
  return Number(kilobytes) * 1024;
}
