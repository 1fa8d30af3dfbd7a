/** A file's content as plain values, with the place of every key and value beside it. */
import { type Finding, formatPath, type KeyPath, type Place, type Problem } from "./problem.ts";

export interface SourceNode {
  /** Strings, numbers, booleans, null, arrays and objects without prototype tricks. */
  readonly value: unknown;
  readonly at: Place;
  /** Of a value in a mapping: where its key stands. */
  readonly keyAt: Place | undefined;
  /** Where the text of a scalar starts, inside its quotes; undefined where columns do not map to characters. */
  readonly textAt: Place | undefined;
  readonly children: ReadonlyMap<string | number, SourceNode>;
}

/** The problem that a finding comes to in that file: the deepest key of its path that the file has gives the place. */
export function locateFinding(file: string, root: SourceNode | undefined, finding: Finding): Problem {
  const { node, exact, path } = findNode(root, finding.path);
  return {
    file,
    ...placeOf(node, exact, finding),
    path: formatPath(path),
    sentence: finding.sentence,
    severity: finding.severity,
  };
}

/** Where one value stands for a list of one, the index is no step in the file: `path` leaves it out. */
function findNode(
  root: SourceNode | undefined,
  wanted: KeyPath,
): { node: SourceNode | undefined; exact: boolean; path: KeyPath } {
  let node = root;
  let exact = true;
  const path: (string | number)[] = [];
  for (const step of wanted) {
    const child = exact ? node?.children.get(step) : undefined;
    if (child !== undefined) node = child;
    else if (typeof step === "number") continue;
    else exact = false;
    path.push(step);
  }
  return { node, exact, path };
}

function placeOf(node: SourceNode | undefined, exact: boolean, finding: Finding): Place {
  if (finding.at !== undefined) return finding.at;
  if (node === undefined) return { line: 1, column: 1 };
  // A key that is missing is missed at the key above it.
  if (finding.atKey === true || (!exact && node.children.size > 0)) return node.keyAt ?? node.at;
  if (finding.offset !== undefined && node.textAt !== undefined) {
    return { line: node.textAt.line, column: node.textAt.column + finding.offset };
  }
  return node.at;
}
