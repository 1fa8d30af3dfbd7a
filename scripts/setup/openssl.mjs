import { installPackages } from "./debian.mjs";

/** Installs openssl's command line: unit tests make certificates with it, and compare their verdicts with its own. */
export function openssl() {
  installPackages(["openssl"], "which unit tests make certificates with");
}
