/** Files of keys and certificates: read within bounds, under the rights that each needs, once for all who name them. */
import { isAbsolute, join } from "node:path";
import type { Certificate } from "../credentials/certificate.ts";
import { readCertificates } from "../credentials/files/certificates.ts";
import { CredentialFileError } from "../credentials/files/file-error.ts";
import { type KeyFile, readKeyFile } from "../credentials/files/private-key.ts";
import { readPublicKeys } from "../credentials/files/public-key.ts";
import { wipe } from "../crypto/secret.ts";
import type { PublicKey } from "../crypto/signature/public-key.ts";
import { configurationLimits } from "./limits.ts";
import { readBoundedFile } from "./read-file.ts";

/** What a file came to, or why it cannot be used, as a sentence that names it. */
export type ReadCredential<T> = { readonly value: T } | { readonly wrong: string };

/** Reads the files that one configuration names. */
export class CredentialFiles {
  readonly #folder: string;
  readonly #keys = new Map<string, Promise<ReadCredential<KeyFile>>>();
  readonly #certificates = new Map<string, Promise<ReadCredential<readonly [Certificate, ...Certificate[]]>>>();
  readonly #publicKeys = new Map<string, Promise<ReadCredential<readonly PublicKey[]>>>();

  /** Relative names are in `folder`. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** A private key, in a file that its owner alone may read. */
  privateKey(name: string, passphrase?: string): Promise<ReadCredential<KeyFile>> {
    return once(this.#keys, `${passphrase === undefined ? "-" : `+${passphrase}`} ${name}`, () =>
      this.#read(name, configurationLimits.keyFileOctets, ownerAlone, async (octets) => {
        try {
          return await readKeyFile(octets, passphrase);
        } finally {
          wipe(octets);
        }
      }),
    );
  }

  /** Certificates, in a file that nobody else may change: who can add an authority can be every peer. */
  certificates(name: string): Promise<ReadCredential<readonly [Certificate, ...Certificate[]]>> {
    return once(this.#certificates, name, () =>
      this.#read(name, configurationLimits.certificateFileOctets, ownerWrites, readCertificates),
    );
  }

  /** Public keys, in a file that nobody else may change. */
  publicKeys(name: string): Promise<ReadCredential<readonly PublicKey[]>> {
    return once(this.#publicKeys, name, () =>
      this.#read(name, configurationLimits.certificateFileOctets, ownerWrites, readPublicKeys),
    );
  }

  async #read<T>(
    name: string,
    limit: number,
    rule: RightsRule,
    parse: (octets: Uint8Array) => T | Promise<T>,
  ): Promise<ReadCredential<T>> {
    const path = isAbsolute(name) ? name : join(this.#folder, name);
    const content = await readBoundedFile(path, limit);
    if ("wrong" in content) return { wrong: content.wrong };
    const wide = rule(path, content.rights);
    if (wide !== undefined) return { wrong: wide };
    try {
      return { value: await parse(content.octets) };
    } catch (error) {
      if (error instanceof CredentialFileError) return { wrong: `${path} cannot be used: ${error.message}` };
      throw error;
    }
  }
}

/** A sentence where the rights (`0644`) are too wide. */
type RightsRule = (path: string, rights: string) => string | undefined;

const ownerAlone: RightsRule = (path, rights) => {
  if ((Number.parseInt(rights, 8) & 0o077) === 0) return undefined;
  return `${path} holds a private key, so it must be readable by its owner alone (0600 or 0400, not ${rights}): chmod 600 ${path}`;
};

const ownerWrites: RightsRule = (path, rights) => {
  if ((Number.parseInt(rights, 8) & 0o022) === 0) return undefined;
  return `${path} says who is trusted, so it must be writable by its owner alone (0644, not ${rights}): chmod go-w ${path}`;
};

function once<T>(cache: Map<string, Promise<T>>, key: string, read: () => Promise<T>): Promise<T> {
  const reading = cache.get(key) ?? read();
  cache.set(key, reading);
  return reading;
}
