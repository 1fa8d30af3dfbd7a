import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../../../../vectors/sources/ikev2-messages/", import.meta.url);

/** A key with which the recorded message was made; `encr` and `SK_e` in the names of its source. */
export interface RecordedKey {
  readonly from: "initiator" | "responder";
  readonly encr: string;
  readonly SK_e: string;
}

/** A whole IKEv2 message. */
export interface RecordedMessage {
  readonly id: string;
  readonly octets: Buffer;
  readonly keys?: readonly RecordedKey[];
  readonly verified?: string;
}

/** A chain of payloads as it stands inside SK. */
export interface RecordedChain {
  readonly id: string;
  readonly firstType: number;
  readonly octets: Buffer;
}

interface Entry {
  readonly id: string;
  readonly hex: string;
  readonly firstType: number;
  readonly type: number;
  readonly keys?: readonly RecordedKey[];
  readonly verified?: string;
}

interface File {
  readonly messages: readonly Entry[];
  readonly chains?: readonly Entry[];
  readonly bodies?: readonly Entry[];
}

/** The files of recorded messages, by name without `.json`. */
const files = new Map<string, File>(
  readdirSync(folder).map((name) => [
    name.replace(".json", ""),
    JSON.parse(readFileSync(new URL(name, folder), "utf8")),
  ]),
);

/** Every recorded message, its id preceded by the file's name. */
export const messages: readonly RecordedMessage[] = [...files].flatMap(([name, file]) =>
  file.messages.map(({ hex, ...rest }) => ({ ...rest, id: `${name} ${rest.id}`, octets: Buffer.from(hex, "hex") })),
);

/** Every recorded chain, and every recorded payload body with a generic header before it. */
export const chains: readonly RecordedChain[] = [...files].flatMap(([name, file]) => [
  ...(file.chains ?? []).map(({ id, firstType, hex }) => ({
    id: `${name} ${id}`,
    firstType,
    octets: Buffer.from(hex, "hex"),
  })),
  ...(file.bodies ?? []).map(({ id, type, hex }) => ({
    id: `${name} ${id}`,
    firstType: type,
    octets: Buffer.concat([header(hex.length / 2), Buffer.from(hex, "hex")]),
  })),
]);

/** The recorded message with that id, such as `tcpdump ikev2four.pcap#1`. */
export function message(id: string): Buffer {
  const found = messages.find((m) => m.id === id);
  if (found === undefined) throw new Error(`no recorded message ${id}`);
  return found.octets;
}

/** The recorded chain with that id. */
export function chain(id: string): RecordedChain {
  const found = chains.find((c) => c.id === id);
  if (found === undefined) throw new Error(`no recorded chain ${id}`);
  return found;
}

function header(bodyLength: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt16BE(4 + bodyLength, 2);
  return octets;
}
