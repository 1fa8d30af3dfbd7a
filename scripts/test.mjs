#!/usr/bin/env node
import { spawn } from "node:child_process";
// All tests: the unit tests here, then the interop tests where a kernel can do ESP. Installs what they need.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative } from "node:path";
import { probeHost } from "./guest/probe.mjs";
import { runInLab } from "./lab.mjs";
import { root } from "./paths.mjs";
import { main, Sorry } from "./run.mjs";
import { secondNode } from "./setup/second-node.mjs";
import { setup } from "./setup.mjs";

const usage = `usage: npm test -- [--unit] [--interop] [--also-node VERSION] [VITEST ARGUMENT…]
  without --unit and --interop both are run (the simulator's fixed seeds are among the unit tests); the other arguments go to vitest (file names, -t NAME)
  --also-node VERSION   runs the unit tests a second time, without the simulator's, under that release of Node
  UNDERLOCK_LONG=1 in the environment has the rekeys under a flood last two minutes each`;

const interopNeeds = ["build", "lab", "kernel", "peers"];
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const results = join(root, "artifacts/results");
// Long enough for the whole table of interop cells, short enough to leave CI time to say what hung.
const interopSeconds = 35 * 60;

/**
 * Files that share a guest, in the order in which the guests start, and the kernel that it runs where that matters;
 * without files: all that are not named.
 */
const guests = {
  // The newer kernel has no NAT. What the kernel does, and what it is trusted with, is looked at with both.
  "the release's kernel": {
    kernel: "release",
    files: [
      "nat",
      "abilities",
      "ikev1-others",
      "source-nat",
      "icmp",
      "kernel-conformance",
      "kernel-icmp",
      "kernel-xfrm",
    ],
  },
  // At the newer one's pace every IKE SA rekey crosses Libreswan's, which then drops the Child SAs.
  "the rekeys": { kernel: "release", files: ["rekey"] },
  "the other peers": {
    files: [
      "certificates",
      "handover",
      "ikev1",
      "ikev1-certificates",
      "ikev1-remote-access",
      "subnets",
      "table-libreswan-openiked",
    ],
  },
  "the others": {},
  "the kernel": { files: ["icmp", "kernel-conformance", "kernel-icmp", "kernel-xfrm"] },
  "the life of tunnels": { files: ["at-once", "impairments", "life", "mesh"] },
  "the table": { files: ["table"] },
};

/** For the second Node: as few as still reach every refusal of the decoders, which the tests ask for. */
const fewerMutations = { UNDERLOCK_MUTATIONS: "20000" };

/** What of the environment the tests in a guest are told. */
const handedOn = ["CI", "UNDERLOCK_LONG"];

await main(async (args) => {
  const { only, alsoNode, rest } = parse(args);
  if (only === undefined) {
    console.error(usage);
    return 2;
  }
  mkdirSync(results, { recursive: true });
  await setup("node");
  if (only !== "interop") await setup("openssl");
  if (only === "both") await browserIfPossible();
  const prepared = only === "both" ? setUpBeside(interopNeeds) : undefined;
  const runs = [];
  if (only !== "interop") runs.push(await unit("unit", () => process.execPath, ["unit", "simulation"], rest));
  if (only !== "interop" && alsoNode) {
    runs.push(await unit(`unit (Node ${alsoNode})`, () => secondNode(alsoNode), ["unit"], rest, fewerMutations));
  }
  await prepared;
  if (only !== "unit") runs.push(...(await interop(rest)));
  return summarize(runs);
});

/** Without it one test is left out, which it says, and which it does not forgive in CI. */
async function browserIfPossible() {
  try {
    await setup("browser");
  } catch (error) {
    if (!(error instanceof Sorry)) throw error;
    console.error(error.message);
  }
}

/** Minutes on a fresh machine, mostly spent waiting for the archive and the disk. What fails is done again, and said then. */
async function setUpBeside(steps) {
  const child = spawn(process.execPath, [join(root, "scripts/setup.mjs"), ...steps], { stdio: "ignore" });
  await new Promise((resolve) => child.on("error", resolve).on("exit", resolve));
}

function parse(args) {
  const rest = [];
  const projects = [];
  let alsoNode;
  for (let at = 0; at < args.length; at += 1) {
    if (args[at] === "--unit" || args[at] === "--interop") projects.push(args[at].slice(2));
    else if (args[at] === "--also-node") alsoNode = args[++at];
    else rest.push(args[at]);
  }
  if (rest.includes("--help") || (alsoNode !== undefined && !/^\d+(\.\d+)*$/.test(alsoNode))) return {};
  return { only: projects.length === 1 ? projects[0] : "both", alsoNode, rest };
}

async function unit(name, node, projects, rest, environment = {}) {
  return await counted(name, async (report) => {
    const env = { ...environment, ...process.env };
    const child = spawn(node(), vitestArguments(projects, report, rest), { stdio: "inherit", cwd: root, env });
    return await new Promise((resolve, reject) => {
      child.on("error", reject).on("exit", (status) => resolve(status ?? 128));
    });
  });
}

