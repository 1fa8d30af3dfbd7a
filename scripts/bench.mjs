#!/usr/bin/env node
// `npm run bench`: compiles the bench and runs it in namespaces of its own, so that it meets nobody and leaves nothing.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { cache, root } from "./paths.mjs";
import { main, Sorry, show } from "./run.mjs";
import { asRoot } from "./setup/debian.mjs";
import { setup } from "./setup.mjs";

const usage = `usage: npm run bench -- [--quick] [--json] [--charon VERSION|/] [--keep] | --profile
  --quick     under a minute: fewer and shorter samples
  --json      one JSON object on standard output, the table on standard error
  --charon    the strongSwan to compare with: 5.9.8 (the default), 6.0.1, or / for the one that is installed here
  --keep      leaves the daemons' configurations and logs, and says where
  --profile   shows where our responder spends its time in X25519 handshakes, and measures nothing else`;

await main(async (args) => {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: "boolean" },
      json: { type: "boolean" },
      keep: { type: "boolean" },
      profile: { type: "boolean" },
      help: { type: "boolean" },
      charon: { type: "string", default: "5.9.8" },
    },
  });
  if (values.help) {
    console.error(usage);
    return 0;
  }
  await setup("node");
  const charonRoot = await charon(values.charon);
  show(join(root, "node_modules", ".bin", "tsc"), ["-p", "test/bench/tsconfig.json"], { cwd: root });
  const words = [
    values.quick && "--quick",
    values.json && "--json",
    values.keep && "--keep",
    values.profile && "--profile",
  ].filter(Boolean);
  return await inNamespaces(
    [
      process.execPath,
      "--enable-source-maps",
      join(root, "artifacts/bench/test/bench/main.js"),
      `--charon-root=${charonRoot}`,
      ...words,
    ],
    charonRoot,
  );
});

/** The folder to chroot into; made where it is not there yet. */
async function charon(version) {
  const folder = version === "/" ? "/" : join(cache, "peers", `strongswan-${version}`);
  if (!existsSync(folder)) await setup("peers");
  if (existsSync(join(folder, "usr/lib/ipsec/charon"))) return folder;
  throw new Sorry(version === "/" ? "no charon is installed here" : `there is no strongSwan ${version} in ${folder}`);
}

/** Network, mounts and processes of its own: nobody else is loaded, nothing is left running or mounted. */
async function inNamespaces(command, charonRoot) {
  const mounts =
    charonRoot === "/" ? [] : ["dev", "proc", "tmp"].map((name) => `mount --bind /${name} ${charonRoot}/${name}`);
  const fresh = ["/run", ...(charonRoot === "/" ? [] : [`${charonRoot}/run`])].map(
    (at) => `mount -t tmpfs bench ${at}`,
  );
  const script = ["ip link set lo up", ...mounts, ...fresh, 'exec "$@"'].join(" && ");
  const [program, ...words] = [
    ...asRoot("for a network namespace and for charon"),
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
    "sh",
    "-c",
    script,
    "sh",
    ...command,
  ];
  const child = spawn(program, words, { stdio: ["ignore", "inherit", "inherit"], cwd: root });
  return await new Promise((resolve, reject) => {
    child.on("error", reject).on("exit", (status) => resolve(status ?? 128));
  });
}
