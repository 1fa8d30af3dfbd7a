/** Where the vectors are that come with the program, and reading one. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Failure } from "../../daemon/failure.ts";
import { installation } from "../installation.ts";

/** Far above the largest file of vectors that is known (3 MB). */
const maxOctets = 64 * 1024 * 1024;

const folder = fileURLToPath(new URL("vectors/", installation));

/** Folders of `vectors/` that hold what `underlock decode` reads, and what the files in our own schema were made from. */
const notVectors = new Set(["captures", "sources"]);

/** The files that come with the program, by name. */
export function ownVectorFiles(): readonly string[] {
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !notVectors.has(entry.name))
    .flatMap((entry) => readdirSync(`${folder}${entry.name}`).map((name) => `${folder}${entry.name}/${name}`))
    .filter((path) => path.endsWith(".json"));
  return files.sort();
}

/** The content of a JSON file; throws {@link Failure} where it cannot be read. */
export function readJson(path: string): unknown {
  let text: string;
  try {
    const { size } = statSync(path);
    if (size > maxOctets) throw new Failure(2, `${path} has ${size} octets, possible are at most ${maxOctets}`);
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(2, `cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message quotes the file, whose octets may move the cursor.
    const why = (error as Error).message.replace(/[^\x20-\x7e]+/g, "?");
    throw new Failure(2, `${path} is not JSON: ${why}`);
  }
}
