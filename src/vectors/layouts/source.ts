import { isObject, type JsonObject, objects, text } from "../json.ts";

const repositories: readonly [pattern: RegExp, name: string][] = [
  [/nss-dev\/nss/, "NIST CAVS"],
  [/ACVP/i, "NIST ACVP"],
  [/strongswan/i, "strongSwan"],
  [/dpdk/i, "DPDK"],
  [/wycheproof/i, "Wycheproof"],
  [/IPsec-StateMachineExtractor/, "RUB-NDS"],
  [/packages\.modules\.IPsec/, "Android"],
];

/** Who made a file, in a word or two, from its `source`. */
export function sourceOf(file: JsonObject, fallback: string): string {
  if (typeof file.source === "string") return file.source;
  const sources = isObject(file.source) ? [file.source] : objects(file.source);
  const documents = sources.map((source) => text(source, "document")).filter((name) => name !== undefined);
  if (documents.length > 0) return [...new Set(documents)].join(", ");
  const repository = sources
    .map((source) => `${text(source, "what") ?? ""} ${text(source, "repository") ?? ""}`)
    .join(" ");
  for (const [pattern, name] of repositories) if (pattern.test(repository)) return name;
  const named = sources.map((source) => text(source, "repository", "name", "what")).find((name) => name !== undefined);
  if (named !== undefined) return named.split(" ")[0] ?? named;
  return "schema" in file && "testGroups" in file ? "Wycheproof" : fallback;
}

/** Every title and document of a file's sources, to tell what its cases are of. */
export function titleOf(file: JsonObject): string {
  const sources = isObject(file.source) ? [file.source] : objects(file.source);
  return sources.map((source) => `${text(source, "document") ?? ""} ${text(source, "title") ?? ""}`).join(" ");
}
