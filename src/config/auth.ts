/** `auth` of a peer: from the file's words to what each end proves, round by round. */
import type { z } from "zod";
import type { AuthDesired, RoundDesired } from "../sa/desired.ts";
import { errorAt, type Finding, formatPath, type KeyPath, warningAt } from "./problem.ts";
import type { authSection, roundSection } from "./schema/auth.ts";
import type { SecretOrigin, SecretReader } from "./secrets.ts";

type AuthValues = z.infer<typeof authSection>;
type RoundValues = z.infer<typeof roundSection>;

/** Where `auth` stands. */
export interface AuthPlace {
  readonly path: KeyPath;
  readonly origin: SecretOrigin;
  /** It is the one of `defaults`. */
  readonly inherited: boolean;
}

/** What `auth` comes to; undefined where a finding is an error. */
export interface ReadAuth {
  readonly auth: AuthDesired | undefined;
  readonly findings: readonly Finding[];
}

/** Reads both ends' rounds: an end that `local` or `remote` does not name proves itself with what stands in `auth` itself. */
export async function readAuth(values: AuthValues, place: AuthPlace, secrets: SecretReader): Promise<ReadAuth> {
  const { local, remote, ...both } = values;
  const findings: Finding[] = [];
  const read = async (rounds: readonly RoundValues[], path: KeyPath): Promise<RoundDesired[]> => {
    const answers = await Promise.all(
      rounds.map((round, index) => {
        const at = rounds.length > 1 ? [...path, index] : path;
        return readRound(round, { ...place, path: at }, { index, of: rounds.length }, secrets);
      }),
    );
    for (const answer of answers) findings.push(...answer.findings);
    return answers.flatMap(({ round }) => (round === undefined ? [] : [round]));
  };
  const shared = local === undefined || remote === undefined ? await read([both], place.path) : [];
  const ours = local === undefined ? shared : await read(local, [...place.path, "local"]);
  const theirs = remote === undefined ? shared : await read(remote, [...place.path, "remote"]);
  if (local !== undefined && remote !== undefined && Object.keys(both).length > 0)
    findings.push(errorAt(place.path, "has both local and remote: psk or unauthenticated beside them is for nobody"));
  const sound = findings.every(({ severity }) => severity !== "error");
  return { auth: sound ? { local: ours, remote: theirs } : undefined, findings };
}

interface ReadRound {
  readonly round: RoundDesired | undefined;
  readonly findings: readonly Finding[];
}

async function readRound(
  { psk, unauthenticated, id }: RoundValues,
  place: AuthPlace,
  position: { readonly index: number; readonly of: number },
  secrets: SecretReader,
): Promise<ReadRound> {
  const refuse = (key: string, sentence: string): ReadRound => ({
    round: undefined,
    findings: [errorAt([...place.path, key], sentence)],
  });
  if (id !== undefined && position.index === 0) return refuse("id", firstIdentity);
  if (unauthenticated === true) {
    if (psk !== undefined) return refuse("unauthenticated", "stands beside psk: give one of the two");
    if (place.inherited) return refuse("unauthenticated", "belongs in the section of the very peer that it is for");
    if (position.of > 1) return refuse("unauthenticated", "proves nothing, so it cannot be one round of several");
    return { round: { credential: { kind: "null" } }, findings: [] };
  }
  const at = [...place.path, "psk"];
  if (psk === undefined) return refuse("psk", "is missing: give file:NAME");
  const read = await secrets.read(psk, place.origin, formatPath(at));
  if ("wrong" in read) return { round: undefined, findings: [errorAt(at, read.wrong)] };
  return {
    round: { ...(id === undefined ? {} : { id }), credential: { kind: "psk", secret: read.secret } },
    findings: read.warnings.map((sentence) => warningAt(at, sentence)),
  };
}

const firstIdentity = "is the peer's local-id or id in the first round: take it out, or give it there";
