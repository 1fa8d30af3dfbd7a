/** The key `nat`. */
import { documented } from "./documentation.ts";
import { section } from "./leaf.ts";
import { duration, yesOrNo } from "./scalars.ts";

const second = 1000;

/** RFC 3948 4: 20 seconds between keepalives; RFC 4787 4.3 lets a NAT forget a mapping after 2 minutes, and many forget after 30 s. */
export const natDefaults = { keepalive: 20 * second, force: false } as const;

/** What is done about NATs on the way. */
export const natSection = section({
  keepalive: documented(duration({ min: second, max: 3600 * second, off: true }).optional(), {
    type: "time, 1s to 1h, or off",
    default: "20s",
    meaning:
      "Behind a NAT: after so long without any packet to the peer one octet is sent, so that the NAT does not forget the way back.",
    example: "keepalive: 10s",
  }),
  force: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "Send ESP inside UDP port 4500 even where no NAT is on the way: for networks that let no other protocol pass. One end is enough. AH cannot be had then.",
    example: "force: yes",
  }),
});
