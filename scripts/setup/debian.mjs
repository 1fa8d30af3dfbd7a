import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { capture, Sorry, show } from "../run.mjs";

let updated = false;

/** Installs the Debian packages that are not there yet; `why` ends the sentence that is printed when that cannot be done. */
export function installPackages(names, why) {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  if (capture("apt-get", ["--version"]).status !== 0) {
    throw new Sorry(`${missing.join(", ")} missing, ${why}; this machine has no apt-get, so install them by hand`);
  }
  const apt = [
    ...asRoot(`to install ${missing.join(" ")} (${why})`),
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
  ];
  const [command, ...prefix] = apt;
  if (!updated) {
    // One dead third-party source must not stop us: what matters is whether the packages are found.
    const update = capture(command, [...prefix, "update", "-q"]);
    if (update.status !== 0) console.error(`apt-get update: ${update.stderr.trim()}`);
    updated = true;
  }
  try {
    show(command, [...prefix, "install", "-y", "-q", "--no-install-recommends", ...missing]);
  } catch {
    throw new Sorry(`apt-get could not install ${missing.join(", ")}, ${why}; is the network there?`);
  }
}

/** The words to put before a command that needs root: none when we are root, sudo when it asks no password. */
export function asRoot(purpose) {
  if (process.getuid?.() === 0) return [];
  if (capture("sudo", ["-n", "true"]).status === 0) return ["sudo", "-n"];
  throw new Sorry(`root is needed ${purpose}: run \`sudo node scripts/setup.mjs\` once`);
}

/** The address of the Debian mirror this machine itself uses, from its apt sources. */
export function debianMirror() {
  const release = readFileSync("/etc/os-release", "utf8");
  const codename = /^VERSION_CODENAME="?([a-z]+)/m.exec(release)?.[1];
  const suites = new Set([codename, "oldstable", "stable", "testing", "unstable", "sid"]);
  const mirror = aptSources().find(
    (source) => source.suites.some((suite) => suites.has(suite)) && source.components.includes("main"),
  );
  if (!/^ID=debian$/m.test(release) || mirror === undefined) {
    throw new Sorry("no Debian mirror stands in this machine's apt sources; the peers come from Debian's archive");
  }
  return mirror.uri;
}

/** Environment that makes wget go through the proxy apt is told to use. */
export function aptProxy() {
  const proxy = /"(.*)"/.exec(capture("apt-config", ["dump", "Acquire::http::Proxy"]).stdout)?.[1];
  return proxy ? { http_proxy: proxy } : {};
}

function isInstalled(name) {
  return / installed$/m.test(capture("dpkg-query", ["-s", name]).stdout);
}

function aptSources() {
  const folder = "/etc/apt/sources.list.d";
  const files = [...readdirSync(folder).map((name) => join(folder, name)), "/etc/apt/sources.list"];
  const sources = files.flatMap((file) => {
    const text = readOrEmpty(file).replace(/^\s*#.*\n/gm, "");
    return file.endsWith(".sources") ? deb822(text) : oneLine(text);
  });
  return sources.filter(({ uri }) => /^https?:/.test(uri));
}

function deb822(text) {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const field = (name) => words(new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, "im").exec(stanza)?.[1]);
    if (!field("Types").includes("deb") || /^Enabled:\s*no/im.test(stanza)) return [];
    return field("URIs").map((uri) => ({ uri, suites: field("Suites"), components: field("Components") }));
  });
}

function oneLine(text) {
  return [...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)$/gm)].map(([, uri, suite, components]) => ({
    uri,
    suites: [suite],
    components: words(components),
  }));
}

function words(text = "") {
  return text.split(/\s+/).filter((word) => word !== "");
}

function readOrEmpty(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
