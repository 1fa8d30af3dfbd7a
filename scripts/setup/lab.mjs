import { existsSync, lstatSync } from "node:fs";
import { kernelModules, kernelVersion } from "../guest/kernel.mjs";
import { probeHost } from "../guest/probe.mjs";
import { show } from "../run.mjs";
import { asRoot, installPackages } from "./debian.mjs";

const tools = [
  "iproute2",
  "iputils-ping",
  "nftables",
  "tcpdump",
  "iperf3",
  "socat",
  "iptables",
  "kmod",
  "util-linux",
  "ike-scan",
];

/** Installs the lab's tools and, where this machine's kernel cannot do ESP, the user-mode Linux that can. */
export function lab() {
  installPackages(tools, "which the interop tests and the demo run");
  if (probeHost().able) return;
  installPackages(["user-mode-linux"], "whose kernel does ESP, which this machine's does not");
  linkModules();
}

/** depmod and modprobe look under /lib/modules only; Debian puts this kernel's modules elsewhere. */
function linkModules() {
  const version = kernelVersion();
  const link = `/lib/modules/${version}`;
  if (existsSync(`${link}/modules.dep`)) return;
  const [command, ...prefix] = [...asRoot("to make the guest kernel's modules known to modprobe"), "sh"];
  if (lstatSync(link, { throwIfNoEntry: false }) === undefined) {
    show(command, [...prefix, "-c", `mkdir -p /lib/modules && ln -s ${kernelModules(version)} ${link}`]);
  }
  show(command, [...prefix, "-c", `PATH=$PATH:/usr/sbin:/sbin depmod ${version}`]);
}
