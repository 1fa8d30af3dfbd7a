/** The keys of `auth`: how the two ends prove who they are. */
import { documented } from "./documentation.ts";
import { oneOrMany, section } from "./leaf.ts";
import { identity, yesOrNo } from "./scalars.ts";
import { secret } from "./secret.ts";

const credentialShape = {
  psk: documented(secret.optional(), {
    type: "`file:NAME`, `hex:…`, `base64:…` or text",
    meaning:
      "The pre-shared key: any octets. A file's name is relative to the folder of the configuration file, the file must be readable by its owner alone (`chmod 600`), and one line break at its end does not count. Text in the configuration itself is taken as UTF-8; then the configuration file must be readable by its owner alone.",
    example: "psk: file:site-b.psk",
  }),
  unauthenticated: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "Nothing is proved (NULL authentication, RFC 7619): traffic is encrypted, but whoever stands between the two hosts can read and change it. Never in `defaults`. A caller that proves nothing gets host-to-host lines only, and never what a line of another peer protects.",
    example: "unauthenticated: yes",
  }),
};

export const roundSection = section({
  ...credentialShape,
  id: documented(identity.optional(), {
    type: "identity",
    default: "`local-id`; any that has the credential",
    meaning: "Who proves itself in this round. The first round is that of `local-id` or `id` of the peer.",
    example: "id: admin@example.com",
  }),
});

/** Further rounds cost a message pair each; a peer that asks for more has something else in mind. */
const mostRounds = 8;

export const authSection = section({
  ...credentialShape,
  local: documented(oneOrMany(roundSection, "round", mostRounds).optional(), {
    type: "section or list of sections",
    default: "what stands in `auth` itself",
    meaning:
      "What we prove ourselves with, where that is not what the peer does: a section with `psk` or `unauthenticated`. A list is several rounds (RFC 4739), all of which must succeed; from the second on, `id` says who.",
    example: "local: [{ psk: file:gateway.psk }, { psk: file:admin.psk, id: admin@example.com }]",
  }),
  remote: documented(oneOrMany(roundSection, "round", mostRounds).optional(), {
    type: "section or list of sections",
    default: "what stands in `auth` itself",
    meaning: "What the peer must prove itself with, in the same words as `local`.",
    example: "remote: { unauthenticated: yes }",
  }),
});
