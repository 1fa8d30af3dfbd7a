#!/usr/bin/env node
// Installs what a fresh Debian machine lacks. Every step can be run again: it does nothing when all is there.
// Runs with bare Node, before `npm install`.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { main, Sorry } from "./run.mjs";
import { browser } from "./setup/browser.mjs";
import { build } from "./setup/build.mjs";
import { newerKernel } from "./setup/guest-kernel.mjs";
import { lab } from "./setup/lab.mjs";
import { nodeModules } from "./setup/node.mjs";
import { openssl } from "./setup/openssl.mjs";
import { peers } from "./setup/peers.mjs";

const steps = {
  node: { about: "the npm packages of package-lock.json", run: nodeModules },
  openssl: { about: "openssl's command line, whose certificates and verdicts the unit tests use", run: openssl },
  build: { about: "the program in dist, out of src and the libraries that it uses", run: build },
  lab: { about: "a kernel that can do ESP, and the tools the lab needs (Debian packages)", run: lab },
  kernel: { about: "a newer kernel beside it, in a folder of its own, with which the lab is faster", run: newerKernel },
  browser: { about: "Chromium, in which a test looks at what `decode --html` writes (a Debian package)", run: browser },
  peers: {
    about: "strongSwan 5.9.8 and 6.0.1, Libreswan 5.2, OpenIKED 7.4, each in a folder of its own (debootstrap)",
    run: peers,
  },
};

/** Runs the named steps in order. */
export async function setup(...names) {
  for (const name of names) {
    const step = steps[name];
    if (step === undefined) throw new Sorry(`no step is called "${name}"; there are ${Object.keys(steps).join(", ")}`);
    await step.run();
  }
}

const usage = `usage: node scripts/setup.mjs [STEP…]    (without a step: all of them)
${Object.entries(steps)
  .map(([name, { about }]) => `  ${name.padEnd(8)}${about}`)
  .join("\n")}`;

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(async (args) => {
    if (args.some((arg) => arg.startsWith("-"))) {
      console.error(usage);
      return args.includes("--help") ? 0 : 2;
    }
    await setup(...(args.length > 0 ? args : Object.keys(steps)));
    return 0;
  });
}
