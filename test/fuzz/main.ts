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

const { values, positionals } = wordsOf();
const minutes = Number(values.minutes);
const names = positionals.includes("all") ? Object.keys(targets) : positionals;
const unknown = names.filter((name) => !Object.hasOwn(targets, name));

if (values.help) {
  console.log(usage());
  process.exit(0);
}
if (unknown.length > 0) refuse(`no target is called ${unknown.join(", ")}`);
if (names.length === 0) refuse("no target is named");
if (!(minutes > 0)) refuse(`--minutes is ${values.minutes}, possible are numbers above 0`);
if (!Number.isSafeInteger(Number(values.seed))) refuse(`--seed is ${values.seed}, possible are whole numbers`);

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

function wordsOf() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        minutes: { type: "string", default: "1" },
        seed: { type: "string", default: String(Date.now() >>> 0) },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    return refuse((error as Error).message.replace(/\. To specify.*/, ""));
  }
}

function usage(): string {
  const list = Object.entries(targets).map(([name, { about }]) => `  ${name.padEnd(16)}${about}`);
  return `usage: npm run fuzz -- TARGET… [--minutes N] [--seed N]\n${list.join("\n")}\n  all`;
}

function refuse(why: string): never {
  console.error(`${why}\n${usage()}`);
  process.exit(2);
}
