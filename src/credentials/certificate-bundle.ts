/** CertificateBundle (RFC 7296 3.6): certificates and lists that stand at one URL. */
import { type Asn1Limits, readElement } from "../asn1/element.ts";
import { Asn1Error } from "../asn1/error.ts";
import { explicit, sequenceOf } from "../asn1/fields.ts";

/** What one bundle may have. */
export const bundleLimits: Asn1Limits = { octets: 1 << 17, elements: 8_192, depth: 24 };
const mostEntries = 64;

/** The certificates of a bundle, as DER in its order; of its lists nothing is read. Or what is wrong with it. Never throws. */
export function readBundle(octets: Uint8Array): readonly Uint8Array[] | { readonly wrong: string } {
  try {
    const entries = sequenceOf(readElement(octets, bundleLimits), "a bundle");
    if (entries.length > mostEntries)
      return { wrong: `a bundle of ${entries.length}; at most ${mostEntries} are read` };
    return entries.flatMap((entry) => {
      if (entry.tagClass !== "context" || entry.tag > 1)
        throw new Asn1Error("structure", "a bundle holds something that is neither certificate nor list");
      return entry.tag === 0 ? [explicit(entry, "a bundle's certificate").whole.slice()] : [];
    });
  } catch (error) {
    if (error instanceof Asn1Error) return { wrong: error.message };
    throw error;
  }
}
