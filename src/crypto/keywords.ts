import type { EncrTransform } from "./transforms/encr.ts";
import type { IntegTransform } from "./transforms/integ.ts";
import { findKeyword, knownKeywords, type Transform } from "./transforms.ts";

/** Proposals as strongSwan writes them: keywords joined by "-", several of a type being alternatives. */

/** The protocol that a proposal is for. */
export type ProposalProtocol = "ike" | "esp" | "ah";

/** What is wrong with a proposal string. */
export type KeywordErrorReason =
  | "unknown"
  | "never-offered"
  | "wrong-protocol"
  | "twice"
  | "missing"
  | "mixed"
  | "superfluous"
  | "too-long";

/** A proposal string that says nothing that could be negotiated; the message says what would. */
export class KeywordError extends Error {
  override readonly name = "KeywordError";
  readonly reason: KeywordErrorReason;
  /** The word that is wrong; empty when one is missing. */
  readonly keyword: string;
  /** Where that word begins in the proposal string, in characters from 0; its length when one is missing. */
  readonly position: number;
  /** Known words like it, the likest first. */
  readonly nearest: readonly string[];

  constructor(reason: KeywordErrorReason, word: Word, message: string, nearest: readonly string[] = []) {
    super(message);
    this.reason = reason;
    this.keyword = word.keyword;
    this.position = word.position;
    this.nearest = nearest;
  }
}

interface Word {
  readonly keyword: string;
  readonly position: number;
}

// Far above any sensible proposal: the whole table is about 70 words.
const MAX_LENGTH = 1024;

/**
 * The transforms of a proposal, in the order of the string, what it implies last: the PRFs of its integrity algorithms
 * for IKE, "noesn" for ESP and AH. `in-ah`: AH stands around the ESP, which may then encrypt alone (RFC 8221 4). Throws
 * KeywordError.
 */
export function parseProposal(
  text: string,
  protocol: ProposalProtocol,
  place: "alone" | "in-ah" = "alone",
): Transform[] {
  if (text.length > MAX_LENGTH) {
    const end = { keyword: "", position: MAX_LENGTH };
    throw new KeywordError("too-long", end, `a proposal has at most ${MAX_LENGTH} characters, this one ${text.length}`);
  }
  const chosen: Transform[] = [];
  for (const word of words(text)) {
    const row = findKeyword(word.keyword.toLowerCase());
    if (row === undefined) throw unknown(text, word);
    checkUse(row, protocol, word);
    if (chosen.includes(row)) throw new KeywordError("twice", word, `${where(word)} stands in the proposal twice`);
    chosen.push(row);
  }
  const end = { keyword: "", position: text.length };
  checkComplete(text, protocol, chosen, { end, place });
  return [...chosen, ...implied(protocol, chosen)];
}

/** The keywords of a list of transforms, joined by "-"; `parseProposal` reads it back to the same list. */
export function formatProposal(proposal: readonly Transform[]): string {
  return proposal.map((row) => row.keyword).join("-");
}

function* words(text: string): Generator<Word> {
  let position = 0;
  for (const part of text.split("-")) {
    yield { keyword: part.trim(), position: position + (part.length - part.trimStart().length) };
    position += part.length + 1;
  }
}

function where(word: Word): string {
  return `"${word.keyword}" (character ${word.position + 1})`;
}

function unknown(text: string, word: Word): KeywordError {
  if (word.keyword === "") {
    return new KeywordError("unknown", word, `an algorithm is missing at character ${word.position + 1} of "${text}"`);
  }
  const nearest = nearestKeywords(word.keyword.toLowerCase());
  const hint = nearest.length > 0 ? `; did you mean ${nearest.join(" or ")}?` : "";
  return new KeywordError("unknown", word, `unknown algorithm ${where(word)} in "${text}"${hint}`, nearest);
}

function checkUse(row: Transform, protocol: ProposalProtocol, word: Word): void {
  const upper = protocol.toUpperCase();
  if (protocol === "ah" && row.type === "ENCR" && row.keyword.endsWith("gmac")) {
    throw new KeywordError("never-offered", word, `${where(word)} cannot be used for AH: Linux has no AES-GMAC for AH`);
  }
  if (!isFor(row, protocol)) {
    throw new KeywordError("wrong-protocol", word, `${where(word)}, ${row.name}, is not for ${upper} proposals`);
  }
  if (row.type !== "ESN" && row.decodeOnly !== undefined) {
    throw new KeywordError("never-offered", word, `${where(word)}, ${row.name}, is never offered: ${row.decodeOnly}`);
  }
}

