/** What a peer may claim to be with a certificate (RFC 7296 3.5, RFC 4945 3.1). */
import { formatAddress } from "../negotiate/address.ts";
import { type Identity, identityFromWire, idTypes, makeIdentity } from "../negotiate/identity.ts";
import type { Extensions } from "./extensions.ts";
import type { GeneralName } from "./general-name.ts";
import type { Name } from "./name.ts";

/** The identities of the other names, then the subject as a whole; never its common name alone. */
export function claimableIdentities(holder: {
  readonly subject: Name;
  readonly extensions: Pick<Extensions, "subjectAltNames">;
}): readonly Identity[] {
  const { subject, extensions } = holder;
  const names = (extensions.subjectAltNames ?? []).flatMap(identityOf);
  return subject.rdns.length === 0 ? names : [...names, identityFromWire(idTypes.dn, subject.der)];
}

/** RFC 4945 3.1: the kinds of names that an ID payload can hold; a wildcard is for TLS and names nobody here. */
function identityOf(name: GeneralName): readonly Identity[] {
  switch (name.kind) {
    case "dns":
      return name.text.includes("*") ? [] : [makeIdentity("fqdn", name.text)];
    case "email":
      return [makeIdentity("email", name.text)];
    case "ip":
      if (name.octets.length !== 4 && name.octets.length !== 16) return [];
      return [makeIdentity(name.octets.length === 4 ? "ipv4" : "ipv6", formatAddress(name.octets))];
    case "dn":
      return [identityFromWire(idTypes.dn, name.name.der)];
    case "uri":
    case "other":
      return [];
  }
}
