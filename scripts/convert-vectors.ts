/** Writes the files of vectors/ in our own schema from those of vectors/sources; a test fails when one is stale. Run with tsx. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isObject, type JsonObject, objects, text } from "../src/vectors/json.ts";
import { readVectors } from "../src/vectors/layouts/layout.ts";
import { ownSchema } from "../src/vectors/layouts/own.ts";

const root = fileURLToPath(new URL("../vectors/", import.meta.url));

/** Licences that the sources themselves do not name, by folder or file. */
const licences: readonly (readonly [start: string, licence: string])[] = [
  ["rfc/", "IETF Trust (BCP 78), test values only"],
  ["nist/acvp", "NIST, no copyright in the United States, notice to be kept"],
  ["nist/cavs", "public domain (NIST); the copy that was read is carried by NSS under MPL-2.0"],
  ["wycheproof/", "Apache-2.0"],
];

/** Where files come from that do not say it themselves. */
const origins: readonly (readonly [start: string, origin: JsonObject])[] = [
  ["wycheproof/", { repository: "C2SP/wycheproof", commit: "dac1dd4729fd" }],
  [
    "ikev2-proposals/",
    { name: "recorded proposals", what: "exchanges of captures in ../captures", licence: "those of the captures" },
  ],
];

/** The files of `vectors/sources`, as `folder/name.json`. */
export function sourceFiles(): readonly string[] {
  return jsonBelow(`${root}sources/`);
}

/** The files of `vectors/` in our own schema, as `folder/name.json`. */
export function convertedFiles(): readonly string[] {
  return jsonBelow(root).filter((name) => !/^(?:captures|sources)\//.test(name));
}

/** A file of `vectors/sources` in our own schema, as text. Throws where it has no cases, no source or no licence. */
export function convert(name: string): string {
  const file: unknown = JSON.parse(readFileSync(`${root}sources/${name}`, "utf8"));
  if (!isObject(file)) throw new Error(`${name} is not an object`);
  const { source, cases } = readVectors(file, name);
  const head = { schema: ownSchema, source: originOf(name, source, file), ...remarks(file) };
  const body = JSON.stringify(head, undefined, 1).replace(/\n\}$/, "");
  return `${body},\n "cases": [\n${cases.map((one) => `  ${JSON.stringify(one)}`).join(",\n")}\n ]\n}\n`;
}

function originOf(name: string, source: string, file: JsonObject): JsonObject {
  const known = origins.find(([start]) => name.startsWith(start))?.[1] ?? {};
  const [first = known, ...others] = isObject(file.source) ? [file.source] : objects(file.source);
  const licence = text(first, "licence") ?? licences.find(([start]) => name.startsWith(start))?.[1];
  if (licence === undefined) throw new Error(`${name}: no licence is known`);
  const whence = { ...first, ...(others.length === 0 ? {} : { also: others }) };
  return { name: text(known, "name") ?? source, ...whence, licence, convertedFrom: `sources/${name}` };
}

function remarks(file: JsonObject): JsonObject {
  const notes = Array.isArray(file.notes) ? file.notes.filter((note) => typeof note === "string") : [];
  const trimmed = typeof file.trimmedFrom === "number" ? { trimmedFrom: file.trimmedFrom } : {};
  return { ...(notes.length === 0 ? {} : { notes }), ...trimmed };
}

function jsonBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of convertedFiles()) rmSync(`${root}${name}`);
  for (const name of sourceFiles()) {
    mkdirSync(`${root}${name.replace(/\/[^/]*$/, "")}`, { recursive: true });
    writeFileSync(`${root}${name}`, convert(name));
  }
}
