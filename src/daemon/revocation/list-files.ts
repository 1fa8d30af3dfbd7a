/** Lists kept on disk over restarts. Their signatures are verified whenever one is used, so that who writes there gains nothing. */
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readBoundedFile } from "../../config/read-file.ts";
import { longestList } from "../../credentials/revocation/revocation-list.ts";
import { hash } from "../../crypto/hash.ts";

/** Where they are unless told otherwise. */
export const defaultListFolder = "/var/lib/underlock/lists";

/** More authorities than one gateway meets. */
const mostFiles = 256;

export interface ListFiles {
  read(url: string): Promise<Uint8Array | undefined>;
  write(url: string, der: Uint8Array): Promise<void>;
}

/** A folder of files by the hash of their URL. What cannot be read or written is as if it were not there. */
export function listFiles(folder: string): ListFiles {
  const pathOf = (url: string): string => join(folder, `${hash("sha256", Buffer.from(url)).toString("hex")}.crl`);
  return {
    async read(url) {
      const content = await readBoundedFile(pathOf(url), longestList);
      return "wrong" in content ? undefined : content.octets;
    },
    async write(url, der) {
      const path = pathOf(url);
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const files = await readdir(folder);
        if (files.length >= mostFiles) await rm(join(folder, files[0] ?? ""), { force: true });
        await writeFile(`${path}.new`, der, { mode: 0o600 });
        await rename(`${path}.new`, path);
      } catch {
        // It is fetched again after a restart.
      }
    },
  };
}
