/** Pre-shared keys: from the file's words to octets, under the rights that a secret needs. */
import { isAbsolute, join } from "node:path";
import type { SecretDesired } from "../sa/desired.ts";
import { configurationLimits } from "./limits.ts";
import { quote } from "./problem.ts";
import { type FileContent, readBoundedFile } from "./read-file.ts";
import type { SecretText } from "./schema/secret.ts";

/** The configuration file that a secret is written in. */
export interface SecretOrigin {
  readonly folder: string;
  readonly file: string;
  /** Somebody but the owner may read that file. */
  readonly exposed: boolean;
  readonly rights: string;
}

export type ReadSecret =
  | { readonly secret: SecretDesired; readonly warnings: readonly string[] }
  | { readonly wrong: string };

/** Reads secrets; each file once, though many peers may share it. */
export class SecretReader {
  readonly #files = new Map<string, Promise<FileContent>>();

  async read(text: SecretText, origin: SecretOrigin, path: string): Promise<ReadSecret> {
    if (text.kind === "file") return this.#readFile(text.name, origin);
    if (origin.exposed) {
      return {
        wrong: `holds a key, so ${origin.file} must be readable by its owner alone (0600, not ${origin.rights}): chmod 600 ${origin.file}, or write file:NAME`,
      };
    }
    const warnings = [...(text.hint === undefined ? [] : [text.hint]), ...tooShort(text.octets)];
    return { secret: { name: `inline (${path})`, octets: text.octets }, warnings };
  }

  async #readFile(name: string, origin: SecretOrigin): Promise<ReadSecret> {
    const path = isAbsolute(name) ? name : join(origin.folder, name);
    const reading = this.#files.get(path) ?? readBoundedFile(path, configurationLimits.secretOctets);
    this.#files.set(path, reading);
    const content = await reading;
    if ("wrong" in content) return { wrong: `the key's file cannot be used: ${content.wrong}` };
    if (content.exposed) {
      return {
        wrong: `the key's file ${path} must be readable by its owner alone (0600 or 0400, not ${content.rights}): chmod 600 ${path}`,
      };
    }
    const octets = withoutLineBreak(content.octets);
    if (octets.length === 0) return { wrong: `the key's file ${path} is empty` };
    return { secret: { name: `file:${name}`, octets }, warnings: tooShort(octets) };
  }
}

/** One line break at the end is the editor's, not the key's. */
function withoutLineBreak(octets: Uint8Array): Uint8Array {
  if (octets.at(-1) !== 0x0a) return octets;
  return octets.subarray(0, octets.at(-2) === 0x0d ? -2 : -1);
}

function tooShort(octets: Uint8Array): string[] {
  if (octets.length >= wellGuarded) return [];
  const plural = octets.length === 1 ? "octet" : "octets";
  return [
    `the key has ${octets.length} ${plural}; whoever records one handshake can try short keys at leisure. Give ${wellGuarded} random octets or more: ${quote("openssl rand -base64 32")} makes a good one`,
  ];
}

/** RFC 7296 2.15: as much unpredictability as the strongest key that is negotiated; 128 bits are the least offered by default. */
const wellGuarded = 16;
