/** Stories kept as data: they stay the same when the generator changes what its seeds mean. */
import { readFileSync } from "node:fs";
import type { Scenario } from "./scenario.ts";

export function readStory(path: string): Scenario {
  return JSON.parse(readFileSync(path, "utf8")) as Scenario;
}
