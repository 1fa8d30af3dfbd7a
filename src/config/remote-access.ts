/** `xauth` and `inner-address` of a peer: from the file's words to who logs in and who has an address of the other. */
import { formatAddress, formatPrefix, type Prefix, prefixCovers, prefixRange } from "../negotiate/address.ts";
import type { ChildDesired, Ikev1Policy, PeerDesired } from "../sa/desired.ts";
import type { InnerAddressDesired, UserDesired, XauthDesired } from "../sa/remote-access.ts";
import { errorAt, type Finding, formatPath, type KeyPath, warningAt } from "./problem.ts";
import type { peerSection } from "./schema/peer.ts";
import { isUserName } from "./schema/remote-access.ts";
import type { SecretText } from "./schema/secret.ts";
import type { SecretOrigin, SecretReader } from "./secrets.ts";
import type { Values } from "./shape.ts";

type RemoteAccessValues = Pick<Values<(typeof peerSection)["shape"]>, "xauth" | "inner-address" | "ikev1">;

/** What both keys come to; left out where they are not there, or where a finding is an error. */
export interface RemoteAccess {
  readonly settings: Pick<PeerDesired, "xauth" | "innerAddress">;
  readonly findings: readonly Finding[];
}

/** Reads both keys of a section; `path` is the section's. */
export async function readRemoteAccess(
  values: RemoteAccessValues,
  built: { readonly children: readonly ChildDesired[]; readonly lines: readonly number[] },
  place: { readonly path: KeyPath; readonly origin: SecretOrigin; readonly secrets: SecretReader },
): Promise<RemoteAccess> {
  const { path } = place;
  const login: ReadXauth =
    values.xauth === undefined ? nothing : await readXauth(values.xauth, { ...place, path: [...path, "xauth"] });
  const address: ReadInnerAddress =
    values["inner-address"] === undefined ? nothing : readInnerAddress(values["inner-address"], built, path);
  const version = (["xauth", "inner-address"] as const).flatMap((key) => versionFault(values, key, path));
  return {
    settings: {
      ...(login.xauth !== undefined ? { xauth: login.xauth } : {}),
      ...(address.innerAddress !== undefined ? { innerAddress: address.innerAddress } : {}),
    },
    findings: [...version, ...login.findings, ...address.findings],
  };
}

interface ReadXauth {
  readonly xauth?: XauthDesired;
  readonly findings: readonly Finding[];
}

interface ReadInnerAddress {
  readonly innerAddress?: InnerAddressDesired;
  readonly findings: readonly Finding[];
}

const nothing: { readonly findings: readonly Finding[] } = { findings: [] };

/** IKEv2 has neither, and a section that lets both versions in would let callers get around what it asks for. */
function versionFault(values: RemoteAccessValues, key: "xauth" | "inner-address", path: KeyPath): Finding[] {
  const spoken: Ikev1Policy | undefined = values.ikev1;
  if (values[key] === undefined || spoken === "main" || spoken === "aggressive") return [];
  return [errorAt([...path, key], "belongs to IKEv1 alone: give ikev1: main or ikev1: aggressive beside it")];
}

async function readXauth(
  { user, password, users }: NonNullable<RemoteAccessValues["xauth"]>,
  place: { readonly path: KeyPath; readonly origin: SecretOrigin; readonly secrets: SecretReader },
): Promise<ReadXauth> {
  const { path } = place;
  const isClient = user !== undefined || password !== undefined;
  if (isClient === (users !== undefined)) return { findings: [errorAt(path, oneRole)] };
  if (users !== undefined) return await readUsers(users, { ...place, path: [...path, "users"] });
  if (user === undefined)
    return { findings: [errorAt([...path, "user"], "is missing: give the name that we log in by")] };
  if (password === undefined)
    return { findings: [errorAt([...path, "password"], "is missing: give file:NAME with the user's password")] };
  const read = await readPassword(password, { ...place, path: [...path, "password"] });
  const { secret, findings } = read;
  return secret === undefined ? { findings } : { xauth: { kind: "client", user, password: secret }, findings };
}

async function readUsers(
  users: Readonly<Record<string, SecretText>>,
  place: { readonly path: KeyPath; readonly origin: SecretOrigin; readonly secrets: SecretReader },
): Promise<ReadXauth> {
  const names = Object.keys(users);
  if (names.length === 0) return { findings: [errorAt(place.path, "names nobody: give NAME: file:PASSWORD")] };
  const findings: Finding[] = names
    .filter((name) => !isUserName(name))
    .map((name) => errorAt([...place.path, name], "is no user's name: 1 to 64 characters without control characters"));
  const read = await Promise.all(
    Object.entries(users).map(async ([name, text]) => ({
      name,
      ...(await readPassword(text, { ...place, path: [...place.path, name] })),
    })),
  );
  findings.push(...read.flatMap((one) => one.findings));
  const known = read.flatMap(({ name, secret }): UserDesired[] =>
    secret === undefined ? [] : [{ name, password: secret }],
  );
  if (findings.some(({ severity }) => severity === "error")) return { findings };
  return { xauth: { kind: "server", users: known }, findings };
}

/** The rights of a secret's file hold for passwords too; how long they are does not: nobody can try them at leisure. */
async function readPassword(
  text: SecretText,
  { path, origin, secrets }: { readonly path: KeyPath; readonly origin: SecretOrigin; readonly secrets: SecretReader },
) {
  const read = await secrets.read(text, origin, formatPath(path));
  if ("wrong" in read) return { secret: undefined, findings: [errorAt(path, read.wrong)] };
  const hints = text.kind === "inline" && text.hint !== undefined ? [warningAt(path, text.hint)] : [];
  return { secret: read.secret, findings: hints };
}

function readInnerAddress(
  { pool, ask, delivery = "pull" }: NonNullable<RemoteAccessValues["inner-address"]>,
  built: { readonly children: readonly ChildDesired[]; readonly lines: readonly number[] },
  path: KeyPath,
): ReadInnerAddress {
  const at = [...path, "inner-address"];
  if ((pool !== undefined) === (ask === true)) return { findings: [errorAt(at, oneAddress)] };
  const end = pool === undefined ? "local" : "remote";
  const findings: Finding[] = [];
  for (const [i, child] of built.children.entries()) {
    const where = [...path, "protect", built.lines[i] ?? 0];
    if (child.mode !== "tunnel")
      findings.push(errorAt(where, "is no tunnel, and an address inside is for tunnels: take it out"));
    else if (pool !== undefined && !prefixesOf(child, end).some((prefix) => covers(prefix, pool)))
      findings.push(errorAt(where, `does not have inner-address.pool, ${formatPrefix(pool)}, on its right side`));
  }
  if (findings.length > 0) return { findings };
  if (pool === undefined) return { innerAddress: { kind: "client", by: delivery }, findings };
  return { innerAddress: { kind: "server", by: delivery, pool }, findings };
}

function prefixesOf(child: ChildDesired, end: "local" | "remote"): Prefix[] {
  const { prefix, more } = child[end];
  return prefix === "host" ? [] : [prefix, ...(more ?? [])];
}

function covers(outer: Prefix, inner: Prefix): boolean {
  return prefixCovers(outer, inner.address) && prefixCovers(outer, formatAddress(prefixRange(inner).end));
}

const oneRole =
  "needs user and password, where we log in with the peer, or users, where the peer logs in with us; one of the two";
const oneAddress = "needs pool, where the peer is given an address, or ask: yes, where we are; one of the two";
