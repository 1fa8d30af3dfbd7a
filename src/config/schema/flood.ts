/** The section `local.flood`. */
import { floodDefaults } from "../../sa/desired.ts";
import { documented } from "./documentation.ts";
import { section, wholeNumber } from "./leaf.ts";

/** What callers may cost that have not proved who they are. */
export const floodSection = section({
  "half-open": documented(wholeNumber(64, 65_536).optional(), {
    type: "64 to 65536",
    default: String(floodDefaults.halfOpen),
    meaning:
      "IKE SAs in all that others have begun and not completed; further callers get no answer. A quarter is kept for the configured peers' own addresses.",
    example: "half-open: 16384",
  }),
  "cookies-above": documented(wholeNumber(0, 65_536).optional(), {
    type: "0 to 65536",
    default: String(floodDefaults.cookiesAbove),
    meaning:
      "Half-open IKE SAs in all from which on every caller must first show, by a cookie, that it receives at its address. 0: always.",
    example: "cookies-above: 0",
  }),
  "cookies-above-by-network": documented(wholeNumber(0, 65_536).optional(), {
    type: "0 to 65536",
    default: String(floodDefaults.cookiesAboveByNetwork),
    meaning: "The same for callers of one network (an IPv4 /24, an IPv6 /56), and for one configured address.",
    example: "cookies-above-by-network: 64",
  }),
  "key-exchanges-by-network": documented(wholeNumber(1, 100_000).optional(), {
    type: "1 to 100000",
    default: String(floodDefaults.keyExchangesByNetwork),
    meaning:
      "Key exchanges a second that the callers of one network may cost while cookies are asked for, counted in those of X25519; one of 2048-bit MODP counts ten.",
    example: "key-exchanges-by-network: 50",
  }),
});
