/** One section of `peers` to one desired peer, or to what of it can be locked. */
import type { Address } from "../negotiate/address.ts";
import { familyOf } from "../negotiate/address.ts";
import { anonymous, type Identity, makeIdentity } from "../negotiate/identity.ts";
import type {
  AuthDesired,
  ChildDesired,
  LockedPeerDesired,
  PeerDesired,
  PeerMessages,
  PeerTiming,
} from "../sa/desired.ts";
import { type ReadAuth, readAuth } from "./auth.ts";
import { buildChildren, checkProposals, type PlacedEntry } from "./children.ts";
import type { CredentialFiles } from "./credential-files.ts";
import { checkIkev1 } from "./ikev1.ts";
import { nearestWord } from "./nearest.ts";
import { asInCertificate, foreignIdentity, identityInCertificate } from "./own-keys.ts";
import { errorAt, type Finding, type KeyPath } from "./problem.ts";
import { defaultProposals } from "./proposals.ts";
import { readRemoteAccess } from "./remote-access.ts";
import { findPaths, type Paths, type Resolver } from "./remotes.ts";
import type { localSection } from "./schema/local.ts";
import { messageDefaults } from "./schema/messages.ts";
import { natDefaults } from "./schema/nat.ts";
import { type defaultsSection, peerSection } from "./schema/peer.ts";
import { protectEntry } from "./schema/protect.ts";
import { redirectDefaults } from "./schema/redirect.ts";
import { formatDuration } from "./schema/scalars.ts";
import { timingDefaults } from "./schema/timing.ts";
import type { SecretOrigin, SecretReader } from "./secrets.ts";
import { isSection, readSection, type Values } from "./shape.ts";
import { checkUnauthenticated } from "./unauthenticated.ts";

type LocalValues = Values<(typeof localSection)["shape"]>;
type DefaultValues = Values<(typeof defaultsSection)["shape"]>;
type PeerValues = Values<(typeof peerSection)["shape"]>;

/** What all peers of a configuration share. */
export interface PeerContext {
  readonly local: LocalValues;
  readonly defaults: DefaultValues;
  readonly defaultsOrigin: SecretOrigin;
  readonly secrets: SecretReader;
  credentials(folder: string): CredentialFiles;
  readonly resolve: Resolver;
}

/** Where a section stands. */
export interface PeerOrigin extends SecretOrigin {
  /** An error about it is known already. */
  readonly flawed: boolean;
}

/** What a section comes to, sound or not. */
export interface BuiltPeer {
  readonly name: string;
  /** Undefined where a finding is an error. */
  readonly peer: PeerDesired | undefined;
  /** What can be locked whatever else is wrong: without a known remote, tunnels alone. */
  readonly locked: LockedPeerDesired;
  /** For each child, the index of its line in `protect`. */
  readonly lines: readonly number[];
  readonly unresolved: readonly string[];
  readonly findings: readonly Finding[];
}

