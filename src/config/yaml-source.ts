/** A YAML text to plain values and their places, with YAML's pitfalls told instead of taken. */
import { isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair, Scalar } from "yaml";
import { configurationLimits } from "./limits.ts";
import { errorAt, type Finding, type KeyPath, type Place } from "./problem.ts";
import type { SourceNode } from "./source-node.ts";
import { parseYaml, type SyntaxFault } from "./yaml-syntax.ts";

export interface YamlSource {
  /** Undefined where the text is no YAML; `syntaxFaults` says why. */
  readonly root: SourceNode | undefined;
  readonly syntaxFaults: readonly SyntaxFault[];
  /** Pitfalls within well-formed YAML. */
  readonly findings: readonly Finding[];
}

/** Never throws: whatever the text is, the answer is values or reasons. */
export function readYaml(text: string): YamlSource {
  const syntax = parseYaml(text);
  if (syntax.document === undefined) return { root: undefined, syntaxFaults: syntax.errors, findings: [] };
  const walk = new Walk(syntax.placeAt);
  const contents: Node | null = syntax.document.contents;
  const root =
    contents === null ? leafNode(null, { line: 1, column: 1 }, undefined) : walk.node(contents, [], undefined);
  return { root, syntaxFaults: [], findings: walk.findings };
}

/** Visits the tree in the order of the text, so that an alias finds the last anchor before it (YAML 1.2.2 section 7.1). */
class Walk {
  readonly findings: Finding[] = [];
  readonly #placeAt: (offset: number) => Place;
  readonly #anchors = new Map<string, Node>();
  #insideAlias = 0;
  #aliasedValues = 0;

  constructor(placeAt: (offset: number) => Place) {
    this.#placeAt = placeAt;
  }

  node(node: Node, path: KeyPath, keyAt: Place | undefined): SourceNode {
    const at = this.#placeAt(node.range?.[0] ?? 0);
    if (isAlias(node)) return this.#alias(this.#anchors.get(node.source), path, at, keyAt);
    if (this.#insideAlias > 0) this.#aliasedValues += 1;
    if (path.length > configurationLimits.depth || this.#aliasedValues > configurationLimits.aliasedValues) {
      return this.#refused(tooManyAliases, path, at, keyAt);
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (node.tag !== undefined) return this.#refused(noTags, path, at, keyAt);
    if (isMap<Node, unknown>(node)) return this.#map(node.items, path, at, keyAt);
    if (isSeq(node)) return this.#sequence(node.items, path, at, keyAt);
    return isScalar(node) ? this.#scalar(node, path, at, keyAt) : leafNode(null, at, keyAt);
  }

  #alias(target: Node | undefined, path: KeyPath, at: Place, keyAt: Place | undefined): SourceNode {
    if (target === undefined) return this.#refused(noSuchAnchor, path, at, keyAt);
    this.#insideAlias += 1;
    const node = this.node(target, path, keyAt);
    this.#insideAlias -= 1;
    return { ...node, at, textAt: undefined };
  }

  #map(items: readonly Pair<Node, unknown>[], path: KeyPath, at: Place, keyAt: Place | undefined): SourceNode {
    const value: Record<string, unknown> = {};
    const children = new Map<string, SourceNode>();
    for (const item of items) {
      const place = this.#placeAt(item.key.range?.[0] ?? 0);
      const key = keyText(item.key);
      const first = key === undefined ? undefined : children.get(key);
      if (key === undefined || key === "__proto__")
        this.#report(errorAt([...path, key ?? "?"], plainKeys, { at: place }));
      else if (key === "<<") this.#report(errorAt([...path, key], noMerge, { at: place }));
      else if (first !== undefined) this.#report(errorAt([...path, key], twice(first), { at: place }));
      else {
        const child = isNode(item.value) ? this.node(item.value, [...path, key], place) : leafNode(null, place, place);
        children.set(key, child);
        value[key] = child.value;
      }
    }
    return { value, at, keyAt, textAt: undefined, children };
  }

  #sequence(items: readonly unknown[], path: KeyPath, at: Place, keyAt: Place | undefined): SourceNode {
    const children = new Map<number, SourceNode>();
    for (const [i, item] of items.entries()) {
      children.set(i, isNode(item) ? this.node(item, [...path, i], undefined) : leafNode(null, at, undefined));
    }
    return { value: [...children.values()].map((child) => child.value), at, keyAt, textAt: undefined, children };
  }

  #scalar(scalar: Scalar, path: KeyPath, at: Place, keyAt: Place | undefined): SourceNode {
    const { value, source = "", type } = scalar;
    // A value that is not there is pointed at by its key.
    if (value === null && source === "") return leafNode(null, keyAt ?? at, keyAt);
    const plain = type === Scalar.PLAIN;
    if (plain && typeof value === "number" && /^[-+]?0[0-9]/.test(source)) {
      return this.#refused(leadingZero, path, at, keyAt);
    }
    const quoted = type === Scalar.QUOTE_DOUBLE || type === Scalar.QUOTE_SINGLE;
    const exact = (plain || quoted) && source === value;
    const textAt = exact ? { line: at.line, column: at.column + (quoted ? 1 : 0) } : undefined;
    return { value, at, keyAt, textAt, children: noChildren };
  }

  #refused(sentence: string, path: KeyPath, at: Place, keyAt: Place | undefined): SourceNode {
    this.#report(errorAt(path, sentence, { at }));
    return leafNode(refusedValue, at, keyAt);
  }

  #report(finding: Finding): void {
    if (this.findings.length < configurationLimits.problems) this.findings.push(finding);
  }
}

/** Stands where a value was refused already, so that nobody complains about it twice. */
export const refusedValue: unique symbol = Symbol("refused");

function leafNode(value: unknown, at: Place, keyAt: Place | undefined): SourceNode {
  return { value, at, keyAt, textAt: undefined, children: noChildren };
}

/** A key as it stands in the text: `10:` is the key "10", whatever YAML makes of it. */
function keyText(key: Node): string | undefined {
  if (!isScalar(key) || key.tag !== undefined) return undefined;
  if (typeof key.value === "string") return key.value;
  return key.source === undefined || key.source === "" ? undefined : key.source;
}

function twice(first: SourceNode): string {
  return `this key stands twice in the same section, first in line ${(first.keyAt ?? first.at).line}: keep one of them`;
}

const noChildren: ReadonlyMap<string | number, SourceNode> = new Map();
const tooManyAliases = `aliases (*name) repeat more than ${configurationLimits.aliasedValues} values, or contain themselves`;
const noTags = "tags (!name) are not used here: leave the tag away, or put a value that starts with ! in quotes";
const noSuchAnchor =
  "* starts an alias in YAML, and no anchor of that name stands before it: put a value that starts with * in quotes";
const plainKeys = "a key must be a plain word";
const noMerge = 'merge keys ("<<") are not used here: what all peers share goes into "defaults"';
const leadingZero =
  "a number with a leading zero is octal to some readers and decimal to others: drop the zero, or put it in quotes where it is text";
