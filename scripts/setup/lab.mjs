import { installPackages } from "./debian.mjs";
import { releaseKernel } from "./guest-kernel.mjs";

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
  releaseKernel();
}
