/** Reads what a source file imports and does, and says what its layer forbids. */
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { z } from "zod";

const table = z.strictObject({
  about: z.string(),
  layers: z.record(
    z.string(),
    z.strictObject({ core: z.boolean(), layers: z.array(z.string()), packages: z.array(z.string()) }),
  ),
  forbiddenInCore: z.record(z.string(), z.string()),
  exceptions: z.array(z.strictObject({ file: z.string(), found: z.string(), why: z.string() })),
});

export type LayerTable = z.infer<typeof table>;

export const layerTable: LayerTable = table.parse(
  JSON.parse(readFileSync(new URL("./layers.json", import.meta.url), "utf8")),
);

/** One thing that a layer forbids; `found` is stable, so that exceptions can name it. */
export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly found: string;
  readonly rule: string;
}

export function formatViolation({ file, line, found, rule }: Violation): string {
  return `src/${file}:${line}: ${found}: ${rule}`;
}

/** Everything that the file, named from src, must not do. */
export function violations(file: string, source: string, { layers, forbiddenInCore }: LayerTable): Violation[] {
  const name = layerOf(file, layers);
  const layer = name === undefined ? undefined : layers[name];
  if (name === undefined || layer === undefined) {
    return [{ file, line: 1, found: "no layer", rule: "its folder is not in test/unit/layers/layers.json" }];
  }
  const text = withoutComments(source);
  const found: Violation[] = [];
  for (const { specifier, line } of imports(text)) {
    const rule = specifier.startsWith(".")
      ? importOfOurs(name, posix.join(posix.dirname(file), specifier), layers)
      : importFromOutside(specifier, layer.packages, name);
    if (rule !== undefined) found.push({ file, line, found: `import of ${specifier}`, rule });
  }
  if (layer.core) {
    for (const [what, pattern] of Object.entries(forbiddenInCore)) {
      for (const match of text.matchAll(new RegExp(pattern, "g"))) {
        const rule = `the core may not: ${match[0].replaceAll(/\s+/g, " ")}`;
        found.push({ file, line: lineAt(text, match.index), found: what, rule });
      }
    }
  }
  return found;
}

/** The longest name of a layer that is the file or a folder above it. */
export function layerOf(file: string, layers: LayerTable["layers"]): string | undefined {
  return Object.keys(layers)
    .filter((name) => file === name || file.startsWith(`${name}/`))
    .sort((a, b) => b.length - a.length)[0];
}

function importOfOurs(from: string, target: string, layers: LayerTable["layers"]): string | undefined {
  if (target.startsWith("..")) return "a source file may not import from outside src";
  const to = layerOf(target, layers);
  if (to === undefined) return `${target} has no layer`;
  const allowed = layers[from]?.layers ?? [];
  if (to === from || allowed.includes(to) || allowed.includes("*")) return undefined;
  return `${from} may import ${allowed.length === 0 ? "nothing of ours" : allowed.join(", ")}, not ${to}`;
}

function importFromOutside(specifier: string, packages: readonly string[], layer: string): string | undefined {
  const allowed = packages.some((name) =>
    name === "node:" ? specifier.startsWith(name) : specifier === name || specifier.startsWith(`${name}/`),
  );
  if (allowed) return undefined;
  return `${layer} may import ${packages.length === 0 ? "no package and no module of Node" : packages.join(", ")}`;
}

interface Import {
  readonly specifier: string;
  readonly line: number;
}

/** Every `import … from`, `export … from`, bare `import "…"`, and `import("…")` or `require("…")` of a literal. */
function imports(text: string): Import[] {
  const statement =
    /\b(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']|\bimport\s*["']([^"']+)["']|\b(?:import|require)\s*\(\s*["']([^"']+)["']/g;
  return [...text.matchAll(statement)].map((match) => {
    const specifier = match[1] ?? match[2] ?? match[3] ?? "";
    return { specifier, line: lineAt(text, match.index + match[0].lastIndexOf(specifier)) };
  });
}

/** The text with comments blanked; line breaks stay, so that lines can be counted. */
function withoutComments(source: string): string {
  const tokens = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(tokens, (token, literal?: string) => literal ?? token.replaceAll(/[^\n]/g, " "));
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split("\n").length;
}
