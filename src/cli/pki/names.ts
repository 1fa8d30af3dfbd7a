/** Identities on the command line, as certificates hold them. */
import { parseIdentity } from "../../config/identity-text.ts";
import type { AltName } from "../../credentials/issue/extensions.ts";
import { Failure } from "../../daemon/failure.ts";
import { attributeType } from "../../negotiate/attribute-types.ts";
import { encodeName } from "../../negotiate/distinguished-name.ts";
import { parseName } from "../../negotiate/distinguished-name-text.ts";
import { idTypes } from "../../negotiate/identity.ts";

const kinds: Readonly<Record<number, AltName["kind"]>> = {
  [idTypes.fqdn]: "dns",
  [idTypes.email]: "email",
  [idTypes.ipv4]: "ip",
  [idTypes.ipv6]: "ip",
};

/** What stands in subjectAltName for identities as people write them. Throws Failure for one that is none. */
export function altNames(texts: readonly string[]): readonly AltName[] {
  return texts.map((text) => {
    const reading = parseIdentity(text);
    if ("wrong" in reading) throw new Failure(2, `${text}: ${reading.wrong}`);
    const { idType, text: canonical, pattern } = reading.value;
    const kind = kinds[idType];
    if (pattern !== undefined) throw new Failure(2, `${text} stands for many: a certificate names one host`);
    if (kind === undefined)
      throw new Failure(2, `${text} is no host name, mail address or IP address; a distinguished name is --subject`);
    return { kind, text: canonical };
  });
}

/** The name of the files for identities: the first of them. Throws Failure for one that is no name of a file. */
export function fileName([first]: readonly AltName[]): string {
  if (first === undefined || /[/\0]|^\./.test(first.text)) throw new Failure(2, `${first?.text} cannot name a file`);
  return first.text;
}

/** The octets of a subject: as given, or the first identity as its common name. Throws Failure. */
export function subjectName(given: string | undefined, first: string): Uint8Array {
  const parsed =
    given === undefined ? { name: [[{ type: attributeType.commonName, value: first }]] } : parseName(given);
  if ("wrong" in parsed) throw new Failure(2, `--subject ${given}: ${parsed.wrong}`);
  return encodeName(parsed.name);
}
