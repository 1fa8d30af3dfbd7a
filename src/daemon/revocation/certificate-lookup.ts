/** Looks up certificates that peers name instead of sending (RFC 7296 3.6), at the places that their sections allow. */
import { bundleLimits, readBundle } from "../../credentials/certificate-bundle.ts";
import type { CertificateReference, SignatureProof } from "../../credentials/examine.ts";
import { hash } from "../../crypto/hash.ts";
import type { Fetcher } from "./fetch.ts";

/** The proof with what was looked up in its place; or why the peer's own certificate is not to be had. */
export type Completed = { readonly proof: SignatureProof } | { readonly wrong: string };

export interface LookupOptions {
  readonly fetch: Fetcher;
  /** ms, on any clock that goes on. */
  now(): number;
}

/** Of a certificate; the bundle's own limit is longer. */
const certificateLimit = 1 << 14;
/** Requests at a time, in all and for one claimed identity: who has proved nothing yet asks for them. */
const mostAtOnce = 8;
const mostForOne = 2;
/** How long a URL that gave nothing is left alone. */
const pause = 60_000;
const mostPauses = 1_024;
/** Octets that are kept, so that a peer that comes again costs no request. */
const mostKept = 1 << 21;

type Found = { readonly certificates: readonly Uint8Array[] } | { readonly wrong: string };

/** One for the whole process. */
export class CertificateLookup {
  readonly #options: LookupOptions;
  /** By the hash that a peer must know to name them; least recently used first. */
  readonly #kept = new Map<string, { readonly certificates: readonly Uint8Array[]; readonly octets: number }>();
  #keptOctets = 0;
  readonly #running = new Map<string, number>();
  readonly #paused = new Map<string, number>();

  constructor(options: LookupOptions) {
    this.#options = options;
  }

  /** Never rejects. What stands beside the peer's own certificate may be missing: the path then says so. */
  async complete(proof: SignatureProof): Promise<Completed> {
    const { references = [], ...rest } = proof;
    const found = await Promise.all(references.map((one) => this.#find(one, proof.identity.text)));
    const certificates: Uint8Array[] = [];
    for (const [at, sent] of [...proof.certificates, undefined].entries()) {
      for (const [index, { after }] of references.entries()) {
        const one = found[index];
        if (after !== at || one === undefined) continue;
        if ("certificates" in one) certificates.push(...one.certificates);
        else if (certificates.length === 0) return one;
      }
      if (sent !== undefined) certificates.push(sent);
    }
    return { proof: { ...rest, certificates } };
  }

  async #find(reference: CertificateReference, identity: string): Promise<Found> {
    const { url } = reference;
    const key = keptAs(reference, reference.hash);
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept;
    }
    const until = this.#paused.get(pausedAs(reference));
    if (until !== undefined && this.#options.now() < until) return { wrong: `${url} gave nothing a moment ago` };
    const all = [...this.#running.values()].reduce((sum, count) => sum + count, 0);
    const own = this.#running.get(identity) ?? 0;
    if (all >= mostAtOnce || own >= mostForOne)
      return { wrong: `too many certificates are being looked up to ask ${url}` };
    this.#running.set(identity, own + 1);
    const result = await this.#ask(reference);
    const left = (this.#running.get(identity) ?? 1) - 1;
    if (left === 0) this.#running.delete(identity);
    else this.#running.set(identity, left);
    if ("wrong" in result) this.#leaveAlone(pausedAs(reference));
    return result;
  }

  async #ask(reference: CertificateReference): Promise<Found> {
    const { url, hash: wanted, bundle } = reference;
    const fetched = await this.#options.fetch({ url, limit: bundle ? bundleLimits.octets : certificateLimit });
    if ("wrong" in fetched) return fetched;
    const { octets } = fetched;
    const certificates = bundle ? readBundle(octets) : [octets];
    if ("wrong" in certificates) return { wrong: `${url}: ${certificates.wrong}` };
    const stands = hash("sha1", octets);
    // Kept whatever this peer says of it: whoever names the right hash is served from here, though the URL is left alone now.
    this.#keep(keptAs(reference, stands), { certificates, octets: octets.length });
    return stands.equals(wanted) ? { certificates } : { wrong: `${url} holds something else than the peer says` };
  }

  #keep(key: string, found: { readonly certificates: readonly Uint8Array[]; readonly octets: number }): void {
    if (!this.#kept.has(key)) this.#keptOctets += found.octets;
    this.#kept.set(key, found);
    for (const [oldest, { octets }] of this.#kept) {
      if (this.#keptOctets <= mostKept) break;
      this.#kept.delete(oldest);
      this.#keptOctets -= octets;
    }
  }

  #leaveAlone(place: string): void {
    const [oldest] = this.#paused.keys();
    if (this.#paused.size >= mostPauses && oldest !== undefined) this.#paused.delete(oldest);
    this.#paused.set(place, this.#options.now() + pause);
  }
}

function keptAs(reference: CertificateReference, octetsHash: Uint8Array): string {
  return `${kindOf(reference)} ${Buffer.from(octetsHash).toString("hex")}`;
}

/** By its kind too: who takes a certificate for a bundle does not keep others from it. */
function pausedAs(reference: CertificateReference): string {
  return `${kindOf(reference)} ${reference.url}`;
}

function kindOf({ bundle }: CertificateReference): string {
  return bundle ? "bundle" : "certificate";
}
