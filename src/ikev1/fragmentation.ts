/** Fragments of one ISAKMP SA's messages, in both directions; nobody is sent any who has not said that it takes them. */
import { type Datagrams, headersOn } from "../sa/datagrams.ts";
import type { FragmentPayload } from "../wire/ikev1/payloads/fragment.ts";
import { fragmentsOf } from "./fragments.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import { Reassembly } from "./reassembly.ts";

export class Fragmentation {
  readonly #sa: IkeV1Sa;
  #peerTakes = false;
  #lastId = 0;
  /** Made with the first fragment: most SAs never see one. */
  #reassembly: Reassembly | undefined;

  constructor(sa: IkeV1Sa) {
    this.#sa = sa;
  }

  /** What the peer's Vendor IDs say. */
  peerTakesFragments(takes: boolean): void {
    this.#peerTakes = takes;
  }

  /** A message of ours as it goes out; what is repeated is the same fragments again. */
  datagrams(message: Uint8Array): Datagrams {
    const { peer, path } = this.#sa;
    const size = peer?.messages.fragmentSize ?? usualSize;
    if (!this.#peerTakes || message.length + headersOn(path) <= size) return message;
    this.#lastId = (this.#lastId % 0xffff) + 1;
    return fragmentsOf(message, size - headersOn(path), this.#lastId);
  }

  /** Keeps a fragment of the peer's, and gives the message where it was the last that was missing. */
  add(fragment: FragmentPayload): Buffer | "incomplete" | "refused" {
    const { host } = this.#sa;
    this.#reassembly ??= new Reassembly(host.fragments);
    const result = this.#reassembly.add(fragment, host.now());
    this.#watch();
    return result;
  }

  /** Nothing has come for so long, or what came since has put that off. */
  onTimer(): void {
    this.#reassembly?.expire(this.#sa.host.now());
    this.#watch();
  }

  /** Forgets what has come. */
  clear(): void {
    this.#reassembly?.clear();
    this.#watch();
  }

  #watch(): void {
    const { host } = this.#sa;
    const at = this.#reassembly?.expiresAt;
    if (at === undefined) host.disarm(this.#sa, "reassembly");
    else host.arm(this.#sa, "reassembly", at);
  }
}

/** Octets of an IP datagram beyond which messages are fragmented, until it is known who the peer is. */
const usualSize = 1_280;
