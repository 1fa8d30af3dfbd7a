/**
 * The secret of quick crash detection (RFC 6290 5.1), in a file of its own: it must outlive the process. No key of an IKE SA
 * comes of it, nor it of one; who has it can end IKE SAs at our peers, and nothing else.
 */
import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { crashSecretLength } from "../ikev2/crash-token.ts";

export const defaultCrashSecretPath = "/var/lib/underlock/crash.secret";

/** The secret, or why there is none, in words. */
export type CrashSecret = { readonly secret: Uint8Array } | { readonly wrong: string };

/** Reads the file, which is made where there is none. */
export async function loadCrashSecret(path: string, random: (length: number) => Uint8Array): Promise<CrashSecret> {
  try {
    return await read(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") return { wrong: `${path} cannot be read: ${codeOf(error)}` };
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return { secret: await create(path, random(crashSecretLength)) };
  } catch (error) {
    // Another process was quicker.
    if (codeOf(error) === "EEXIST") return await read(path);
    return { wrong: `${path} cannot be made: ${codeOf(error)}` };
  }
}

async function read(path: string): Promise<CrashSecret> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const status = await file.stat();
    if (!status.isFile()) return { wrong: `${path} is no file` };
    if ((status.mode & 0o077) !== 0) return { wrong: `${path} may be read by others than its owner: chmod 600` };
    if (status.size !== crashSecretLength) return { wrong: `${path} has not ${crashSecretLength} octets: remove it` };
    return { secret: Uint8Array.from(await file.readFile()) };
  } finally {
    await file.close();
  }
}

async function create(path: string, secret: Uint8Array): Promise<Uint8Array> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await file.writeFile(secret);
    // A token that the peer has and we cannot make again is worth nothing.
    await file.sync();
  } finally {
    await file.close();
  }
  return secret;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}
