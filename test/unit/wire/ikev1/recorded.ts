import { readdirSync, readFileSync } from "node:fs";

const vectors = new URL("../../../../vectors/sources/", import.meta.url);
const folder = new URL("ikev1-messages/", vectors);

/** A whole IKEv1 message. */
export interface RecordedMessage {
  readonly id: string;
  readonly octets: Buffer;
}

/** A chain of payloads as it stands inside the encryption. */
export interface RecordedChain {
  readonly id: string;
  readonly firstType: number;
  readonly octets: Buffer;
}

interface Entry {
  readonly id: string;
  readonly hex: string;
  readonly firstType: number;
}

interface File {
  readonly messages: readonly Entry[];
  readonly chains?: readonly Entry[];
}

interface Handshakes {
  readonly handshakes: readonly {
    readonly id: string;
    readonly ike: number;
    readonly messages: readonly { readonly hex: string }[];
  }[];
}

/** The files of recorded messages, by name without `.json`. */
const files: readonly (readonly [string, File])[] = readdirSync(folder).map((name) => [
  name.replace(".json", ""),
  read<File>(new URL(name, folder)),
]);

/** The exchanges of which every secret is known. */
const exchanges = read<Handshakes>(new URL("handshakes/rub-ike-handshakes.json", vectors)).handshakes.filter(
  ({ ike }) => ike === 1,
);

/** Every recorded message, its id preceded by the file's name. */
export const messages: readonly RecordedMessage[] = [
  ...files.flatMap(([name, file]) =>
    file.messages.map(({ id, hex }) => ({ id: `${name} ${id}`, octets: Buffer.from(hex, "hex") })),
  ),
  ...exchanges.flatMap((exchange) =>
    exchange.messages.map(({ hex }, i) => ({ id: `rub ${exchange.id}#${i + 1}`, octets: Buffer.from(hex, "hex") })),
  ),
];

/** Every recorded chain. */
export const chains: readonly RecordedChain[] = files.flatMap(([name, file]) =>
  (file.chains ?? []).map(({ id, firstType, hex }) => ({
    id: `${name} ${id}`,
    firstType,
    octets: Buffer.from(hex, "hex"),
  })),
);

function read<T>(url: URL): T {
  return JSON.parse(readFileSync(url, "utf8")) as T;
}