/** Reads one section of `peers`; `origin` is the file it stands in. */
export async function buildPeer(
  name: string,
  value: unknown,
  origin: PeerOrigin,
  context: PeerContext,
): Promise<BuiltPeer> {
  const path = ["peers", name];
  const { values, findings: shapeFindings } = readSection(peerSection, value, path);
  const given = givenKeys(value);
  const findings: Finding[] = [...shapeFindings, ...missingKeys(given, context.defaults, path)];
  const settings = withDefaults(values, given, context.defaults);
  const paths = await pathsOf(values, context, path);
  findings.push(...paths.findings);
  const built = buildChildren(entriesOf(values, value), settings, [500, 4500, settings.port ?? 500], path);
  findings.push(...built.findings, ...checkProposals(settings, settings, path));
  const inherited = !given.has("auth");
  const place = {
    path: [...path, "auth"],
    origin: inherited ? context.defaultsOrigin : origin,
    inherited,
    remoteId: values.id,
  };
  const { auth, findings: authFindings } =
    settings.auth === undefined ? nobody : await readAuth(settings.auth, place, context);
  const named = settings["local-id"] ?? ownIdentity(auth) ?? context.local.id ?? identityInCertificate(auth);
  const localId =
    named === undefined || auth === undefined ? (named ?? identityOf(paths.local)) : asInCertificate(auth, named);
  const foreign = auth === undefined || localId === undefined ? undefined : foreignIdentity(auth, localId);
  if (foreign !== undefined) findings.push(errorAt([...path, given.has("local-id") ? "local-id" : "auth"], foreign));
  if (localId === undefined && !given.has("local-id")) findings.push(errorAt(path, whoAreWe, { atKey: true }));
  findings.push(...authFindings, ...checkInitiate(values, path), ...checkIkeLifetime(settings, path));
  const ike = settings.ike ?? defaultProposals("ike", settings.ikev1);
  const access = await readRemoteAccess(settings, built, { path, origin, secrets: context.secrets });
  const { xauth } = access.settings;
  findings.push(...access.findings);
  const awaitsLogin = values.xauth !== undefined && xauth === undefined;
  const proveBy = values["prove-by"] === "signature" ? undefined : values["prove-by"];
  const proof = {
    ikev1: settings.ikev1,
    auth: awaitsLogin ? undefined : auth,
    xauth,
    proveBy,
    ike,
    weak: values.weak ?? [],
  };
  findings.push(...checkIkev1(proof, built, path));
  if (!awaitsLogin)
    findings.push(...checkUnauthenticated({ auth, xauth, id: values.id, remote: paths.remote }, built, path));
  const broken = origin.flawed || findings.some(({ severity }) => severity === "error");
  const peer: PeerDesired | undefined =
    broken || paths.remote === undefined || localId === undefined || auth === undefined
      ? undefined
      : {
          name,
          remote: paths.remote,
          local: paths.local,
          port: settings.port ?? 500,
          localId,
          remoteId: values.id,
          auth,
          ike,
          ...(settings.ikev1 === undefined ? {} : { ikev1: settings.ikev1 }),
          ...(proveBy === undefined ? {} : { proveBy }),
          ...access.settings,
          children: built.children,
          reauth: settings.reauth ?? 0,
          redirect: {
            follow: settings.redirect?.follow ?? redirectDefaults.follow,
            names: paths.names,
            to: settings.redirect?.to,
            grace: settings.redirect?.grace ?? redirectDefaults.grace,
          },
          childless: settings.childless ?? "allow",
          initiate: paths.remote === "any" ? false : (settings.initiate ?? true),
          unique: settings.unique ?? "replace",
          timing: timing(settings),
          messages: messages(settings),
          mobike: settings.mobike ?? true,
          otherLocals: otherLocals(values, paths, settings.mobike ?? true, context),
          resumption: settings.resumption ?? false,
          nat: {
            keepalive: settings.nat?.keepalive ?? natDefaults.keepalive,
            force: settings.nat?.force ?? natDefaults.force,
          },
        };
  const locked = lockable(name, paths, built.children);
  return { name, peer, locked, lines: built.lines, unresolved: paths.unresolved, findings };
}

/** A mistyped key counts as the one that was meant: it is wrong, not missing. */
function givenKeys(value: unknown): ReadonlySet<string> {
  const known = Object.keys(peerSection.shape);
  const keys = isSection(value) ? Object.keys(value) : [];
  return new Set(keys.map((key) => (known.includes(key) ? key : (nearestWord(key, known) ?? key))));
}

/** The lines that are right, so that they can be locked though another one is wrong. */
function entriesOf(values: PeerValues, value: unknown): PlacedEntry[] {
  if (values.protect !== undefined) return values.protect.map((entry, index) => ({ index, entry }));
  const lines = isSection(value) && Array.isArray(value.protect) ? value.protect : [];
  return lines.flatMap((line, index) => {
    const { data: entry } = protectEntry.safeParse(line);
    return entry === undefined ? [] : [{ index, entry }];
  });
}

function missingKeys(given: ReadonlySet<string>, defaults: DefaultValues, path: KeyPath): Finding[] {
  const findings: Finding[] = [];
  for (const [key, sentence] of Object.entries(required)) {
    if (given.has(key) || (key === "auth" && defaults.auth !== undefined)) continue;
    findings.push(errorAt([...path, key], sentence));
  }
  return findings;
}

/** A key that the section gives is never taken from `defaults`, not even where its value is wrong. */
function withDefaults(values: PeerValues, given: ReadonlySet<string>, defaults: DefaultValues): PeerValues {
  const rest = Object.fromEntries(
    Object.entries(defaults).filter(([key]) => !given.has(key) && !given.has(other[key] ?? "")),
  );
  return { ...rest, ...values };
}

async function pathsOf(values: PeerValues, context: PeerContext, path: KeyPath): Promise<Paths> {
  const addresses = { ours: context.local.address ?? [], own: values.local };
  if (values.remote !== undefined) return findPaths(values.remote, addresses, context.resolve, path);
  return { remote: undefined, local: values.local, unresolved: [], names: [], findings: [] };
}

