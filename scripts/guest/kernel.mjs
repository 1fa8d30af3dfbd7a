import { capture, Sorry } from "../run.mjs";

/** Debian's user-mode Linux: a real kernel that runs as a process. */
export const kernel = "/usr/bin/linux.uml";

/** The release of the guest's kernel, as in the name of its folder of modules. */
export function kernelVersion() {
  const { status, stdout } = capture(kernel, ["--version"]);
  if (status !== 0) throw new Sorry(`${kernel} does not run: do \`node scripts/setup.mjs lab\` first`);
  return stdout.trim();
}

/** Where Debian's package puts the modules of that kernel. */
export function kernelModules(version) {
  return `/usr/lib/uml/modules/${version}`;
}
