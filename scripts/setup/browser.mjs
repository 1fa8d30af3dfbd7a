import { installPackages } from "./debian.mjs";

/** Installs the browser in which a test looks at the ladder's page. */
export function browser() {
  installPackages(["chromium"], "in which a test looks at what `decode --html` writes");
}
