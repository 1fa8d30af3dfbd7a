/** First inputs of the fuzz targets: what others recorded and wrote. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const vectors = fileURLToPath(new URL("../../vectors/", import.meta.url));

/** Octets of every string of hex with that name, in the JSON files of a folder of `vectors/`. */
export function hexOf(folder: string, ...names: readonly string[]): Buffer[] {
  const wanted = new Set(names);
  return files(folder, ".json").flatMap((path) => [...strings(JSON.parse(readFileSync(path, "utf8")), wanted)]);
}

/** Every file of a folder of `vectors/` with one of these ends. */
export function contentsOf(folder: string, ...ends: readonly string[]): Buffer[] {
  return ends.flatMap((end) => files(folder, end)).map((path) => readFileSync(path));
}

/** Every file below a folder of the repository with that end. */
export function repositoryFiles(folder: string, end: string): Buffer[] {
  const root = fileURLToPath(new URL(`../../${folder}/`, import.meta.url));
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(end))
    .map((name) => readFileSync(`${root}${name}`));
}

/** Certificates, lists of revoked ones, and answers of OCSP, with every extension that is read. */
export function x509Of(kind: "certificates" | "lists" | "answers"): Buffer[] {
  const file = JSON.parse(readFileSync(new URL("corpus/x509.json", import.meta.url), "utf8")) as Record<
    typeof kind,
    readonly { readonly hex: string }[]
  >;
  return file[kind].map(({ hex }) => Buffer.from(hex, "hex"));
}

function files(folder: string, end: string): string[] {
  return readdirSync(`${vectors}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(end))
    .map((name) => `${vectors}${folder}/${name}`);
}

function* strings(value: unknown, names: ReadonlySet<string>): Generator<Buffer> {
  if (Array.isArray(value)) for (const one of value) yield* strings(one, names);
  else if (typeof value === "object" && value !== null) {
    for (const [name, one] of Object.entries(value)) {
      if (names.has(name) && typeof one === "string" && /^(?:[0-9a-f]{2})+$/.test(one)) yield Buffer.from(one, "hex");
      else yield* strings(one, names);
    }
  }
}
