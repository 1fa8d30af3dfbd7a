import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cache } from "../paths.mjs";
import { Sorry, show } from "../run.mjs";
import { aptProxy, asRoot, debianMirror, installPackages } from "./debian.mjs";

const strongswanPackages = [
  "strongswan-charon",
  "strongswan-swanctl",
  "libstrongswan-standard-plugins",
  "libstrongswan-extra-plugins",
  "libcharon-extra-plugins",
  // XAuth with names and passwords.
  "libcharon-extauth-plugins",
];

/** Peers that need not be the host's own release, each the smallest Debian that carries it, in a folder to chroot into. */
const peerFolders = [
  { name: "strongswan-5.9.8", suite: "bookworm", packages: strongswanPackages },
  { name: "strongswan-6.0.1", suite: "trixie", packages: strongswanPackages },
  // It depends on "host", a name that others provide, and debootstrap resolves none such.
  { name: "libreswan-5.2", suite: "trixie", packages: ["libreswan", "bind9-host"] },
  { name: "openiked-7.4", suite: "trixie", packages: ["openiked"] },
];

/** Makes the peers' folders that are not there yet, or hold other packages. Nothing of a peer is installed on the machine itself. */
export function peers() {
  const folder = join(cache, "peers");
  mkdirSync(folder, { recursive: true });
  for (const { name, suite, packages } of peerFolders) {
    if (!isMade(join(folder, name), packages)) make(join(folder, name), suite, packages);
  }
}

/** Folders from before the list was kept have what was needed then. */
function isMade(target, packages) {
  if (!existsSync(target)) return false;
  const list = join(target, packageList);
  if (existsSync(list)) return readFileSync(list, "utf8") === packages.join("\n");
  return packages.every((name) => existsSync(join(target, "var/lib/dpkg/info", `${name}.list`)));
}

/** In a peer's folder: what was put into it. */
const packageList = "underlock-packages";

function make(target, suite, packages) {
  installPackages(["debootstrap"], "which puts the peers of the interop tests into folders");
  const [command, ...prefix] = [...asRoot("to make the peers' folders"), "env"];
  const proxy = Object.entries(aptProxy()).map(([key, value]) => `${key}=${value}`);
  const half = `${target}.new-${process.pid}`;
  // netbase has the names of protocols and services: without them a selector cannot say "gre".
  const options = ["--variant=minbase", `--include=${["netbase", ...packages].join(",")}`];
  // The folder gets its name only when it is whole, so that one that was broken off is never taken for a peer.
  const script = `PATH=$PATH:/usr/sbin:/sbin; half='${half}'; target='${target}'
debootstrap ${options.join(" ")} ${suite} "$half" ${debianMirror()} >"$half.log" 2>&1 || {
  tail -5 "$half.log" >&2; rm -rf "$half" "$half.log"; exit 1
}
printf '%s' '${packages.join("\n")}' >"$half/${packageList}"
cd "$half" && rm -rf var/cache/apt/archives var/lib/apt/lists usr/share/doc usr/share/man usr/share/locale "$half.log"
test ! -e "$target" || mv -T "$target" "$half.old"
mv -T "$half" "$target" || { rm -rf "$half"; test -d "$target"; }
rm -rf "$half.old"`;
  try {
    show(command, [...prefix, ...proxy, "sh", "-c", script]);
  } catch (error) {
    throw new Sorry(`${error.message}; Debian ${suite} could not be put into ${target}: is the network there?`);
  }
}
