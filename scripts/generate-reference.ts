/** Writes docs/configuration.md from the schema; a test fails when the page is stale. Run with tsx. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { defaultProposalTexts, ikev1ProposalTexts } from "../src/config/proposals.ts";
import { authSection, roundSection } from "../src/config/schema/auth.ts";
import { daemonSection } from "../src/config/schema/daemon.ts";
import { documentation } from "../src/config/schema/documentation.ts";
import { localSection } from "../src/config/schema/local.ts";
import { peerSection } from "../src/config/schema/peer.ts";
import { lockSection, protectSection } from "../src/config/schema/protect.ts";
import { weakKeywords } from "../src/config/schema/scalars.ts";
import { topSection } from "../src/config/schema/schema.ts";
import { type Transform, transforms } from "../src/crypto/transforms.ts";

/** The whole page. */
export function renderReference(): string {
  return [
    introduction,
    keysOf("Top level", topSection),
    keysOf("local", localSection),
    keysOf(
      "Entries of local.lock",
      lockSection,
      "A bare word is short for a section with that key alone: `gre` is `{ gre: }`.",
    ),
    keysOf("peers.NAME", peerSection, "`defaults` has the same keys but for `remote`, `id`, `local` and `protect`."),
    keysOf(
      "auth",
      authSection,
      "`psk` or `unauthenticated` here is for both ends, or for the one that has no section of its own.",
    ),
    keysOf("auth.local and auth.remote", roundSection),
    keysOf(
      "Lines of protect",
      protectSection,
      "Each line names one thing: an overlay or a tunnel. The other keys stand beside it and go before the peer's own.",
    ),
    keysOf("vxlan and geneve", inner(protectSection, "vxlan")),
    keysOf("lifetime", inner(peerSection, "lifetime")),
    keysOf("redirect", inner(peerSection, "redirect")),
    keysOf("retransmission", inner(peerSection, "retransmission")),
    keysOf("retry", inner(peerSection, "retry")),
    keysOf("daemon", daemonSection),
    proposals(),
    afterword,
  ].join("\n\n");
}

function keysOf(title: string, section: z.ZodObject, remark = ""): string {
  const keys = Object.entries(section.shape).map(([key, schema]) => {
    const found = schema instanceof z.ZodType ? documentation.get(schema) : undefined;
    if (found === undefined) throw new Error(`the key ${key} of ${title} has no documentation`);
    const facts = [
      `- value: ${found.type}`,
      ...(found.default === "" ? [] : [`- default: ${found.default ?? "none, it must be given"}`]),
      `- example: \`${found.example}\``,
    ];
    return [`### \`${key}\``, found.meaning, facts.join("\n")].join("\n\n");
  });
  return [`## ${title}`, ...(remark === "" ? [] : [remark]), ...keys].join("\n\n");
}

/** The section behind an optional key. */
function inner(section: z.ZodObject, key: string): z.ZodObject {
  let schema: unknown = section.shape[key];
  while (schema instanceof z.ZodOptional || schema instanceof z.ZodPipe) {
    schema = schema instanceof z.ZodOptional ? schema.unwrap() : schema.out;
  }
  if (schema instanceof z.ZodObject) return schema;
  throw new Error(`${key} is no section`);
}

function proposals(): string {
  const list = (texts: readonly string[]): string => texts.map((text) => `- \`${text}\``).join("\n");
  const types: readonly [Transform["type"], string][] = [
    ["ENCR", "encryption"],
    ["INTEG", "integrity"],
    ["PRF", "PRF"],
    ["KE", "key exchange"],
    ["ESN", "sequence numbers"],
  ];
  const words = types.map(([type, title]) => {
    const rows = transforms.filter((row) => row.type === type && row.decodeOnly === undefined);
    return `- ${title}: ${rows.map((row) => `\`${row.keyword}\``).join(" ")}`;
  });
  return `## Default proposals

IKE:

${list(defaultProposalTexts.ike)}

ESP:

${list(defaultProposalTexts.esp)}

Where the peer is called with IKEv1: for IKE

${list(ikev1ProposalTexts.ike)}

and for ESP

${list(ikev1ProposalTexts.esp)}

AEAD ciphers and the others need a proposal each. Extended sequence numbers are offered first and plain ones beside them: at ten gigabit per second of small packets 2^32 of them pass in five minutes.

### Keywords

${words.join("\n")}

A proposal for IKE has encryption, a key exchange, and integrity or (for an AEAD cipher) a PRF; integrity implies the PRF of the same hash. One for ESP has encryption, and integrity unless the cipher is an AEAD one. One for AH has integrity.

These run only where the peer's \`weak\` names them: ${weakKeywords.map((word) => `\`${word}\``).join(", ")}.`;
}

const introduction = `# Configuration

<!-- Made by scripts/generate-reference.ts from the schema: change it there. -->

One YAML file, and the files it includes. \`underlock check --config FILE\` says everything that is wrong with it at once, each with file, line, column, key, and what to do. [examples/](../examples) has files that run as they stand.

\`\`\`yaml
local:
  id: gw-a.example
  address: 192.0.2.1
peers:
  site-b:
    remote: 192.0.2.2
    id: gw-b.example
    auth: { psk: file:site-b.psk }
    protect:
      - tunnel: 10.1.0.0/16 <-> 10.2.0.0/16
      - gre # transport mode, IP protocol 47
      - vxlan: { port: 4789 } # both directions, one line
\`\`\`

The same file mirrored works at the other end.`;

const afterword = `## What happens to a file with errors

- **An error in one peer** leaves that peer out and no other. What its \`remote\` and \`protect\` say, as far as they can be understood, is locked: that traffic is dropped, not sent in clear.
- **A DNS name that does not resolve** is an error of its peer alone, and is tried again. Until then its overlay lines cannot be locked one by one, since the peer's address is not known; \`local.lock\` locks an overlay whoever the other end is. Its tunnels are locked.
- **An error outside \`peers\`**, in \`local\`, \`defaults\`, \`daemon\` or in the YAML itself, is fatal: nothing starts from the file, and nothing changes in the kernel.
- **On reload**, one error is enough: the file is refused and everything goes on as it runs.
- **An included file that cannot be read** is an error, and the peers of the other files run.
- **Two peers that cannot be told apart**, or that protect the same selector, are an error of the later one, which names the earlier one's place. The kernel has one policy for one selector.
- **Warnings** change nothing: a short key, a weak algorithm that is allowed, a pattern that matches no file.

## YAML

The file is YAML 1.2: \`yes\`, \`no\`, \`on\` and \`off\` are plain text, and keys here that want yes or no take all of them. Text that looks like a number goes in quotes. Numbers with a leading zero, tabs in the indentation, the same key twice, tags (\`!name\`) and merge keys (\`<<\`) are errors. Anchors and aliases may be used, and repeat at most 10,000 values. A file has at most 4 MiB.

## Identities

\`192.0.2.1\` and \`2001:db8::1\` are addresses, \`gw-a.example\` a host name, \`admin@gw-a.example\` a mail address, \`keyid:6d79206b6579\` octets. \`fqdn:\` and \`email:\` before a text say what it is. Nothing is looked up. Case does not count in host names and mail addresses.
`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL("../docs/configuration.md", import.meta.url), renderReference());
}