/** RFC 7619 2.2: who proves nothing says nothing, unless the section has it say something. */
function ownIdentity(auth: AuthDesired | undefined): Identity | undefined {
  return auth?.local[0]?.credential.kind === "null" ? anonymous : undefined;
}

/** RFC 7296 3.5: where nobody says who we are, our address does. */
function identityOf(address: Address | undefined): Identity | undefined {
  if (address === undefined) return undefined;
  return makeIdentity(familyOf(address) === 4 ? "ipv4" : "ipv6", address);
}

function checkInitiate(values: PeerValues, path: KeyPath): Finding[] {
  const any = values.remote?.some(({ kind }) => kind === "any") === true;
  if (any && values.initiate === true) {
    return [
      errorAt(
        [...path, "initiate"],
        "a peer with remote: any cannot be called: take initiate out, or give its address",
      ),
    ];
  }
  if (!any && values.initiate !== false) return [];
  const cannot = any ? "a peer with remote: any cannot be called" : "with initiate: no the peer is never called";
  const places: KeyPath[] = values.start === "on-demand" ? [[...path, "start"]] : [];
  for (const [i, { start }] of (values.protect ?? []).entries())
    if (start === "on-demand") places.push([...path, "protect", i, "start"]);
  return places.map((place) => errorAt(place, `${cannot}, and no packet can change that: take start out`));
}

/** What is to be replaced must not end before. */
function checkIkeLifetime(settings: PeerValues, path: KeyPath): Finding[] {
  const { ikeRekey, ikeLifetime } = timing(settings);
  if (ikeRekey === 0 || ikeLifetime === 0 || ikeLifetime > ikeRekey) return [];
  const sentence = `is not more than ike-rekey, which is ${formatDuration(ikeRekey)}: the IKE SA would end before`;
  return [errorAt([...path, "ike-lifetime"], sentence)];
}

function timing(settings: PeerValues): PeerTiming {
  const { retransmission = {}, retry = {}, liveness } = settings;
  const ikeRekey = settings["ike-rekey"] ?? timingDefaults.ikeRekey;
  const retryFirst = retry.first ?? timingDefaults.retryFirst;
  return {
    retransmitFirst: retransmission.first ?? timingDefaults.retransmitFirst,
    retransmitFactor: retransmission.factor ?? timingDefaults.retransmitFactor,
    retransmitTries: retransmission.tries ?? timingDefaults.retransmitTries,
    liveness: liveness ?? timingDefaults.liveness,
    retryFirst,
    retryLongest: Math.max(retryFirst, retry.longest ?? timingDefaults.retryLongest),
    ikeRekey,
    ikeLifetime: settings["ike-lifetime"] ?? 2 * ikeRekey,
    linger: settings.linger ?? timingDefaults.linger,
  };
}

function messages({ messages: given = {} }: PeerValues): PeerMessages {
  return {
    window: given.window ?? messageDefaults.window,
    fragmentSize: given["fragment-size"] ?? messageDefaults.fragmentSize,
  };
}

/** Where `local.address` names several, the peer may be spoken to from each; of its family, where the peer is in one place. */
function otherLocals(values: PeerValues, paths: Paths, mobike: boolean, { local }: PeerContext): readonly Address[] {
  if (!mobike || values.local !== undefined) return [];
  const family = paths.local === undefined ? undefined : familyOf(paths.local);
  return (local.address ?? []).filter(
    (address) => address !== paths.local && (family === undefined || familyOf(address) === family),
  );
}

function lockable(name: string, paths: Paths, children: readonly ChildDesired[]): LockedPeerDesired {
  const known = paths.remote !== undefined;
  return {
    name,
    remote: paths.remote ?? [],
    local: paths.local,
    children: known ? children : children.filter(({ remote }) => remote.prefix !== "host"),
  };
}

const required = {
  remote: "is missing: give the peer's address, its DNS name, or any",
  auth: "is missing: give auth: { psk: file:NAME }",
  protect: "is missing: say what must never travel in clear, for example protect: [gre]",
} as const;

/** A peer that chooses one of these does not inherit the other. */
const other: Readonly<Record<string, string>> = { esp: "ah", ah: "esp" };

const nobody: ReadAuth = { auth: undefined, findings: [] };

const whoAreWe = "we have neither a name nor an address towards this peer: give local.id or local.address";
