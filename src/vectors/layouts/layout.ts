/** A file of vectors in any layout that is known, read into cases. */
import type { VectorCase, VectorFile } from "../case.ts";
import { isObject, type JsonObject, objects, text } from "../json.ts";
import { LayoutError } from "./error.ts";
import { handshakeCases } from "./handshakes.ts";
import { knownAnswer } from "./known-answers.ts";
import { messageCases } from "./messages.ts";
import { nistCases } from "./nist.ts";
import { ownCases, ownSchema, ownSource } from "./own.ts";
import { rfcCase } from "./rfc.ts";
import { sourceOf, titleOf } from "./source.ts";
import { wycheproofCases } from "./wycheproof.ts";

/** Throws {@link LayoutError}; `name` stands in for a source that the file does not tell. */
export function readVectors(parsed: unknown, name: string): VectorFile {
  if (!isObject(parsed)) {
    // ACVP's files are a list of a header and the vector set.
    const sets = objects(parsed).filter((set) => "testGroups" in set);
    if (sets.length === 0) throw new LayoutError("not an object with cases");
    return { source: "NIST ACVP", cases: sets.flatMap((set) => [...nistCases(set)]) };
  }
  if (parsed.schema === ownSchema) return { source: ownSource(parsed), cases: ownCases(parsed) };
  const cases = [...allCases(parsed, name)];
  if (cases.length === 0)
    throw new LayoutError("no cases in any of the layouts known (own, Wycheproof, ACVP, RFC, known answers, messages)");
  return { source: sourceOf(parsed, name), cases };
}

function* allCases(file: JsonObject, name: string): Generator<VectorCase> {
  if (objects(file.testGroups).some((group) => objects(group.tests).some((test) => "result" in test))) {
    yield* wycheproofCases(file);
    return;
  }
  yield* nistCases(file);
  const title = titleOf(file);
  for (const [section, value] of Object.entries(file)) {
    if (!/^(?:cases|methods|esp$)/.test(section)) continue;
    for (const entry of objects(value)) {
      if ("kind" in entry || "proto" in entry) yield* knownAnswer(entry);
      else yield* rfcCase(section, title, entry);
    }
  }
  yield* handshakeCases(file);
  yield* messageCases(file, /hostile|fuzz/.test(`${name} ${text(file, "notes") ?? ""}`));
}