/** A guest has one processor: as many run side by side as the machine has processors, but at least two. */
async function interop(rest) {
  try {
    await setup(...interopNeeds);
  } catch (error) {
    if (!(error instanceof Sorry)) throw error;
    console.error(error.message);
    return [{ name: "interop: set-up", passed: 0, failed: 1, skipped: 0, failures: [], skips: [] }];
  }
  if (probeHost().able) return [await interopPart("interop", rest)];
  if (rest.length > 0) return [await interopPart("interop", rest, process.env.UNDERLOCK_LAB_KERNEL ?? kernelFor(rest))];
  const named = Object.values(guests).flatMap(({ files }) => files ?? []);
  const others = named.flatMap((file) => ["--exclude", interopFile(file)]);
  return await sideBySide(
    Object.entries(guests).map(
      ([name, { files, kernel }]) =>
        () =>
          interopPart(`interop: ${name}`, files?.map(interopFile) ?? others, kernel),
    ),
    Math.max(2, availableParallelism()),
  );
}

/** The kernel for chosen files: that of the first guest that has one of them. */
function kernelFor(rest) {
  const isChosen = (file) =>
    rest.some((argument) => argument.startsWith("test/") && interopFile(file).includes(argument));
  return Object.values(guests).find(({ files }) => files?.some(isChosen))?.kernel;
}

function interopFile(name) {
  return `test/interop/${name}.test.ts`;
}

/** Runs all of them, at most so many at a time; their results in the order given. */
async function sideBySide(runs, atATime) {
  const results = [];
  let next = 0;
  const lane = async () => {
    while (next < runs.length) {
      const at = next++;
      results[at] = await runs[at]();
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
  return results;
}

async function interopPart(name, chosen, kernel) {
  return await counted(name, async (report) => {
    // The guest sees no terminal: colours are kept only where there is one.
    const colour = process.stdout.isTTY ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" };
    const told = Object.fromEntries(handedOn.flatMap((key) => (key in process.env ? [[key, process.env[key]]] : [])));
    const command = [process.execPath, ...vitestArguments(["interop"], report, chosen), "--reporter=verbose"];
    return await runInLab(command, { cwd: root, timeout: interopSeconds, env: { ...colour, ...told }, kernel });
  });
}

function vitestArguments(projects, report, rest) {
  const reporters = [
    ...(projects.includes("unit") ? ["--reporter=default"] : []),
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  // No cache: the guest and the host would write the same file.
  const chosen = projects.flatMap((project) => ["--project", project]);
  return [vitest, "run", ...chosen, "--cache=false", "--passWithNoTests", ...reporters, ...rest];
}

/** Runs one set of tests and counts from vitest's own report; whatever keeps it from reporting is a failure. */
async function counted(name, run) {
  const report = join(results, `${name.replace(/[^a-z0-9]+/gi, "-")}.json`);
  rmSync(report, { force: true });
  console.log(`\n== ${name}`);
  let status = 1;
  try {
    status = await run(report);
  } catch (error) {
    if (!(error instanceof Sorry)) throw error;
    console.error(error.message);
  }
  return { name, ...readReport(report, status) };
}

function readReport(file, status) {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: 0, failures: [], skips: [] };
  const report = JSON.parse(readFileSync(file, "utf8"));
  const tests = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map((test) => ({ ...test, label: `${relative(root, name)} > ${test.fullName}` })),
  );
  const of = (...states) => tests.filter((test) => states.includes(test.status));
  // A file that could not even be loaded has no tests to count, and neither has an error outside all tests.
  const unloaded = report.testResults.filter((each) => each.status === "failed" && each.assertionResults.length === 0);
  const failures = [...of("failed").map((test) => test.label), ...unloaded.map(({ name }) => relative(root, name))];
  const skips = of("skipped", "pending", "todo", "disabled").map((test) => test.label);
  return {
    passed: of("passed").length,
    failed: failures.length === 0 && status !== 0 ? 1 : failures.length,
    skipped: skips.length,
    failures,
    skips,
  };
}

function summarize(runs) {
  const sum = (key) => runs.reduce((total, run) => total + run[key], 0);
  console.log("");
  for (const run of runs) {
    console.log(`${run.name}: ${run.passed} passed, ${run.failed} failed, ${run.skipped} skipped`);
    for (const name of run.failures) console.log(`  failed: ${name}`);
    for (const name of run.skips) console.log(`  skipped: ${name}`);
  }
  const forbidden = process.env.CI === "true" && sum("skipped") > 0;
  if (forbidden) console.log("a skipped test is a failure where CI=true");
  const total = `${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`;
  writeFileSync(join(results, "summary"), `${total}\n`);
  console.log(`reports are in ${relative(process.cwd(), results) || "."}`);
  console.log(total);
  return sum("failed") > 0 || forbidden ? 1 : 0;
}
