/** Where a peer is and which of our addresses faces it, with names looked up. */
import { lookup } from "node:dns/promises";
import { type Address, type Family, familyOf, formatAddress, parseAddress } from "../negotiate/address.ts";
import { errorAt, type Finding, type KeyPath, warningAt } from "./problem.ts";
import type { RemoteText } from "./schema/scalars.ts";

/** Addresses of a DNS name in the order to try them; rejects where it has none. */
export type Resolver = (name: string) => Promise<readonly Address[]>;

/** The host's own resolver: /etc/hosts, then DNS. */
export const systemResolver: Resolver = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

export interface Paths {
  /** Undefined where nothing usable is known. */
  readonly remote: readonly Address[] | "any" | undefined;
  readonly local: Address | undefined;
  /** Names that gave no address now and are worth another try. */
  readonly unresolved: readonly string[];
  /** The names among the remotes, with all their addresses. */
  readonly names: readonly { readonly name: string; readonly addresses: readonly Address[] }[];
  readonly findings: readonly Finding[];
}

/** `ours`: `local.address`; `own`: the peer's `local`. */
export async function findPaths(
  remotes: readonly RemoteText[],
  addresses: { readonly ours: readonly Address[]; readonly own: Address | undefined },
  resolve: Resolver,
  path: KeyPath,
): Promise<Paths> {
  const candidates = addresses.own === undefined ? addresses.ours : [addresses.own];
  const nowhere = { remote: undefined, local: addresses.own, unresolved: [], names: [] };
  if (remotes.some(({ kind }) => kind === "any")) return anywhere(remotes, candidates, path);
  const literal = remotes.flatMap((remote) => (remote.kind === "address" ? [remote.address] : []));
  const names = remotes.flatMap((remote) => (remote.kind === "name" ? [remote.name] : []));
  const families = new Set(literal.map(familyOf));
  if (families.size > 1) {
    const sentence = "mixes IPv4 and IPv6 addresses, and one peer has one family: write a peer for each";
    return { ...nowhere, findings: [errorAt([...path, "remote"], sentence)] };
  }
  const wanted = new Set<Family>(families.size === 1 ? families : candidates.map(familyOf));
  const answers = await lookUp(names, resolve);
  const unresolved = [...answers].filter(([, answer]) => "wrong" in answer).map(([name]) => name);
  const found = inOrder(remotes, answers);
  // Names may have addresses of both families: those of the literals, else of ours, else of the first answer count.
  if (wanted.size !== 1) {
    const first = found.find((address) => wanted.size === 0 || wanted.has(familyOf(address)));
    wanted.clear();
    if (first !== undefined) wanted.add(familyOf(first));
  }
  const remote = [...new Set(found.filter((address) => wanted.has(familyOf(address))))];
  const findings = lookUpFindings(answers, remote.length > 0, path);
  const [first] = remote;
  if (first === undefined) {
    const [any] = found;
    if (any !== undefined) findings.push(errorAt([...path, "remote"], noAddressTowards(any, candidates)));
    return { ...nowhere, unresolved, findings };
  }
  const local = candidates.find((address) => familyOf(address) === familyOf(first));
  if (local === undefined && candidates.length > 0) {
    findings.push(
      errorAt([...path, addresses.own === undefined ? "remote" : "local"], noAddressTowards(first, candidates)),
    );
  }
  const same = remote.find((address) => candidates.includes(address));
  if (same !== undefined)
    findings.push(errorAt([...path, "remote"], `${same} is our own address: here stands the peer's`));
  return { remote, local, unresolved, names: resolved(answers), findings };
}

function anywhere(remotes: readonly RemoteText[], candidates: readonly Address[], path: KeyPath): Paths {
  const findings: Finding[] = [];
  if (remotes.length > 1)
    findings.push(errorAt([...path, "remote"], "has any beside other addresses: any stands alone"));
  if (candidates.length === 0) {
    const sentence = "any needs an address of ours that the peer calls: give local.address, or local in this peer";
    findings.push(errorAt([...path, "remote"], sentence));
  }
  // With several addresses the peer may call each of them: which one, its first message says.
  return {
    remote: "any",
    local: candidates.length === 1 ? candidates[0] : undefined,
    unresolved: [],
    names: [],
    findings,
  };
}

type Answer = { readonly addresses: readonly Address[] } | { readonly wrong: string };

async function lookUp(names: readonly string[], resolve: Resolver): Promise<Map<string, Answer>> {
  const unique = [...new Set(names)];
  const answers = await Promise.all(unique.map((name) => answerOf(name, resolve)));
  return new Map(unique.map((name, i) => [name, answers[i] ?? { wrong: "no answer" }]));
}

async function answerOf(name: string, resolve: Resolver): Promise<Answer> {
  try {
    const addresses = (await resolve(name)).flatMap((text) => {
      const octets = parseAddress(text);
      return octets === undefined ? [] : [formatAddress(octets)];
    });
    return addresses.length > 0 ? { addresses } : { wrong: "it has no address" };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return {
      wrong: lookUpErrors[code] ?? `the resolver says ${error instanceof Error ? error.message : String(error)}`,
    };
  }
}

const lookUpErrors: Readonly<Record<string, string>> = {
  ENOTFOUND: "the name is not known",
  EAI_AGAIN: "no name server answers",
  ETIMEOUT: "no name server answers",
};

function resolved(answers: ReadonlyMap<string, Answer>): Paths["names"] {
  return [...answers].flatMap(([name, answer]) =>
    "addresses" in answer ? [{ name, addresses: answer.addresses }] : [],
  );
}

function inOrder(remotes: readonly RemoteText[], answers: ReadonlyMap<string, Answer>): Address[] {
  return remotes.flatMap((remote) => {
    if (remote.kind === "address") return [remote.address];
    const answer = remote.kind === "name" ? answers.get(remote.name) : undefined;
    return answer !== undefined && "addresses" in answer ? answer.addresses : [];
  });
}

function lookUpFindings(answers: ReadonlyMap<string, Answer>, others: boolean, path: KeyPath): Finding[] {
  return [...answers].flatMap(([name, answer]) => {
    if (!("wrong" in answer)) return [];
    const sentence = `${name} does not resolve: ${answer.wrong}. It will be tried again`;
    return [others ? warningAt([...path, "remote"], sentence) : errorAt([...path, "remote"], sentence)];
  });
}

function noAddressTowards(remote: Address, candidates: readonly Address[]): string {
  const family = familyOf(remote) === 4 ? "IPv4" : "IPv6";
  return `${remote} is ${family}, and of our addresses (${candidates.join(", ")}) none is: add one to local.address`;
}
