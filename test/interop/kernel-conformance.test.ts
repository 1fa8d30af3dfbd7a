import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { linuxBed } from "../conformance/kernel/linux/linux-bed.ts";
import { kernelConformance } from "../conformance/kernel/suite.ts";

let bed: Awaited<ReturnType<typeof linuxBed>> | undefined;

beforeAll(async () => {
  bed = await linuxBed(mkdtempSync(join(tmpdir(), "kernel-conformance-")));
}, 60_000);

afterAll(async () => {
  await bed?.destroy();
});

kernelConformance("Linux", () => {
  if (bed === undefined) throw new Error("the bed was not made");
  return bed;
});
