/** What is printed of a packet: names with values, nested, each with the document that it comes from. */
export interface Field {
  readonly name: string;
  readonly value?: string | number | undefined;
  /** Such as "RFC 7296 3.3". */
  readonly reference?: string | undefined;
  readonly fields?: readonly Field[] | undefined;
}

/** A field; `fields` are its parts. */
export function field(name: string, value?: string | number, fields?: readonly Field[], reference?: string): Field {
  return {
    name,
    ...(value === undefined ? {} : { value }),
    ...(reference === undefined ? {} : { reference }),
    ...(fields === undefined || fields.length === 0 ? {} : { fields }),
  };
}

/** Octets as hex. */
export function hexOf(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("hex");
}

/** A 64-bit SPI or cookie as 16 hex digits. */
export function spi64(spi: bigint): string {
  return spi.toString(16).padStart(16, "0");
}

/** Octets as text where all of them print, else as hex. */
export function textOrHex(octets: Uint8Array): string {
  const text = Buffer.from(octets).toString("latin1");
  return octets.length > 0 && /^[\x20-\x7e]+$/.test(text) ? `"${text}"` : hexOf(octets);
}
