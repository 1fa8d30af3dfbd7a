/** One file of a configuration: read, decoded, parsed, with its problems. */
import { dirname } from "node:path";
import { configurationLimits } from "./limits.ts";
import { errorAt, type Finding, type KeyPath, type Problem, sortProblems } from "./problem.ts";
import { readBoundedFile } from "./read-file.ts";
import type { SecretOrigin } from "./secrets.ts";
import { locateFinding, type SourceNode } from "./source-node.ts";
import { readYaml } from "./yaml-source.ts";

/** What is read stays as it is; findings are added while its meaning is worked out. */
export class ConfigurationFile {
  /** As people name it. */
  readonly name: string;
  readonly origin: SecretOrigin;
  /** Undefined where the file cannot be read as YAML. */
  readonly root: SourceNode | undefined;
  readonly octets: number;
  readonly #findings: Finding[];

  private constructor(content: {
    readonly origin: SecretOrigin;
    readonly octets: number;
    readonly root: SourceNode | undefined;
    readonly findings: readonly Finding[];
  }) {
    this.name = content.origin.file;
    this.origin = content.origin;
    this.octets = content.octets;
    this.root = content.root;
    this.#findings = [...content.findings];
  }

  /** Never rejects: a file that cannot be read is one with a finding and without a root. */
  static async read(name: string): Promise<ConfigurationFile> {
    const read = await readBoundedFile(name, configurationLimits.fileOctets);
    const folder = dirname(name);
    if ("wrong" in read) {
      const origin = { file: name, folder, exposed: false, rights: "" };
      return new ConfigurationFile({ origin, octets: 0, root: undefined, findings: [errorAt([], read.wrong)] });
    }
    const { octets, exposed, rights } = read;
    const { root, findings } = parse(octets);
    const origin = { file: name, folder, exposed, rights };
    return new ConfigurationFile({ origin, octets: octets.length, root, findings });
  }

  add(...findings: readonly Finding[]): void {
    this.#findings.push(...findings);
  }

  /** The keys right below `key` inside which an error stands so far. */
  flawedBelow(key: string): ReadonlySet<string> {
    const inside = this.#findings.filter(
      ({ severity, path }) => severity === "error" && path[0] === key && path.length > 2,
    );
    return new Set(inside.map(({ path }) => String(path[1])));
  }

  /** Whether an error stands anywhere but below that key so far. */
  hasErrorOutside(key: string): boolean {
    return this.#findings.some(({ severity, path }) => severity === "error" && path[0] !== key);
  }

  /** `gw-a.yaml:12`, for sentences about another place. */
  placeOf(path: KeyPath): string {
    return `${this.name}:${locateFinding(this.name, this.root, errorAt(path, "", { atKey: true })).line}`;
  }

  /** In the order of the file; a file that is wrong everywhere is not told to the end. */
  problems(): Problem[] {
    const problems = this.#findings.map((finding) => locateFinding(this.name, this.root, finding));
    const sorted = sortProblems(problems);
    const last = sorted[configurationLimits.problems - 1];
    if (sorted.length <= configurationLimits.problems || last === undefined) return sorted;
    const shown = sorted.slice(0, configurationLimits.problems);
    const sentence = `and ${sorted.length - shown.length} more problems, not shown`;
    return [...shown, { ...last, path: "", sentence, severity: "error" }];
  }
}

function parse(octets: Uint8Array): { root: SourceNode | undefined; findings: readonly Finding[] } {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    return { root: undefined, findings: [errorAt([], "the file is not UTF-8 text")] };
  }
  const { root, syntaxFaults, findings } = readYaml(text);
  return { root, findings: [...syntaxFaults.map(({ at, sentence }) => errorAt([], sentence, { at })), ...findings] };
}
