import { spawn } from "node:child_process";
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cache, root } from "../paths.mjs";
import { Sorry } from "../run.mjs";
import { guestKernel } from "./kernel.mjs";

const guests = join(cache, "guests");

/** Guests booted by this process. */
let booted = 0;

/**
 * Boots a guest, runs the command in it and returns the command's exit status.
 * Standard output and error are relayed as they come. `memory` is in MiB, `timeout` in seconds; `kernel` is a name of kernel.mjs.
 * The guest's files are the host's but for /tmp, /run, /proc, /sys and /dev.
 */
export async function runInGuest(
  command,
  { memory = 2048, timeout = 3600, cwd = process.cwd(), env = {}, kernel: wanted } = {},
) {
  const kernel = guestKernel(wanted);
  checkModules(kernel);
  sweep();
  booted += 1;
  const name = `underlock-${process.pid}-${booted}-${Date.now().toString(36)}`;
  const folder = join(guests, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "owner"), `${process.pid}`);
  writeFileSync(join(folder, "job.sh"), job(command, cwd, env));
  const console_ = openSync(join(folder, "console"), "w");
  const child = spawn(kernel.linux, kernelArguments(name, folder, memory), {
    // Two lines beside the console carry the job's output, so that kernel messages never mix with it.
    stdio: ["ignore", console_, console_, "pipe", "pipe"],
    env: { ...process.env, TMPDIR: memoryFolder(memory) },
    detached: true,
  });
  writeFileSync(join(folder, "pid"), `${child.pid}`);
  const ended = new Promise((resolve, reject) => child.on("exit", resolve).on("error", reject));
  child.stdio[3].pipe(process.stdout, { end: false });
  child.stdio[4].pipe(process.stderr, { end: false });
  const stop = () => killGroup(child.pid);
  const onSignal = (signal) => {
    stop();
    rmSync(folder, { recursive: true, force: true });
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stop();
  }, timeout * 1000);
  try {
    await ended;
    if (late) throw new Sorry(`the guest was stopped: ${command.join(" ")} took longer than ${timeout} s`);
    const status = readStatus(folder);
    if (status === undefined) {
      const last = readFileSync(join(folder, "console"), "utf8").slice(-2000);
      throw new Sorry(`the guest ended without the command's exit status; its console's last words:\n${last}`);
    }
    return status;
  } finally {
    clearTimeout(timer);
    stop();
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    rmSync(folder, { recursive: true, force: true });
  }
}

function kernelArguments(name, folder, memory) {
  const keep = [root, cache, folder].join(":");
  return [
    `mem=${memory}M`,
    "root=/dev/root",
    "rootfstype=hostfs",
    "rootflags=/",
    "rw",
    // A kernel that knows it does not trace its processes, which is several times as fast; an older one passes over it.
    "seccomp=auto",
    `init=${join(root, "scripts/guest/init.sh")}`,
    "con=null",
    "con0=null,fd:1",
    "ssl=null",
    "ssl0=null,fd:3",
    "ssl1=null,fd:4",
    "quiet",
    `umid=${name}`,
    `uml_dir=${join(folder, "uml")}/`,
    `LAB_RUN=${folder}`,
    `LAB_KEEP=${keep}`,
  ];
}

function job(command, cwd, env) {
  const given = { HOME: process.env.HOME ?? "/root", UNDERLOCK_CACHE: cache, ...env };
  const path = `${join(process.execPath, "..")}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  const exports = Object.entries({ ...given, PATH: path }).map(([key, value]) => `export ${key}=${quote(value)}`);
  return [...exports, `cd ${quote(cwd)} || exit 127`, `exec ${command.map(quote).join(" ")}`, ""].join("\n");
}

/** Removes what guests left whose owner is gone (killed, or the machine went down), and ends such guests. */
function sweep() {
  mkdirSync(guests, { recursive: true });
  for (const name of readdirSync(guests)) {
    const owner = Number(readOr(join(guests, name, "owner"), "0"));
    if (owner !== 0 && isRunning(owner)) continue;
    const pid = Number(readOr(join(guests, name, "pid"), "0"));
    // The number may long be another process's: only one that was started for this very folder is ended.
    if (pid !== 0 && readOr(`/proc/${pid}/cmdline`, "").includes(`umid=${name}`)) killGroup(pid);
    rmSync(join(guests, name), { recursive: true, force: true });
  }
}

function checkModules({ version, modules }) {
  if (readOr(`/lib/modules/${version}/modules.dep`, "") === "") {
    throw new Sorry(`${modules} is not known to modprobe: do \`node scripts/setup.mjs lab kernel\` first`);
  }
}

/** The guest's memory is a sparse file; a container's /dev/shm is often too small for it. */
function memoryFolder(memory) {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    if (bavail * bsize > memory * 1024 * 1024) return "/dev/shm";
  } catch {
    // No /dev/shm: the ordinary folder for temporary files will do.
  }
  return "/tmp";
}

function killGroup(pid) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function readStatus(folder) {
  const text = readOr(join(folder, "status"), "");
  return text === "" ? undefined : Number(text);
}

function readOr(file, otherwise) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return otherwise;
  }
}

function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
