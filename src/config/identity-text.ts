/** Identities as people write them. */
import { formatAddress, parseAddress } from "../negotiate/address.ts";
import { parseName } from "../negotiate/distinguished-name-text.ts";
import { type Identity, makeIdentity } from "../negotiate/identity.ts";
import { quote } from "./problem.ts";
import type { Reading } from "./schema/leaf.ts";

/**
 * An address, a host name, a mail address, a distinguished name or `keyid:` with hexadecimal digits; `fqdn:`, `email:` and
 * `dn:` say it where the look would not (RFC 7296 3.5). A `*` makes it a pattern.
 */
export function parseIdentity(text: string): Reading<Identity> {
  const octets = parseAddress(text);
  if (octets !== undefined) {
    return { value: makeIdentity(octets.length === 4 ? "ipv4" : "ipv6", formatAddress(octets)) };
  }
  const [, kind, rest = ""] = /^([a-z-]+):(.*)$/.exec(text) ?? [];
  if (kind === undefined && /^[A-Za-z0-9.]+\s*=/.test(text)) return distinguishedName(text, false);
  if (kind === undefined) return text.includes("@") ? mail(text) : host(text);
  switch (kind) {
    case "fqdn":
      return host(rest);
    case "email":
      return mail(rest);
    case "dn":
      return distinguishedName(rest, false);
    case "dn-any-order":
      return distinguishedName(rest, true);
    case "keyid":
      return /^([0-9a-fA-F]{2}){1,128}$/.test(rest)
        ? { value: makeIdentity("keyid", rest) }
        : { wrong: `a key id is keyid: and 1 to 128 octets as hexadecimal digits, not ${quote(text)}` };
    default:
      return {
        wrong: `${quote(`${kind}:`)} starts no identity. Possible: an IP address, a host name, a mail address, a name as CN=…, fqdn:…, email:…, dn:…, dn-any-order:…, keyid:…`,
      };
  }
}

function host(text: string): Reading<Identity> {
  if (/^[0-9.]+$/.test(text)) return { wrong: `looks like an IP address but is none: ${quote(text)}` };
  // strongSwan writes @name for a host name that is not to be looked up.
  if (text.startsWith("@"))
    return { wrong: `write ${quote(text.slice(1))} without the @: names are never looked up here` };
  if (!printable.test(text) || text.includes("@")) return { wrong: `is no host name: ${quote(text)}` };
  if (text.includes("*") && !/^\*\.[^*]+$/.test(text))
    return { wrong: `has a * that is not the whole first label: ${quote(text)}` };
  return { value: withPattern(makeIdentity("fqdn", text), text.startsWith("*"), false) };
}

function mail(text: string): Reading<Identity> {
  if (text.startsWith("@")) return host(text);
  if (!printable.test(text) || !/^[^@]+@[^@]+$/.test(text)) return { wrong: `is no mail address: ${quote(text)}` };
  if (text.includes("*") && !/^\*@[^*]+$/.test(text))
    return { wrong: `has a * that is not all of what stands before the @: ${quote(text)}` };
  return { value: withPattern(makeIdentity("email", text), text.startsWith("*"), false) };
}

function distinguishedName(text: string, anyOrder: boolean): Reading<Identity> {
  const parsed = parseName(text);
  if ("wrong" in parsed) return { wrong: `is no distinguished name: ${parsed.wrong}` };
  const wildcards = parsed.name.some((attributes) => attributes.some(({ value }) => value === "*"));
  return { value: withPattern(makeIdentity("dn", text), wildcards, anyOrder) };
}

function withPattern(identity: Identity, wildcards: boolean, anyOrder: boolean): Identity {
  return wildcards || anyOrder ? { ...identity, pattern: { wildcards, anyOrder } } : identity;
}

/** RFC 7296 3.5: host names and mail addresses are ASCII, without a terminator. */
const printable = /^[\x21-\x7e]{1,255}$/;
