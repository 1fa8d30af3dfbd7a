import { join } from "node:path";
import { cache } from "../paths.mjs";
import { debianFolder } from "./debian-folder.mjs";

const strongswanPackages = [
  "strongswan-charon",
  "strongswan-swanctl",
  "libstrongswan-standard-plugins",
  "libstrongswan-extra-plugins",
  "libcharon-extra-plugins",
  // XAuth with names and passwords.
  "libcharon-extauth-plugins",
];

/** Peers that need not be the host's own release, each in a folder to chroot into. */
const peerFolders = [
  { name: "strongswan-5.9.8", suite: "bookworm", packages: strongswanPackages },
  { name: "strongswan-6.0.1", suite: "trixie", packages: strongswanPackages },
  // It depends on "host", a name that others provide, and debootstrap resolves none such.
  { name: "libreswan-5.2", suite: "trixie", packages: ["libreswan", "bind9-host"] },
  { name: "openiked-7.4", suite: "trixie", packages: ["openiked"] },
];

/** Makes the peers' folders that are not there yet, or hold other packages. */
export function peers() {
  const purpose = "which puts the peers of the interop tests into folders";
  for (const { name, suite, packages } of peerFolders) {
    // netbase has the names of protocols and services: without them a selector cannot say "gre".
    debianFolder(join(cache, "peers", name), { suite, packages: ["netbase", ...packages], purpose });
  }
}
