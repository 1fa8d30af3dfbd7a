#!/usr/bin/env node
// `npm run fuzz -- TARGET --minutes N`: see test/fuzz/main.ts.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { main } from "./run.mjs";
import { setup } from "./setup.mjs";

await main(async (args) => {
  await setup("node");
  const words = ["--enable-source-maps", "--import", "tsx", join(root, "test/fuzz/main.ts"), ...args];
  const child = spawn(process.execPath, words, { stdio: "inherit", cwd: root });
  return await new Promise((resolve, reject) => {
    child.on("error", reject).on("exit", (status) => resolve(status ?? 128));
  });
});
