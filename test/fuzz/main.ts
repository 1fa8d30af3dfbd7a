/**
 * `npm run fuzz -- TARGET [--minutes N] [--seed N]`; `all` shares the minutes among the targets. What fails is made as small
 * as it goes and kept in test/fuzz/finds/TARGET, which a unit test runs ever after.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { fuzz } from "./fuzzer.ts";
import { targets } from "./targets.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: "string", default: "1" }, seed: { type: "string", default: String(Date.now() >>> 0) } },
});
const minutes = Number(values.minutes);
const names = positionals.includes("all") ? Object.keys(targets) : positionals;
const unknown = names.filter((name) => !(name in targets));

if (names.length === 0 || unknown.length > 0 || !(minutes > 0)) {
  const list = Object.entries(targets).map(([name, { about }]) => `  ${name.padEnd(14)}${about}`);
  console.error(`usage: npm run fuzz -- TARGET… [--minutes N] [--seed N]\n${list.join("\n")}\n  all`);
  process.exit(2);
}

let finds = 0;
for (const name of names) {
  const target = targets[name];
  if (target === undefined) continue;
  const until = Date.now() + (minutes * 60_000) / names.length;
  const campaign = fuzz(target, Number(values.seed), until);
  const { executions, pieces, corpus } = campaign;
  console.log(
    `${name}: ${executions} inputs, ${pieces} pieces of code reached, ${corpus} inputs kept, seed ${values.seed}`,
  );
  for (const { input, why } of campaign.finds) {
    finds += 1;
    const folder = fileURLToPath(new URL(`./finds/${name}/`, import.meta.url));
    mkdirSync(folder, { recursive: true });
    const file = createHash("sha256").update(input).digest("hex").slice(0, 16);
    writeFileSync(`${folder}${file}`, input);
    console.error(`FOUND ${why}\n  kept in test/fuzz/finds/${name}/${file} (${input.length} octets)`);
  }
}
process.exitCode = finds > 0 ? 1 : 0;
