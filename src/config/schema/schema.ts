/** Every key of the configuration, typed and documented once: loading and the reference page both read this. */
import { z } from "zod";
import { daemonSection } from "./daemon.ts";
import { documented } from "./documentation.ts";
import { leaf, notThis, oneOrMany, section } from "./leaf.ts";
import { localSection } from "./local.ts";
import { defaultsSection, peerSection } from "./peer.ts";

/** The main file. */
export const topSection = section({
  local: documented(localSection.optional(), {
    type: "section",
    default: "none",
    meaning: "This gateway. Whatever is wrong here keeps the daemon from starting.",
    example: "local: { id: gw-a.example, address: 192.0.2.1 }",
  }),
  peers: documented(z.record(z.string(), peerSection).optional(), {
    type: "section; its keys are the peers' names",
    default: "none",
    meaning:
      "The other gateways. A name is letters, digits, `.`, `_` and `-`, at most 64, and starts with a letter or digit. A peer that is wrong is left out, the others run.",
    example: "peers: { site-b: { remote: 192.0.2.2, auth: { psk: file:site-b.psk }, protect: gre } }",
  }),
  defaults: documented(defaultsSection.optional(), {
    type: "section",
    default: "none",
    meaning:
      "Keys that every peer takes over unless it gives them itself; a section such as `lifetime` is taken over whole. Whatever is wrong here keeps the daemon from starting.",
    example: "defaults: { liveness: 10s }",
  }),
  include: documented(
    oneOrMany(
      leaf<string>((value) => {
        if (typeof value === "string" && value.trim() !== "" && !value.includes("\0")) return { value };
        return { wrong: notThis("a file, a folder, or a pattern such as peers/*.yaml", value) };
      }),
      "name",
    ).optional(),
    {
      type: "name or list of names",
      default: "none",
      meaning:
        "Further files, each with a `peers` section and nothing else: a file, a folder (its `*.yaml` and `*.yml`), or a pattern with `*` and `?` in its last part. Relative to the folder of this file; read in the order of their names.",
      example: "include: peers.d",
    },
  ),
  daemon: documented(daemonSection.optional(), {
    type: "section",
    default: "none",
    meaning: "The process itself.",
    example: "daemon: { log-level: debug }",
  }),
});

/** An included file. */
export const includedSection = section({ peers: topSection.shape.peers });
