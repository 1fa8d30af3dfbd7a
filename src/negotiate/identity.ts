/** Identities (RFC 7296 3.5): what a peer claims to be. */
import { addressOctets, formatAddress } from "./address.ts";
import { type DistinguishedName, decodeName, encodeName, matchesName } from "./distinguished-name.ts";
import { formatName, parseName } from "./distinguished-name-text.ts";

export type IdentityKind = "ipv4" | "ipv6" | "fqdn" | "email" | "dn" | "keyid";

/** `octets` are the Identification Data of RFC 7296 3.5 for `idType`. */
export interface Identity {
  readonly idType: number;
  readonly octets: Uint8Array;
  readonly text: string;
  /** Of a distinguished name: what the octets say, read once. */
  readonly name?: DistinguishedName | undefined;
  /** It stands for several: what is wanted of a peer, never what an end claims. */
  readonly pattern?: IdentityPattern;
}

/** How a wanted identity is compared where that is not exactly. */
export interface IdentityPattern {
  /** A `*` is the whole value of an attribute, the first label of a host name, or what stands before an @. */
  readonly wildcards: boolean;
  /** The attributes of a distinguished name may stand in any order. */
  readonly anyOrder: boolean;
}

/** ID types of RFC 7296 3.5 that are compared by their meaning. */
export const idTypes = { ipv4: 1, fqdn: 2, email: 3, ipv6: 5, dn: 9, keyid: 11, null: 13 } as const;

/** ID_NULL: nobody in particular (RFC 7619 2.2). */
export const anonymous: Identity = { idType: idTypes.null, octets: new Uint8Array(0), text: "anonymous" };

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/**
 * An identity of a known kind; `text` is checked by the caller for `fqdn` and `email`. Throws RangeError for a bad address,
 * distinguished name or key id.
 */
export function makeIdentity(kind: IdentityKind, text: string): Identity {
  switch (kind) {
    case "ipv4":
    case "ipv6": {
      const octets = addressOctets(text);
      return { idType: idTypes[kind], octets, text: formatAddress(octets) };
    }
    case "fqdn":
    case "email":
      return { idType: idTypes[kind], octets: encoder.encode(text), text };
    case "dn": {
      const parsed = parseName(text);
      if ("wrong" in parsed) throw new RangeError(parsed.wrong);
      const { name } = parsed;
      return { idType: idTypes.dn, octets: encodeName(name), text: formatName(name), name };
    }
    case "keyid": {
      if (!/^([0-9a-fA-F]{2})+$/.test(text))
        throw new RangeError(`a key id is an even number of hexadecimal digits, not ${text}`);
      return {
        idType: idTypes.keyid,
        octets: Uint8Array.from(Buffer.from(text, "hex")),
        text: `keyid:${text.toLowerCase()}`,
      };
    }
  }
}

/** Who has logged in with that name; the name is what people know. */
export function userIdentity(name: string): Identity {
  return { idType: idTypes.keyid, octets: encoder.encode(name), text: name };
}

/** The identity a peer claims in an ID payload; the octets are copied. Types without a text form print as hexadecimal. */
export function identityFromWire(idType: number, data: Uint8Array): Identity {
  const octets = data.slice();
  const name = idType === idTypes.dn ? decodeName(octets) : undefined;
  if (name !== undefined && name.length > 0) return { idType, octets, text: formatName(name), name };
  return { idType, octets, text: identityText(idType, octets) };
}

/**
 * Whether `seen` is the identity that is wanted. RFC 7296 3.5 leaves the match to policy: types must be equal, host names and
 * mail addresses without regard to case, distinguished names attribute by attribute, all else octet by octet.
 */
export function sameIdentity(wanted: Identity, seen: Identity): boolean {
  if (wanted.idType !== seen.idType) return false;
  switch (wanted.idType) {
    case idTypes.fqdn:
    case idTypes.email:
      return matchesText(wanted, seen.text);
    case idTypes.dn:
      return sameOctets(wanted.octets, seen.octets) || matchesNames(wanted, seen);
    default:
      return sameOctets(wanted.octets, seen.octets);
  }
}

/** Whether an identity stands for one alone, and can be sent. */
export function isExact({ pattern }: Identity): boolean {
  return pattern?.wildcards !== true;
}

function matchesText(wanted: Identity, seen: string): boolean {
  const one = wanted.text.toLowerCase();
  const other = seen.toLowerCase();
  if (wanted.pattern?.wildcards !== true || !one.startsWith("*")) return one === other;
  const rest = one.slice(1);
  const head = other.slice(0, other.length - rest.length);
  // One label or one mailbox, whatever it is: never more, never none.
  return head !== "" && other.endsWith(rest) && !head.includes(wanted.idType === idTypes.fqdn ? "." : "@");
}

function matchesNames(wanted: Identity, seen: Identity): boolean {
  const one = wanted.name ?? decodeName(wanted.octets);
  const other = seen.name ?? decodeName(seen.octets);
  return one !== undefined && other !== undefined && matchesName(one, other, wanted.pattern);
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i]);
}

function identityText(idType: number, octets: Uint8Array): string {
  if (idType === idTypes.ipv4 && octets.length === 4) return formatAddress(octets);
  if (idType === idTypes.ipv6 && octets.length === 16) return formatAddress(octets);
  if (idType === idTypes.fqdn || idType === idTypes.email) {
    const text = printable(octets);
    if (text !== undefined) return text;
  }
  if (idType === idTypes.null && octets.length === 0) return anonymous.text;
  const hex = Buffer.from(octets).toString("hex");
  return idType === idTypes.keyid ? `keyid:${hex}` : `type ${idType}:${hex}`;
}

function printable(octets: Uint8Array): string | undefined {
  try {
    const text = decoder.decode(octets);
    return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
