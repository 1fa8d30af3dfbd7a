import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadCrashSecret } from "../../../src/daemon/crash-secret.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "underlock-crash-"));
});
afterEach(async () => await rm(folder, { recursive: true }));

const random = (length: number) => Buffer.alloc(length, 0x42);

test("it is made once, for its owner alone, and is the same from then on", async () => {
  const path = join(folder, "state", "crash.secret");
  expect(await loadCrashSecret(path, random)).toEqual({ secret: random(32) });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(folder, "state"))).mode & 0o777).toBe(0o700);
  const again = await loadCrashSecret(path, () => Buffer.alloc(32, 1));
  expect(again).toEqual({ secret: Uint8Array.from(random(32)) });
  expect(await readFile(path)).toEqual(random(32));
});

test.each([
  ["others may read it", async (path: string) => await chmod(path, 0o640), "chmod 600"],
  ["it is too short", async (path: string) => await writeFile(path, "short"), "32 octets"],
])("where %s there is none", async (_, spoil, words) => {
  const path = join(folder, "crash.secret");
  await loadCrashSecret(path, random);
  await spoil(path);
  expect(await loadCrashSecret(path, random)).toEqual({ wrong: expect.stringContaining(words) });
});

test("a link is not followed, and a folder that is none is said", async () => {
  await writeFile(join(folder, "other"), random(32), { mode: 0o600 });
  await symlink(join(folder, "other"), join(folder, "crash.secret"));
  expect(await loadCrashSecret(join(folder, "crash.secret"), random)).toEqual({
    wrong: expect.stringContaining("ELOOP"),
  });
  expect(await loadCrashSecret(join(folder, "other", "crash.secret"), random)).toEqual({
    wrong: expect.stringContaining("ENOTDIR"),
  });
});
