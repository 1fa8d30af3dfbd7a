/** The configuration: from a file's name to the desired state and everything that is wrong. */
import type { Address } from "../negotiate/address.ts";
import type { DesiredState, LockedPeerDesired } from "../sa/desired.ts";
import { ConfigurationFile } from "./configuration-file.ts";
import { findConflicts } from "./conflicts.ts";
import { CredentialFiles } from "./credential-files.ts";
import { findIncluded } from "./include.ts";
import { configurationLimits } from "./limits.ts";
import { type BuiltPeer, buildPeer, type PeerContext } from "./peer.ts";
import { errorAt, type Problem, quote } from "./problem.ts";
import type { Resolver } from "./remotes.ts";
import { includedSection } from "./schema/schema.ts";
import { SecretReader } from "./secrets.ts";
import { isSection, unknownKey } from "./shape.ts";
import { type DaemonSettings, readTop } from "./top.ts";

export { formatProblem, type Problem } from "./problem.ts";
export { type Resolver, systemResolver } from "./remotes.ts";
export type { DaemonSettings } from "./top.ts";

export interface Loaded {
  /** The sound peers. Without locks and peers where `fatal`. */
  readonly desired: DesiredState;
  /** In the order of the files and their lines. */
  readonly problems: readonly Problem[];
  /** Every file read, the main one first. */
  readonly files: readonly string[];
  readonly daemon: DaemonSettings;
  /** The main file has an error outside its `peers`: nothing may start from it. */
  readonly fatal: boolean;
  /** Peers left out because of an error, as far as their traffic can be locked: for `DesiredState.locked`. */
  readonly broken: readonly LockedPeerDesired[];
  /** DNS names that gave no address: worth loading again. */
  readonly unresolved: readonly { readonly peer: string; readonly name: string }[];
  /** Included files that could not be read: nobody knows which peers are in them. */
  readonly unread: readonly string[];
}

/**
 * Loads a configuration. Whatever the files hold is an answer, never an exception.
 *
 * A broken peer is left out with its problems and never drops the others; what is wrong outside `peers` is fatal.
 */
export async function loadConfiguration(file: string, options: { readonly resolve: Resolver }): Promise<Loaded> {
  const main = await ConfigurationFile.read(file);
  const top = readTop(main);
  const included = await readIncluded(main, top.include);
  const files = [main, ...included.files];
  const built = await buildPeers(files, {
    local: top.local,
    defaults: top.defaults,
    defaultsOrigin: main.origin,
    secrets: new SecretReader(),
    credentials: credentialFiles(),
    resolve: remember(options.resolve),
  });
  const taken = addConflicts(built);
  const sound = built.flatMap(({ peer }) => (peer.peer === undefined || taken.has(peer) ? [] : [peer.peer]));
  const broken = built.flatMap(({ peer }) =>
    peer.peer === undefined || taken.has(peer) ? [without(peer.locked, taken.get(peer))] : [],
  );
  return {
    desired: {
      local: {
        locks: top.fatal ? [] : top.locks,
        ...(top.flood === undefined ? {} : { flood: top.flood }),
        ...(top.local["hold-packets"] === true && !top.fatal ? { holdPackets: true } : {}),
      },
      peers: top.fatal ? [] : sound,
    },
    problems: files.flatMap((each) => each.problems()),
    files: files.map(({ name }) => name),
    daemon: top.daemon,
    fatal: top.fatal,
    broken: top.fatal ? [] : broken,
    unresolved: built.flatMap(({ peer }) => peer.unresolved.map((name) => ({ peer: peer.name, name }))),
    unread: included.unread,
  };
}

async function readIncluded(
  main: ConfigurationFile,
  include: readonly string[],
): Promise<{ files: readonly ConfigurationFile[]; unread: readonly string[] }> {
  const found = await findIncluded(include, main.name);
  main.add(...found.findings);
  const files: ConfigurationFile[] = [];
  const unread = [...found.missing];
  let octets = main.octets;
  for (const name of found.files) {
    const file = await ConfigurationFile.read(name);
    files.push(file);
    octets += file.octets;
    if (octets > configurationLimits.totalOctets) {
      main.add(
        errorAt(
          ["include"],
          `brings more than ${configurationLimits.totalOctets} octets: ${name} and what follows is not read`,
        ),
      );
      return { files, unread: [...unread, ...found.files.slice(files.length - 1)] };
    }
    if (!isSection(file.root?.value)) unread.push(name);
    if (file.root === undefined) continue;
    checkIncluded(file);
  }
  return { files, unread };
}

