/** YAML 1.2 text to a syntax tree, in bounded work, with our own sentence for every syntax error. */
import { Composer, type CST, type Document, type ErrorCode, Lexer, LineCounter, Parser } from "yaml";
import { configurationLimits } from "./limits.ts";
import type { Place } from "./problem.ts";

export interface SyntaxFault {
  readonly at: Place;
  readonly sentence: string;
}

export interface Syntax {
  /** Undefined where the text is no single YAML document. */
  readonly document: Document.Parsed | undefined;
  readonly errors: readonly SyntaxFault[];
  placeAt(offset: number): Place;
}

/**
 * Parses one document.
 *
 * The library alone takes gigabytes for a line of four million brackets, so depth and length are watched while the
 * tree grows. Its messages quote the source, which may hold a secret, so only its error codes are used.
 */
export function parseYaml(text: string): Syntax {
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const read = readTokens(text, lines);
  if ("stopped" in read) {
    return { document: undefined, errors: [{ at: placeAt(read.offset), sentence: read.stopped }], placeAt };
  }
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, strict: true, merge: false, version: "1.2" });
  const documents = [...composer.compose(read.tokens, true, text.length)];
  const errors = documents
    .slice(0, 1)
    .flatMap((document) => [...document.errors, ...document.warnings])
    .slice(0, configurationLimits.problems)
    .map((error) => ({ at: placeAt(error.pos[0]), sentence: syntaxSentences[error.code] }));
  const second = documents[1];
  if (second !== undefined) errors.push({ at: placeAt(second.range[0]), sentence: syntaxSentences.MULTIPLE_DOCS });
  return { document: errors.length === 0 ? documents[0] : undefined, errors, placeAt };
}

function readTokens(text: string, lines: LineCounter): { tokens: CST.Token[] } | { stopped: string; offset: number } {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  let lexemes = 0;
  let faults = 0;
  let documents = 0;
  const keep = (token: CST.Token): void => {
    tokens.push(token);
    if (token.type === "error") faults += 1;
    if (token.type === "document") documents += 1;
  };
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1;
    for (const token of parser.next(lexeme)) keep(token);
    if (lexemes > configurationLimits.lexemes) return { stopped: tooMuch, offset: parser.offset };
    // The parser keeps one entry for the document and up to two for each open collection.
    if (parser.stack.length > 2 * configurationLimits.depth) return { stopped: tooDeep, offset: parser.offset };
    if (faults >= configurationLimits.problems || documents > 1) break;
  }
  for (const token of parser.end()) keep(token);
  return { tokens };
}

const tooMuch = `the file has more than ${configurationLimits.lexemes} words and marks: split it with "include"`;
const tooDeep = `more than ${configurationLimits.depth} lists and mappings inside each other: no key here needs that`;

const syntaxSentences: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias (*name) cannot have an anchor or a tag of its own",
  BAD_ALIAS: "* starts an alias in YAML, and this one names nothing: put a value that starts with * in quotes",
  BAD_COLLECTION_TYPE: "this tag does not fit its value: leave the tag away",
  BAD_DIRECTIVE: "a line that starts with % is a YAML directive, and this is none: put the value in quotes",
  BAD_DQ_ESCAPE: 'no such escape inside "…": write \\\\ for one backslash, or use single quotes',
  BAD_INDENT: "wrong indentation: every key of one section must start in the same column, and [ or { must be closed",
  BAD_PROP_ORDER: "an anchor (&name) or tag (!name) stands in the wrong place",
  BAD_SCALAR_START: "a value cannot start with this character: put the value in quotes",
  BLOCK_AS_IMPLICIT_KEY: 'two ": " on one line, or a value that ends with ":": put the value in quotes',
  BLOCK_IN_FLOW: "inside [ ] and { } everything must be written with commas, not as an indented section",
  DUPLICATE_KEY: "the same key twice in one section",
  IMPOSSIBLE: "this is no YAML",
  KEY_OVER_1024_CHARS: "a key is longer than 1024 characters: is a line break or a quote missing?",
  MISSING_CHAR: 'something is missing here: a closing quote, ], } or comma, or the ":" after a key',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines: is a ":" or a closing quote missing?',
  MULTIPLE_ANCHORS: "two anchors (&name) on one value",
  MULTIPLE_DOCS: 'a second YAML document starts here ("---"): one file holds one configuration',
  MULTIPLE_TAGS: "two tags (!name) on one value",
  NON_STRING_KEY: "a key must be a plain word",
  RESOURCE_EXHAUSTION: tooDeep,
  TAB_AS_INDENT: "a tab in the indentation: YAML allows only spaces there",
  TAG_RESOLVE_FAILED: "tags (!name) are not used here: put a value that starts with ! in quotes",
  UNEXPECTED_TOKEN: "this does not belong here: is a quote, comma, bracket or line break missing before it?",
};
