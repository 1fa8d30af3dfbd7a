/** Name constraints (RFC 5280 4.2.1.10), each compared as its type demands. */
import { attributeType } from "../../negotiate/attribute-types.ts";
import type { Certificate } from "../certificate.ts";
import type { NameConstraints } from "../extensions.ts";
import { type GeneralName, generalNameText } from "../general-name.ts";
import { isWithin } from "../name.ts";
import { type Steps, stepCosts } from "./steps.ts";

/** The first name that is not within the constraints, and what they say. */
export interface NameViolation {
  readonly name: string;
  readonly constraint: string;
}

/** Compares every name of the certificate; `limit` where that is more work than it may be. */
export function nameViolation(
  certificate: Certificate,
  { permitted, excluded }: NameConstraints,
  steps: Steps,
): NameViolation | "limit" | undefined {
  for (const name of constrainedNames(certificate)) {
    if (!steps.take(stepCosts.comparison * (1 + permitted.length + excluded.length))) return "limit";
    const out = excluded.find((base) => base.kind === name.kind && sameTag(base, name) && matches(name, base, "any"));
    if (out !== undefined) return { name: generalNameText(name), constraint: `excluded ${generalNameText(out)}` };
    const bases = permitted.filter((base) => base.kind === name.kind && sameTag(base, name));
    if (bases.length > 0 && !bases.some((base) => matches(name, base, "all"))) {
      return { name: generalNameText(name), constraint: `permitted ${bases.map(generalNameText).join(", ")}` };
    }
  }
  return undefined;
}

/**
 * All names that a peer could claim: the subject, its mail addresses, the other names; and, where there is no other name
 * that is a host's, a common name that looks like one, since an allowance of ours may take it for one.
 */
function constrainedNames({ subject, extensions }: Certificate): readonly GeneralName[] {
  const names: GeneralName[] = [...(extensions.subjectAltNames ?? [])];
  const hasHost = names.some(({ kind }) => kind === "dns");
  if (subject.rdns.length > 0) names.push({ kind: "dn", name: subject });
  for (const { type, value } of subject.rdns.flat()) {
    if (type === attributeType.email) names.push({ kind: "email", text: value });
    if (type === attributeType.commonName && !hasHost && value.includes(".") && hostName.test(value))
      names.push({ kind: "dns", text: value });
  }
  return names;
}

const hostName = /^[\w.*-]{1,253}$/;

/**
 * Whether a name lies in a subtree. A wildcard stands for many names: it must lie there with `all` of them to be permitted,
 * and is excluded where `any` does.
 */
function matches(name: GeneralName, base: GeneralName, quantity: "all" | "any"): boolean {
  switch (name.kind) {
    case "dns":
      return base.kind === "dns" && dnsWithin(name.text, base.text, quantity);
    case "email":
      return base.kind === "email" && emailWithin(name.text, base.text);
    case "uri":
      return base.kind === "uri" && uriWithin(name.text, base.text, quantity);
    case "ip":
      return base.kind === "ip" && ipWithin(name.octets, base.octets);
    case "dn":
      return base.kind === "dn" && isWithin(name.name, base.name);
    case "other":
      // RFC 5280 4.2.1.10: process it or reject the certificate.
      return quantity === "any";
  }
}

/** A constraint on a kind that is not compared concerns names of that very kind; one on IPv4, no IPv6 address. */
function sameTag(base: GeneralName, name: GeneralName): boolean {
  if (base.kind === "other" && name.kind === "other") return base.tag === name.tag;
  return true;
}

/** The base itself and what has labels before it. */
function dnsWithin(text: string, base: string, quantity: "all" | "any"): boolean {
  const name = labels(text);
  const subtree = labels(base);
  const wild = name[0] === "*";
  if (wild && quantity === "any") {
    const rest = name.slice(1);
    // `*.b.c` may be `a.b.c`: any of its names is excluded by a subtree that lies one label below, too.
    if (subtree.length === name.length && endsWith(subtree, rest)) return true;
  }
  return endsWith(wild ? name.slice(1) : name, subtree);
}

function labels(text: string): readonly string[] {
  return text
    .toLowerCase()
    .replace(/^\./, "")
    .replace(/\.$/, "")
    .split(".")
    .filter((label, index, all) => label !== "" || (all.length > 1 && index > 0));
}

function endsWith(name: readonly string[], subtree: readonly string[]): boolean {
  const start = name.length - subtree.length;
  return start >= 0 && subtree.every((label, index) => name[start + index] === label);
}

/** A whole mailbox, all of one host, or with a dot before it all below a domain. */
function emailWithin(text: string, base: string): boolean {
  const at = text.lastIndexOf("@");
  const [mailbox, host] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1).toLowerCase()];
  const baseAt = base.lastIndexOf("@");
  if (baseAt >= 0) return mailbox === base.slice(0, baseAt) && host === base.slice(baseAt + 1).toLowerCase();
  return hostWithin(host, base);
}

/** Of a URI the host is compared; one without, or with an address, is in no subtree and in every excluded one. */
function uriWithin(text: string, base: string, quantity: "all" | "any"): boolean {
  const authority = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(text)?.[1];
  const host = authority?.replace(/^.*@/, "").replace(/:\d*$/, "").toLowerCase() ?? "";
  if (host === "" || host.startsWith("[") || /^[0-9.]+$/.test(host)) return quantity === "any";
  return hostWithin(host, base);
}

function hostWithin(host: string, base: string): boolean {
  const wanted = base.toLowerCase();
  if (wanted === "") return true;
  return wanted.startsWith(".") ? host.length > wanted.length && host.endsWith(wanted) : host === wanted;
}

function ipWithin(address: Uint8Array, base: Uint8Array): boolean {
  const length = base.length / 2;
  if (address.length !== length) return false;
  return address.every((octet, index) => {
    const mask = base[length + index] ?? 0xff;
    return (octet & mask) === ((base[index] ?? 0) & mask);
  });
}
