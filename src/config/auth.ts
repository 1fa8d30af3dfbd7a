/** `auth` of a peer: from the file's words to what each end proves, round by round. */
import type { z } from "zod";
import type { Identity } from "../negotiate/identity.ts";
import { isExact } from "../negotiate/identity.ts";
import type { AuthDesired, OwnCredential, PeerCredential, RoundDesired } from "../sa/desired.ts";
import type { CredentialFiles } from "./credential-files.ts";
import { readOwnKeys } from "./own-keys.ts";
import { errorAt, type Finding, formatPath, type KeyPath, warningAt } from "./problem.ts";
import type { authSection, roundSection } from "./schema/auth.ts";
import type { SecretOrigin, SecretReader } from "./secrets.ts";
import { readTrust } from "./trust.ts";

type AuthValues = z.infer<typeof authSection>;
type RoundValues = z.infer<typeof roundSection>;

/** Where `auth` stands. */
export interface AuthPlace {
  readonly path: KeyPath;
  readonly origin: SecretOrigin;
  /** It is the one of `defaults`. */
  readonly inherited: boolean;
  /** `id` of the peer. */
  readonly remoteId: Identity | undefined;
}

/** What reads the files that `auth` names. */
export interface AuthReaders {
  readonly secrets: SecretReader;
  /** Of a folder. */
  credentials(folder: string): CredentialFiles;
}

/** What `auth` comes to; undefined where a finding is an error. */
export interface ReadAuth {
  readonly auth: AuthDesired | undefined;
  readonly findings: readonly Finding[];
}

/** Which end's rounds are read. */
type Side = "local" | "remote";

/** Reads both ends' rounds: an end that `local` or `remote` does not name proves itself with what stands in `auth` itself. */
export async function readAuth(values: AuthValues, place: AuthPlace, readers: AuthReaders): Promise<ReadAuth> {
  const { local, remote, ...both } = values;
  if (local !== undefined && remote !== undefined && Object.keys(both).length > 0)
    return { auth: undefined, findings: [errorAt(place.path, forNobody)] };
  // Peers are mostly believed on the authority that stands above us too, whichever end it is named for.
  const above = [both, ...(remote ?? [])].flatMap(({ trust = [] }) => trust);
  const ours = await readSide(
    "local",
    (local ?? [both]).map((round) => ({ ...round, above })),
    local === undefined ? place : below(place, "local"),
    readers,
  );
  const theirs = await readSide(
    "remote",
    remote ?? [both],
    remote === undefined ? place : below(place, "remote"),
    readers,
  );
  // What both ends share is read for each, and told of once.
  const told = new Set<string>();
  const findings = [
    ...misplaced("local", local, place),
    ...misplaced("remote", remote, place),
    ...(local === undefined && remote !== undefined ? misplaced("local", [both], place, []) : []),
    ...(remote === undefined && local !== undefined ? misplaced("remote", [both], place, []) : []),
    ...ours.findings,
    ...theirs.findings,
  ].filter(({ path, sentence }) => {
    const key = `${formatPath(path)} ${sentence}`;
    return !told.has(key) && told.add(key);
  });
  const sound = findings.every(({ severity }) => severity !== "error");
  return { auth: sound ? { local: ours.rounds, remote: theirs.rounds } : undefined, findings };
}

function below(place: AuthPlace, side: Side): AuthPlace {
  return { ...place, path: [...place.path, side] };
}

interface ReadSide<C extends OwnCredential | PeerCredential> {
  readonly rounds: readonly RoundDesired<C>[];
  readonly findings: readonly Finding[];
}

/** A round, and for ours what may complete the chain of its certificate. */
type SideRound = RoundValues & { readonly above?: NonNullable<RoundValues["trust"]> };

async function readSide<S extends Side>(
  side: S,
  rounds: readonly SideRound[],
  place: AuthPlace,
  readers: AuthReaders,
): Promise<ReadSide<S extends "local" ? OwnCredential : PeerCredential>> {
  type Credential = S extends "local" ? OwnCredential : PeerCredential;
  const answers = await Promise.all(
    rounds.map(async (round, index) => {
      const at = { ...place, path: rounds.length > 1 ? [...place.path, index] : place.path };
      const read = await readRound(side, round, at, { index, of: rounds.length }, readers);
      return read as { credential: Credential | undefined; findings: readonly Finding[] };
    }),
  );
  return {
    rounds: answers.flatMap(({ credential }, index) => {
      const id = rounds[index]?.id;
      return credential === undefined ? [] : [{ ...(id === undefined ? {} : { id }), credential }];
    }),
    findings: answers.flatMap(({ findings }) => [...findings]),
  };
}

interface ReadCredential {
  readonly credential: OwnCredential | PeerCredential | undefined;
  readonly findings: readonly Finding[];
}

