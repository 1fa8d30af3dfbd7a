import { constants } from "node:fs";
import { open } from "node:fs/promises";

export type FileContent =
  | {
      readonly octets: Uint8Array;
      /** Somebody but the owner may read or write it. */
      readonly exposed: boolean;
      /** Rights as `0644`. */
      readonly rights: string;
    }
  | { readonly wrong: string };

/** Reads a regular file of at most `limit` octets; says in words why it cannot. */
export async function readBoundedFile(path: string, limit: number): Promise<FileContent> {
  try {
    // Without O_NONBLOCK a FIFO would hold the open until somebody writes.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return { wrong: `${path} is not a regular file` };
      if (stat.size > limit) return { wrong: `${path} has ${stat.size} octets, and at most ${limit} are read` };
      // One octet more than the file has: if that comes too, it grew meanwhile.
      const octets = new Uint8Array(stat.size + 1);
      let length = 0;
      while (length < octets.length) {
        const { bytesRead } = await file.read(octets, length, octets.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length === octets.length) return { wrong: `${path} changed while it was read` };
      const rights = (stat.mode & 0o7777).toString(8).padStart(4, "0");
      return { octets: octets.subarray(0, length), exposed: (stat.mode & 0o077) !== 0, rights };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { wrong: fileError(path, error) };
  }
}

/** `conf.d does not exist`, from whatever the system threw. */
export function fileError(path: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
  return `${path} ${fileErrors[code] ?? `cannot be read (${code})`}`;
}

const fileErrors: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  EACCES: "may not be read by this user: run as root",
  EPERM: "may not be read by this user: run as root",
  EISDIR: "is a folder",
  ENOTDIR: "is inside something that is no folder",
  ELOOP: "is a link that leads to itself",
  ENXIO: "is not a regular file",
  ENAMETOOLONG: "is too long a name",
};
