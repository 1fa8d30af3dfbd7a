#!/usr/bin/env node
// Runs a command where ESP, GRE and VXLAN work: here, or in a guest kernel that is booted for it.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runInGuest } from "./guest/boot.mjs";
import { guestKernel } from "./guest/kernel.mjs";
import { probeHost } from "./guest/probe.mjs";
import { main, Sorry } from "./run.mjs";

const usage = `usage: node scripts/lab.mjs where
       node scripts/lab.mjs run [--memory MIB] [--timeout SECONDS] [--guest] [--kernel release|newer] -- COMMAND…`;

/** Runs the command on this machine's kernel if that is able, else in a guest; returns its exit status. */
export async function runInLab(command, options = {}) {
  const host = probeHost();
  if (host.able && !options.guest) {
    console.error(`lab: running on this machine: ${host.why}`);
    return await runHere(command, options);
  }
  const { version } = guestKernel(options.kernel);
  console.error(`lab: booting a guest kernel (user-mode Linux ${version}): ${options.guest ? "asked for" : host.why}`);
  return await runInGuest(command, options);
}

async function runHere([command, ...args], { timeout = 3600, cwd, env = {} }) {
  const child = spawn(command, args, { stdio: "inherit", cwd, env: { ...process.env, ...env } });
  const timer = setTimeout(() => child.kill("SIGKILL"), timeout * 1000);
  const status = await new Promise((resolve, reject) => {
    child.on("error", reject).on("exit", (code) => resolve(code ?? 128));
  });
  clearTimeout(timer);
  return status;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(async (args) => {
    const split = args.indexOf("--");
    const command = split < 0 ? [] : args.slice(split + 1);
    const { values, positionals } = parseArgs({
      args: split < 0 ? args : args.slice(0, split),
      allowPositionals: true,
      options: {
        memory: { type: "string" },
        timeout: { type: "string" },
        guest: { type: "boolean" },
        kernel: { type: "string" },
      },
    });
    if (positionals[0] === "where") {
      const { able, why } = probeHost();
      console.log(`${able ? "host" : "guest"}: ${why}`);
      return 0;
    }
    if (positionals[0] !== "run" || command.length === 0) {
      console.error(usage);
      return 2;
    }
    return await runInLab(command, {
      memory: number(values.memory),
      timeout: number(values.timeout),
      guest: values.guest,
      kernel: values.kernel,
    });
  });
}

function number(text) {
  if (text === undefined) return undefined;
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new Sorry(`"${text}" is not a whole number above 0`);
  return Number(text);
}