function isFor(row: Transform, protocol: ProposalProtocol): boolean {
  switch (row.type) {
    case "ENCR":
      return protocol !== "ah" && row.uses[protocol];
    case "INTEG":
      // What is used nowhere is refused as never offered, which says more.
      return row.decodeOnly !== undefined || row.uses[protocol];
    case "PRF":
      return protocol === "ike";
    case "KE":
      return true;
    case "ESN":
      return protocol !== "ike";
  }
}

/** RFC 7296 3.3.3: the transform types that each protocol must and must not have. */
function checkComplete(
  text: string,
  protocol: ProposalProtocol,
  chosen: readonly Transform[],
  { end, place }: { readonly end: Word; readonly place: "alone" | "in-ah" },
): void {
  const encrs = chosen.filter((row) => row.type === "ENCR");
  const integs = chosen.filter((row) => row.type === "INTEG");
  if (protocol !== "ah" && encrs.length === 0) throw missing(text, protocol, "an encryption algorithm", "aes256", end);
  if (protocol === "ah" && integs.length === 0) throw missing(text, protocol, "an integrity algorithm", "sha256", end);
  if (protocol !== "ah") checkCombined(text, protocol, encrs, integs);
  // RFC 8221 4: encryption alone is none.
  const bare = integs.length === 0 ? encrs.find((row) => !row.aead) : undefined;
  if (bare !== undefined && place === "alone")
    throw missing(text, protocol, `an integrity algorithm for ${bare.keyword}`, "sha256", end);
  if (protocol !== "ike") return;
  if (integs.length === 0 && !chosen.some((row) => row.type === "PRF")) {
    throw missing(text, protocol, `a PRF, which ${encrs[0]?.keyword} does not imply`, "prfsha256", end);
  }
  if (!chosen.some((row) => row.type === "KE")) throw missing(text, protocol, "a key exchange", "x25519", end);
}

/** RFC 7296 3.3: AEAD ciphers take no integrity algorithm, and one proposal cannot have both kinds. */
function checkCombined(
  text: string,
  protocol: ProposalProtocol,
  encrs: readonly EncrTransform[],
  integs: readonly IntegTransform[],
): void {
  const aead = encrs.find((row) => row.aead);
  const plain = encrs.find((row) => !row.aead);
  if (aead !== undefined && plain !== undefined) {
    throw new KeywordError(
      "mixed",
      find(text, aead),
      `${aead.keyword} authenticates by itself and ${plain.keyword} does not: write two proposals`,
    );
  }
  const integ = integs[0];
  if (aead !== undefined && integ !== undefined) {
    const instead = protocol === "ike" && integ.impliedPrf ? `; write ${integ.impliedPrf} to choose a PRF` : "";
    const word = find(text, integ);
    throw new KeywordError(
      "superfluous",
      word,
      `${where(word)} cannot stand beside ${aead.keyword}, which authenticates by itself${instead}`,
    );
  }
}

function missing(text: string, protocol: ProposalProtocol, what: string, example: string, end: Word): KeywordError {
  return new KeywordError(
    "missing",
    end,
    `the ${protocol.toUpperCase()} proposal "${text}" lacks ${what}, for example ${example}`,
    [example],
  );
}

function find(text: string, row: Transform): Word {
  for (const word of words(text)) {
    if (findKeyword(word.keyword.toLowerCase()) === row) return word;
  }
  return { keyword: row.keyword, position: 0 };
}

function implied(protocol: ProposalProtocol, chosen: readonly Transform[]): Transform[] {
  if (protocol !== "ike") {
    const noesn = findKeyword("noesn");
    return noesn === undefined || chosen.some((row) => row.type === "ESN") ? [] : [noesn];
  }
  if (chosen.some((row) => row.type === "PRF")) return [];
  const prfs = chosen.map((row) => (row.type === "INTEG" && row.impliedPrf ? findKeyword(row.impliedPrf) : undefined));
  return [...new Set(prfs.filter((row) => row !== undefined))];
}

/** Up to three words within a third of their length, counted in edits. */
function nearestKeywords(keyword: string): string[] {
  const limit = Math.max(2, Math.floor(keyword.length / 3));
  const near: { known: string; distance: number }[] = [];
  for (const known of knownKeywords()) {
    const distance = editDistance(keyword, known);
    if (distance <= limit) near.push({ known, distance });
  }
  near.sort((a, b) => a.distance - b.distance);
  const best = near[0]?.distance ?? 0;
  return near
    .filter(({ distance }) => distance <= best + 1)
    .slice(0, 3)
    .map(({ known }) => known);
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const current = [i];
    for (let j = 1; j <= to.length; j++) {
      const substitution = (last[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      let cost = Math.min(substitution, (last[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    beforeLast = last;
    last = current;
  }
  return last[to.length] ?? 0;
}
