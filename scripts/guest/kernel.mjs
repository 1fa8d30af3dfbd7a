import { existsSync } from "node:fs";
import { join } from "node:path";
import { cache } from "../paths.mjs";
import { capture, Sorry } from "../run.mjs";

/** The suite whose kernel is the newer one; it is several times as fast, since its processes are not traced. */
export const newerSuite = "forky";

/** Where the newer kernel is, or is to be. */
export const newerKernelFolder = join(cache, `kernel-${newerSuite}`);

/**
 * Debian's user-mode Linux, a real kernel that runs as a process: that of this machine's release, and a newer one. The
 * newer one has no NAT (the package leaves it out).
 */
const kernels = {
  release: { linux: "/usr/bin/linux.uml", modules: "/usr/lib/uml/modules", step: "lab" },
  newer: {
    linux: join(newerKernelFolder, "usr/bin/linux.uml"),
    modules: join(newerKernelFolder, "usr/lib/uml/modules"),
    step: "kernel",
  },
};

/** The kernel of that name, or the one to take where none is said: `{ linux, modules, version }`. Throws Sorry. */
export function guestKernel(
  name = process.env.UNDERLOCK_LAB_KERNEL ?? (existsSync(kernels.newer.linux) ? "newer" : "release"),
) {
  const kernel = kernels[name];
  if (kernel === undefined)
    throw new Sorry(`no kernel is called "${name}"; there are ${Object.keys(kernels).join(", ")}`);
  const { status, stdout } = capture(kernel.linux, ["--version"]);
  if (status !== 0) throw new Sorry(`${kernel.linux} does not run: do \`node scripts/setup.mjs ${kernel.step}\` first`);
  const version = stdout.trim();
  return { linux: kernel.linux, modules: join(kernel.modules, version), version };
}