async function readRound(
  side: Side,
  values: SideRound,
  place: AuthPlace,
  position: { readonly index: number; readonly of: number },
  readers: AuthReaders,
): Promise<ReadCredential> {
  const { psk, unauthenticated, id } = values;
  const refuse = (key: string, sentence: string): ReadCredential => ({
    credential: undefined,
    findings: [errorAt([...place.path, key], sentence)],
  });
  if (id !== undefined && position.index === 0) return refuse("id", firstIdentity);
  if (id !== undefined && side === "local" && id.pattern !== undefined) return refuse("id", "stands for several");
  const isSigned = (side === "local" ? values.key : values.trust) !== undefined;
  if (unauthenticated === true) {
    if (psk !== undefined) return refuse("unauthenticated", "stands beside psk: give one of the two");
    if (isSigned) return refuse("unauthenticated", "stands beside key or trust: give one of them");
    if (place.inherited) return refuse("unauthenticated", "belongs in the section of the very peer that it is for");
    if (position.of > 1) return refuse("unauthenticated", "proves nothing, so it cannot be one round of several");
    return { credential: { kind: "null" }, findings: [] };
  }
  if (psk !== undefined) {
    if (isSigned)
      return refuse("psk", "stands beside key or trust: give one of them, or local and remote each its own");
    return await readSecret(psk, place, readers.secrets);
  }
  if (side === "local" && values.certificate !== undefined && values.key === undefined)
    return refuse("key", "is missing: give the file of the certificate's private key");
  if (side === "local" && values.key !== undefined) return await readKey(values, values.key, place, readers);
  if (side === "remote" && values.trust !== undefined) return await readTrusted(values, place, position.index, readers);
  if (side === "local" && values.trust !== undefined)
    return refuse("key", "is missing: give our private key, key: FILE");
  if (side === "remote" && values.key !== undefined)
    return refuse("trust", "is missing: say which authorities or keys the peer is believed on, trust: FILE");
  return refuse("psk", "is missing: give file:NAME");
}

async function readSecret(
  psk: NonNullable<RoundValues["psk"]>,
  place: AuthPlace,
  secrets: SecretReader,
): Promise<ReadCredential> {
  const at = [...place.path, "psk"];
  const read = await secrets.read(psk, place.origin, formatPath(at));
  if ("wrong" in read) return { credential: undefined, findings: [errorAt(at, read.wrong)] };
  return {
    credential: { kind: "psk", secret: read.secret },
    findings: read.warnings.map((sentence) => warningAt(at, sentence)),
  };
}

async function readKey(
  values: SideRound,
  key: readonly string[],
  place: AuthPlace,
  readers: AuthReaders,
): Promise<ReadCredential> {
  const files = readers.credentials(place.origin.folder);
  const opened = await readPassphrase(values, place, readers.secrets);
  if ("findings" in opened) return { credential: undefined, findings: opened.findings };
  const text = { key, certificate: values.certificate ?? [], passphrase: opened.passphrase };
  const trusted = await Promise.all(
    (values.above ?? []).flatMap((entry) => (entry.kind === "file" ? [files.certificates(entry.name)] : [])),
  );
  const above = trusted.flatMap((read) => ("value" in read ? [...read.value] : []));
  const { keys, findings } = await readOwnKeys(text, files, above, place.path);
  const { signature } = values;
  const credential = {
    kind: "key",
    keys,
    sha1: values.allow?.includes("sha1") === true,
    ...(signature === undefined ? {} : { schemes: signature }),
  } as const;
  return { credential: findings.length > 0 ? undefined : credential, findings };
}

async function readPassphrase(
  { passphrase }: RoundValues,
  place: AuthPlace,
  secrets: SecretReader,
): Promise<{ readonly passphrase: string | undefined } | { readonly findings: readonly Finding[] }> {
  if (passphrase === undefined) return { passphrase: undefined };
  const at = [...place.path, "passphrase"];
  const read = await secrets.read(passphrase, place.origin, formatPath(at));
  if ("wrong" in read) return { findings: [errorAt(at, read.wrong)] };
  return { passphrase: Buffer.from(read.secret.octets).toString("utf8") };
}

async function readTrusted(
  values: RoundValues,
  place: AuthPlace,
  index: number,
  readers: AuthReaders,
): Promise<ReadCredential> {
  const id = index === 0 ? place.remoteId : values.id;
  const options = {
    allow: values.allow ?? [],
    revocation: values.revocation ?? "if-present",
    places: values["certificate-urls"] ?? [],
    named: id !== undefined && isExact(id),
  };
  const files = readers.credentials(place.origin.folder);
  const { trust, findings } = await readTrust(values.trust ?? [], options, files, place.path);
  return { credential: trust === undefined ? undefined : { kind: "trust", trust }, findings };
}

/** What stands at one end and is about the other would do nothing. */
function misplaced(
  side: Side,
  rounds: readonly RoundValues[] | undefined,
  place: AuthPlace,
  path: KeyPath = [side],
): Finding[] {
  const others =
    side === "local"
      ? (["trust", "revocation", "certificate-urls"] as const)
      : (["key", "certificate", "passphrase", "signature"] as const);
  const where = side === "local" ? "the peer: put it under remote" : "us: put it under local";
  return (rounds ?? []).flatMap((round, index) => {
    const at = [...place.path, ...path, ...((rounds?.length ?? 0) > 1 ? [index] : [])];
    return others.filter((key) => round[key] !== undefined).map((key) => errorAt([...at, key], `is about ${where}`));
  });
}

const firstIdentity = "is the peer's local-id or id in the first round: take it out, or give it there";
const forNobody = "has both local and remote: what stands beside them is for nobody";
