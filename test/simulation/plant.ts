/** Loads the simulator with a fault in the source under it: the change is made while the file is loaded. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createViteServer } from "vitest/node";
import type { PlantedFault } from "./planted-faults.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The source with the fault in it; throws where what it replaces does not stand there exactly once. */
export function planted(fault: PlantedFault, source: string): string {
  const [before, after, ...more] = source.split(fault.find);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error(`"${fault.find}" does not stand once in src/${fault.file}`);
  return before + fault.replace + after;
}

/** Runs `use` with a simulator of its own, whose engines have the fault. */
export async function withFault<T>(
  fault: PlantedFault,
  use: (simulator: typeof import("./campaign.ts")) => T,
): Promise<T> {
  const file = `${root}src/${fault.file}`;
  planted(fault, readFileSync(file, "utf8"));
  const server = await createViteServer({
    root,
    configFile: false,
    logLevel: "error",
    server: { middlewareMode: true, watch: null, hmr: false, ws: false },
    optimizeDeps: { noDiscovery: true },
    plugins: [
      {
        name: "planted-fault",
        enforce: "pre",
        transform: (code, id) => (id === file ? planted(fault, code) : undefined),
      },
    ],
  });
  try {
    return use((await server.ssrLoadModule("/test/simulation/campaign.ts")) as typeof import("./campaign.ts"));
  } finally {
    await server.close();
  }
}
