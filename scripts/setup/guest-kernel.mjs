import { existsSync, lstatSync } from "node:fs";
import { guestKernel, newerKernelFolder, newerSuite } from "../guest/kernel.mjs";
import { probeHost } from "../guest/probe.mjs";
import { Sorry, show } from "../run.mjs";
import { asRoot, installPackages } from "./debian.mjs";
import { debianFolder } from "./debian-folder.mjs";

const purpose = "whose kernel does ESP, which this machine's does not";

/** The user-mode Linux of this machine's release, where its own kernel cannot do ESP. */
export function releaseKernel() {
  if (probeHost().able) return;
  installPackages(["user-mode-linux"], purpose);
  knowModules("release");
}

/** A newer one beside it, with the C library that it wants. Without it all is done with the other, only slower. */
export function newerKernel() {
  if (probeHost().able) return;
  installPackages(["patchelf"], "which has the newer kernel find its own C library");
  const library = `${newerKernelFolder}/usr/lib/x86_64-linux-gnu`;
  try {
    debianFolder(newerKernelFolder, {
      suite: newerSuite,
      packages: ["user-mode-linux"],
      purpose,
      finish: `patchelf --set-interpreter ${library}/ld-linux-x86-64.so.2 --set-rpath ${library} usr/bin/linux.uml`,
    });
    knowModules("newer");
  } catch (error) {
    if (!(error instanceof Sorry)) throw error;
    console.error(`${error.message}\nthe lab goes on with the kernel of this machine's release, which is slower`);
  }
}

/** depmod and modprobe look under /lib/modules only; these kernels' modules are elsewhere. */
function knowModules(name) {
  const { version, modules } = guestKernel(name);
  const link = `/lib/modules/${version}`;
  if (existsSync(`${link}/modules.dep`)) return;
  const [command, ...prefix] = [...asRoot("to make the guest kernel's modules known to modprobe"), "sh"];
  const there = lstatSync(link, { throwIfNoEntry: false });
  // A link may lead to a folder that is no longer there.
  if (there === undefined || (there.isSymbolicLink() && !existsSync(link))) {
    show(command, [...prefix, "-c", `mkdir -p /lib/modules && ln -sfn ${modules} ${link}`]);
  }
  show(command, [...prefix, "-c", `PATH=$PATH:/usr/sbin:/sbin depmod ${version}`]);
}