function checkIncluded(file: ConfigurationFile): void {
  const possible = Object.keys(includedSection.shape);
  const value = file.root?.value;
  if (!isSection(value))
    file.add(errorAt([], `an included file holds the key ${possible.join(", ")} and nothing else`));
  else for (const key of Object.keys(value)) if (!possible.includes(key)) file.add(unknownKey([key], key, possible));
}

/** A peer and the file it stands in. */
interface PlacedPeer {
  readonly peer: BuiltPeer;
  readonly file: ConfigurationFile;
}

async function buildPeers(files: readonly ConfigurationFile[], context: PeerContext): Promise<PlacedPeer[]> {
  const first = new Map<string, string>();
  const building: Promise<PlacedPeer>[] = [];
  for (const file of files) {
    const flawed = file.flawedBelow("peers");
    for (const [name, value] of peersOf(file)) {
      const earlier = first.get(name);
      const refusal = earlier === undefined ? refuseName(name) : `this name stands in ${earlier} already: give another`;
      if (refusal !== undefined) file.add(errorAt(["peers", name], refusal, { atKey: true }));
      if (earlier === undefined) first.set(name, file.placeOf(["peers", name]));
      const origin = { ...file.origin, flawed: refusal !== undefined || flawed.has(name) };
      building.push(buildPeer(name, value, origin, context).then((peer) => ({ peer, file })));
    }
  }
  const built = await Promise.all(building);
  for (const { peer, file } of built) file.add(...peer.findings);
  return built;
}

function peersOf(file: ConfigurationFile): [string, unknown][] {
  const content = file.root?.value;
  const peers = isSection(content) ? content.peers : undefined;
  if (isSection(peers)) return Object.entries(peers);
  if (peers !== undefined && peers !== null && typeof peers !== "symbol") {
    file.add(errorAt(["peers"], "needs a section with a key for each peer, its name"));
  }
  return [];
}

function refuseName(name: string): string | undefined {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return undefined;
  return `${quote(name)} is no peer's name: it has letters, digits, ".", "_" and "-", at most 64, and starts with a letter or digit`;
}

/** The peers that are in conflict with an earlier one, each with those of its children whose selector is taken. */
function addConflicts(built: readonly PlacedPeer[]): ReadonlyMap<BuiltPeer, ReadonlySet<string>> {
  const fileOf = new Map(built.map(({ peer, file }) => [peer, file]));
  const taken = new Map<BuiltPeer, Set<string>>();
  const placeOf = (peer: BuiltPeer, path: readonly (string | number)[]): string =>
    fileOf.get(peer)?.placeOf(path) ?? "";
  for (const { built: peer, finding, child } of findConflicts([...fileOf.keys()], placeOf)) {
    fileOf.get(peer)?.add(finding);
    const children = taken.get(peer) ?? new Set();
    if (child !== undefined) children.add(child);
    taken.set(peer, children);
  }
  return taken;
}

function without(locked: LockedPeerDesired, children: ReadonlySet<string> | undefined): LockedPeerDesired {
  return { ...locked, children: locked.children.filter(({ name }) => children?.has(name) !== true) };
}

/** Many peers share an authority; it is read once. */
function credentialFiles(): PeerContext["credentials"] {
  const folders = new Map<string, CredentialFiles>();
  return (folder) => {
    const files = folders.get(folder) ?? new CredentialFiles(folder);
    folders.set(folder, files);
    return files;
  };
}

/** Many peers may share a name; it is looked up once. */
function remember(resolve: Resolver): Resolver {
  const answers = new Map<string, Promise<readonly Address[]>>();
  return (name) => {
    const answer = answers.get(name) ?? resolve(name);
    answers.set(name, answer);
    return answer;
  };
}
