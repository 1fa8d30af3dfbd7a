import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Sorry, show } from "../run.mjs";
import { aptProxy, asRoot, debianMirror, installPackages } from "./debian.mjs";

/** In such a folder: what was put into it. */
const packageList = "underlock-packages";

/**
 * Puts the smallest Debian of a suite that carries these packages into a folder, unless it is there already. `finish` is
 * shell that is run in it as root before it gets its name. Nothing is installed on the machine itself.
 */
export function debianFolder(target, { suite, packages, purpose, finish = "true" }) {
  if (isMade(target, packages)) return;
  mkdirSync(dirname(target), { recursive: true });
  installPackages(["debootstrap"], purpose);
  const [command, ...prefix] = [...asRoot(`to make ${target}`), "env"];
  const proxy = Object.entries(aptProxy()).map(([key, value]) => `${key}=${value}`);
  const half = `${target}.new-${process.pid}`;
  const options = ["--variant=minbase", `--include=${packages.join(",")}`];
  // The folder gets its name only when it is whole, so that one that was broken off is never taken for it.
  const script = `PATH=$PATH:/usr/sbin:/sbin; half='${half}'; target='${target}'
recipe=/usr/share/debootstrap/scripts/${suite}; test -e $recipe || recipe=/usr/share/debootstrap/scripts/sid
debootstrap ${options.join(" ")} ${suite} "$half" ${debianMirror()} $recipe >"$half.log" 2>&1 || {
  tail -5 "$half.log" >&2; rm -rf "$half" "$half.log"; exit 1
}
printf '%s' '${packages.join("\n")}' >"$half/${packageList}"
cd "$half" && rm -rf var/cache/apt/archives var/lib/apt/lists usr/share/doc usr/share/man usr/share/locale "$half.log"
{ ${finish}; } || { rm -rf "$half"; exit 1; }
test ! -e "$target" || mv -T "$target" "$half.old"
mv -T "$half" "$target" || { rm -rf "$half"; test -d "$target"; }
rm -rf "$half.old"`;
  try {
    show(command, [...prefix, ...proxy, "sh", "-c", script]);
  } catch (error) {
    throw new Sorry(`${error.message}; Debian ${suite} could not be put into ${target}: is the network there?`);
  }
}

/** Folders from before the list was kept have what was needed then. */
function isMade(target, packages) {
  if (!existsSync(target)) return false;
  const list = join(target, packageList);
  if (existsSync(list)) return readFileSync(list, "utf8") === packages.join("\n");
  return packages.every((name) => existsSync(join(target, "var/lib/dpkg/info", `${name}.list`)));
}
