#!/usr/bin/env node
// `npm run demo`: two gateways, three tunnels, a watched wire. Installs what is missing, then runs test/interop/demo/demo.ts in the lab.
import { join } from "node:path";
import { runInLab } from "./lab.mjs";
import { root } from "./paths.mjs";
import { main } from "./run.mjs";
import { setup } from "./setup.mjs";

await main(async () => {
  await setup("node", "build", "lab");
  return await runInLab([process.execPath, "--import", "tsx", join(root, "test/interop/demo/demo.ts")], {
    cwd: root,
    timeout: 300,
  });
});
