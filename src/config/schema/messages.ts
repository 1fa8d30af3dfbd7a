/** The key `messages`. */
import { documented } from "./documentation.ts";
import { section, wholeNumber } from "./leaf.ts";

/** What `messages` comes to where the file says nothing. */
export const messageDefaults = {
  /** A lost request holds the three behind it up no longer; each response that is kept costs a few hundred octets. */
  window: 4,
  /** IPv6's least MTU, and less than what tunnels on the way leave of Ethernet's. */
  fragmentSize: 1280,
} as const;

/** How IKE messages travel. */
export const messagesSection = section({
  window: documented(wholeNumber(1, 64, "requests").optional(), {
    type: "1 to 64",
    default: "4",
    meaning:
      "Requests that the peer may send before it has our response to the first of them. Peers that know of no window go on asking one by one.",
    example: "window: 1",
  }),
  "fragment-size": documented(wholeNumber(576, 9000, "octets").optional(), {
    type: "576 to 9000",
    default: "1280",
    meaning:
      "Octets of an IP datagram, its headers included, beyond which an IKE message is sent in fragments of its own (RFC 7383), so that none is fragmented by IP. Lowered by itself where large requests go unanswered.",
    example: "fragment-size: 1400",
  }),
});
