/** Identities as people write them. */
import { formatAddress, parseAddress } from "../negotiate/address.ts";
import { type Identity, makeIdentity } from "../negotiate/identity.ts";
import { quote } from "./problem.ts";
import type { Reading } from "./schema/leaf.ts";

/**
 * An address, a host name, a mail address or `keyid:` with hexadecimal digits; `fqdn:` and `email:` say it where the
 * look would not (RFC 7296 3.5).
 */
export function parseIdentity(text: string): Reading<Identity> {
  const octets = parseAddress(text);
  if (octets !== undefined) {
    return { value: makeIdentity(octets.length === 4 ? "ipv4" : "ipv6", formatAddress(octets)) };
  }
  const [, kind, rest = ""] = /^([a-z]+):(.*)$/.exec(text) ?? [];
  if (kind === undefined) return text.includes("@") ? mail(text) : host(text);
  switch (kind) {
    case "fqdn":
      return host(rest);
    case "email":
      return mail(rest);
    case "keyid":
      return /^([0-9a-fA-F]{2}){1,128}$/.test(rest)
        ? { value: makeIdentity("keyid", rest) }
        : { wrong: `a key id is keyid: and 1 to 128 octets as hexadecimal digits, not ${quote(text)}` };
    default:
      return {
        wrong: `${quote(`${kind}:`)} starts no identity. Possible: an IP address, a host name, a mail address, fqdn:…, email:…, keyid:…`,
      };
  }
}

function host(text: string): Reading<Identity> {
  if (/^[0-9.]+$/.test(text)) return { wrong: `looks like an IP address but is none: ${quote(text)}` };
  // strongSwan writes @name for a host name that is not to be looked up.
  if (text.startsWith("@"))
    return { wrong: `write ${quote(text.slice(1))} without the @: names are never looked up here` };
  if (!printable.test(text) || text.includes("@")) return { wrong: `is no host name: ${quote(text)}` };
  return { value: makeIdentity("fqdn", text) };
}

function mail(text: string): Reading<Identity> {
  if (text.startsWith("@")) return host(text);
  if (!printable.test(text) || !/^[^@]+@[^@]+$/.test(text)) return { wrong: `is no mail address: ${quote(text)}` };
  return { value: makeIdentity("email", text) };
}

/** RFC 7296 3.5: host names and mail addresses are ASCII, without a terminator. */
const printable = /^[\x21-\x7e]{1,255}$/;
