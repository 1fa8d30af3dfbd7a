/** How long things are waited for: `retransmission`, `retry`, and what all times of a peer come to without being given. */
import { documented } from "./documentation.ts";
import { leaf, notThis, section, wholeNumber } from "./leaf.ts";
import { duration } from "./scalars.ts";

const second = 1000;
const day = 86_400_000;

/** What `retransmission`, `retry` and `liveness` come to where the file says nothing. In milliseconds. */
export const timingDefaults = {
  /**
   * 12 retransmissions in 196 seconds: RFC 7296 2.4 suggests at least a dozen over several minutes before an SA is given
   * up. The first comes early, since a lost first packet is the common case when both ends start at once.
   */
  retransmitFirst: second,
  retransmitFactor: 1.4,
  retransmitTries: 12,
  liveness: 30 * second,
  retryFirst: second,
  retryLongest: 60 * second,
  /** The keys of an IKE SA protect little; what ages is the knowledge that the peer still holds its secret. */
  ikeRekey: 4 * 3600 * second,
  linger: 5 * second,
} as const;

/** The key `retransmission`. */
export const retransmissionSection = section({
  first: documented(duration({ min: 100, max: 60 * second }).optional(), {
    type: "time, 100ms to 1m",
    default: "1s",
    meaning: "Wait before a request is sent again the first time.",
    example: "first: 500ms",
  }),
  factor: documented(
    leaf<number>((value) => {
      if (typeof value === "number" && value >= 1 && value <= 4) return { value };
      return { wrong: notThis("a number from 1 to 4", value) };
    }).optional(),
    {
      type: "1 to 4",
      default: "1.4",
      meaning: "How much longer each wait is than the one before.",
      example: "factor: 1.8",
    },
  ),
  tries: documented(wholeNumber(1, 30).optional(), {
    type: "1 to 30",
    default: "12",
    meaning: "How often a request is sent again before the peer counts as lost.",
    example: "tries: 5",
  }),
});

/** The key `retry`. */
export const retrySection = section({
  first: documented(duration({ min: 100, max: day }).optional(), {
    type: "time, 100ms to 1d",
    default: "1s",
    meaning: "Wait before a lost peer is called again; it doubles with every failure.",
    example: "first: 5s",
  }),
  longest: documented(duration({ min: 100, max: day }).optional(), {
    type: "time, 100ms to 1d",
    default: "1m",
    meaning: "The longest that this wait becomes.",
    example: "longest: 10m",
  }),
});
