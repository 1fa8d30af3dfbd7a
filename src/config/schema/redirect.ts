/** The keys of `redirect`: being sent to another gateway, and sending others (RFC 5685). */
import type { Gateway } from "../../sa/desired.ts";
import { quote } from "../problem.ts";
import { documented } from "./documentation.ts";
import { type Reading, section, textLeaf } from "./leaf.ts";
import { duration, readRemote, yesOrNo } from "./scalars.ts";

const second = 1000;

/** What `redirect` comes to where the file says nothing. `grace` in ms. */
export const redirectDefaults = { follow: true, grace: 60 * second } as const;

export const redirectSection = section({
  follow: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "yes",
    meaning:
      "Whether the peer may send us to another of the addresses in `remote`: at the start, after it has proved who it is, or while the tunnel stands; then the new one stands before the old one goes. Nowhere else, and at most 5 times in 5 minutes.",
    example: "follow: no",
  }),
  to: documented(
    textLeaf("an IP address or a DNS name", (text): Reading<Gateway> => {
      const remote = readRemote(text);
      if ("wrong" in remote) return remote;
      if (remote.value.kind === "any") return { wrong: `is one gateway, not ${quote(text)}` };
      return { value: remote.value };
    }).optional(),
    {
      type: "address or DNS name",
      default: "none",
      meaning:
        "Where callers of this peer are sent, if they can be: another gateway that serves them. `underlock redirect` does the same without the file.",
      example: "to: 192.0.2.9",
    },
  ),
  grace: documented(duration({ min: second, max: 86_400 * second }).optional(), {
    type: "time, 1s to 1d",
    default: "1m",
    meaning:
      "How long a caller that was sent away has to bring up its tunnel elsewhere; then what is left here is closed.",
    example: "grace: 5m",
  }),
});
