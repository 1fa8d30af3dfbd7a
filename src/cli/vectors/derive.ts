/** `underlock vectors derive`. */
import { Failure } from "../../daemon/failure.ts";
import { type DerivedValue, DeriveError, type DeriveInput, deriveIkev1, deriveIkev2 } from "../../vectors/derive.ts";
import { printJson, printLine } from "../print.ts";

/** What the command line says; octets in hex. */
export type DeriveOptions = Readonly<Record<string, string | boolean | undefined>>;

/** Prints each value by its name in the RFC. Throws {@link Failure}. */
export function runDerive(options: DeriveOptions): void {
  let values: readonly DerivedValue[];
  try {
    values = options.ikev1 === true ? deriveIkev1(inputOf(options)) : deriveIkev2(inputOf(options));
  } catch (error) {
    if (error instanceof DeriveError) throw new Failure(2, error.message);
    throw error;
  }
  const shown = values.map(({ name, value }) => [name, Buffer.from(value).toString("hex")] as const);
  if (options.json === true) printJson(Object.fromEntries(shown));
  else for (const [name, value] of shown) printLine(`${name.padEnd(36)} ${value}`);
}

function inputOf(options: DeriveOptions): DeriveInput {
  const octets = (name: string, flag: string) => octetsOf(options[name], flag);
  const needed = (name: string, flag: string) => {
    const value = octets(name, flag);
    if (value === undefined) throw new Failure(2, `${flag} is needed`);
    return value;
  };
  return {
    ni: needed("ni", "--ni"),
    nr: needed("nr", "--nr"),
    spiI: needed("spiI", "--spi-i"),
    spiR: needed("spiR", "--spi-r"),
    shared: needed("shared", "--shared"),
    ike: String(options.ike),
    esp: typeof options.esp === "string" ? options.esp : undefined,
    childNi: octets("childNi", "--child-ni"),
    childNr: octets("childNr", "--child-nr"),
    childShared: octets("childShared", "--child-shared"),
    oldSkD: octets("oldSkD", "--old-sk-d"),
    psk: typeof options.psk === "string" ? Buffer.from(options.psk, "utf8") : octets("pskHex", "--psk-hex"),
    publicKeyEncryption: options.publicKeyEncryption === true,
    publicI: octets("publicI", "--public-i"),
    publicR: octets("publicR", "--public-r"),
    espSpiI: octets("espSpiI", "--esp-spi-i"),
    espSpiR: octets("espSpiR", "--esp-spi-r"),
    lastBlock: octets("lastBlock", "--last-block"),
    messageId: messageIdOf(octets("messageId", "--message-id")),
  };
}

function messageIdOf(octets: Buffer | undefined): number | undefined {
  if (octets === undefined) return undefined;
  if (octets.length !== 4) throw new Failure(2, `--message-id has ${octets.length} octets, possible are 4`);
  return octets.readUInt32BE(0);
}

function octetsOf(value: string | boolean | undefined, flag: string): Buffer | undefined {
  if (typeof value !== "string") return undefined;
  const digits = value.replace(/^0x/i, "").replace(/[\s:]/g, "");
  if (!/^(?:[0-9a-f]{2})+$/i.test(digits))
    throw new Failure(2, `${flag} takes hex digits, two an octet, not "${value}"`);
  return Buffer.from(digits, "hex");
}
