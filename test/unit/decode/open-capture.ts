import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { keysFor, packetsOf } from "../../../src/cli/decode/input.ts";
import type { Decoded } from "../../../src/decode/decoded.ts";
import { Decoder } from "../../../src/decode/decoder.ts";
import type { Field } from "../../../src/decode/field.ts";
import { KeyStore } from "../../../src/decode/keys/key-store.ts";

/** The captures that others recorded. */
export const captureFolder = fileURLToPath(new URL("../../../vectors/captures/", import.meta.url));

/** Every capture, as `folder/name`. */
export const captures: readonly string[] = readdirSync(captureFolder, { recursive: true, encoding: "utf8" })
  .filter((name) => /\.(?:pcap|pcapng|cap|snoop)(?:\.gz)?$/.test(name))
  .sort();

/** Every capture that has keys beside it. */
export const withKeys: readonly string[] = readdirSync(captureFolder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".keys.json"))
  .map((name) => name.replace(".keys.json", ""))
  .sort();

/** What a capture holds, opened with the keys beside it unless it is to stay closed. */
export async function opened(
  name: string,
  { keys = true } = {},
): Promise<{ decoded: Decoded[]; packets: number; damage: string[] }> {
  const path = `${captureFolder}${name}`;
  const decoder = new Decoder(keys ? keysFor(path, {}) : new KeyStore());
  const decoded: Decoded[] = [];
  const damage: string[] = [];
  let packets = 0;
  for await (const packet of packetsOf(path, (sentence) => damage.push(sentence))) {
    packets += 1;
    decoded.push(...decoder.decode(packet));
  }
  return { decoded, packets, damage };
}

/** Every value of the fields with that name, in order, however deep. */
export function valuesOf(fields: readonly Field[], name: string): (string | number)[] {
  return fields.flatMap((one) => [
    ...(one.name === name && one.value !== undefined ? [one.value] : []),
    ...valuesOf(one.fields ?? [], name),
  ]);
}
