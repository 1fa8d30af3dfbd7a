/** Identities (RFC 7296 3.5): what a peer claims to be. */
import { addressOctets, formatAddress } from "./address.ts";

export type IdentityKind = "ipv4" | "ipv6" | "fqdn" | "email" | "keyid";

/** `octets` are the Identification Data of RFC 7296 3.5 for `idType`. */
export interface Identity {
  readonly idType: number;
  readonly octets: Uint8Array;
  readonly text: string;
}

const idTypes = { ipv4: 1, fqdn: 2, email: 3, ipv6: 5, keyid: 11, null: 13 } as const;

/** ID_NULL: nobody in particular (RFC 7619 2.2). */
export const anonymous: Identity = { idType: idTypes.null, octets: new Uint8Array(0), text: "anonymous" };

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** An identity of a known kind; `text` is checked by the caller for `fqdn` and `email`. Throws RangeError for a bad address or key id. */
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

/** The identity a peer claims in an ID payload; the octets are copied. Types without a text form print as hexadecimal. */
export function identityFromWire(idType: number, data: Uint8Array): Identity {
  const octets = data.slice();
  return { idType, octets, text: identityText(idType, octets) };
}

/** RFC 7296 3.5 leaves the match to policy: types and octets must be equal, host names and mail domains without regard to case. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  if (a.idType !== b.idType) return false;
  if (a.idType === idTypes.fqdn || a.idType === idTypes.email) return a.text.toLowerCase() === b.text.toLowerCase();
  return a.octets.length === b.octets.length && a.octets.every((octet, i) => octet === b.octets[i]);
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
