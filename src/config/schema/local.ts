/** The section `local`: this gateway. */
import { documented } from "./documentation.ts";
import { floodSection } from "./flood.ts";
import { oneOrMany, section } from "./leaf.ts";
import { lockEntry } from "./protect.ts";
import { hostAddress, identity, yesOrNo } from "./scalars.ts";

/** The section `local`. */
export const localSection = section({
  id: documented(identity.optional(), {
    type: "identity",
    default: "our address towards the peer",
    meaning:
      "Who we are: an IP address, a host name, a mail address, a distinguished name (`CN=gw-a, O=Example`), or `keyid:` with hexadecimal digits.",
    example: "id: gw-a.example",
  }),
  address: documented(oneOrMany(hostAddress, "address").optional(), {
    type: "address or list of addresses",
    default: "what the host's routes give",
    meaning: "Our addresses. The first of a peer's family is used towards it.",
    example: "address: [192.0.2.1, 2001:db8::1]",
  }),
  "hold-packets": documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "Have the kernel hold the packets that ask for an SA with `start: on-demand`, and send them once it stands, instead of dropping them. Sets `net.core.xfrm_larval_drop` to 0 for the whole host, which stays so; with no, that setting is left as it is.",
    example: "hold-packets: yes",
  }),
  lock: documented(oneOrMany(lockEntry, "overlay").optional(), {
    type: "overlay or list of overlays",
    default: "none",
    meaning:
      "Overlays that must not leave or enter this host in clear whoever the other end is: multicast groups and hosts that no peer names too.",
    example: "lock: [gre, vxlan: { port: 8472 }]",
  }),
  flood: documented(floodSection.optional(), {
    type: "section",
    default: "bounds that a gateway with thousands of peers can live with",
    meaning: "What callers may cost that have not proved who they are.",
    example: "flood: { half-open: 16384, cookies-above: 0 }",
  }),
});
