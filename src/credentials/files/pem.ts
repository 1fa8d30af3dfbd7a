/** PEM (RFC 7468): what stands between BEGIN and END lines; text around them is for people. */
import { CredentialFileError } from "./file-error.ts";

export interface PemBlock {
  /** `CERTIFICATE` */
  readonly label: string;
  /** `Proc-Type: 4,ENCRYPTED` and the like, from before PKCS #8. */
  readonly headers: string;
  readonly octets: Uint8Array;
}

/** More than any bundle of authorities has. */
const mostBlocks = 2000;

/** Whether it is PEM and not DER. */
export function isPem(octets: Uint8Array): boolean {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).includes("-----BEGIN ");
}

/** The blocks in their order. Throws CredentialFileError. */
export function readPem(octets: Uint8Array): readonly PemBlock[] {
  const lines = Buffer.from(octets).toString("latin1").split(/\r?\n/);
  const blocks: PemBlock[] = [];
  for (let at = 0; at < lines.length; at++) {
    const label = lines[at]?.match(/^-----BEGIN ([A-Z0-9 ]+)-----\s*$/)?.[1];
    if (label === undefined) continue;
    const end = lines.findIndex((line, index) => index > at && line.trimEnd() === `-----END ${label}-----`);
    if (end < 0) throw new CredentialFileError(`the line -----END ${label}----- is missing`);
    if (blocks.length === mostBlocks) throw new CredentialFileError(`it has more than ${mostBlocks} PEM blocks`);
    blocks.push({ label, ...blockOf(lines.slice(at + 1, end), label) });
    at = end;
  }
  return blocks;
}

function blockOf(lines: readonly string[], label: string): Pick<PemBlock, "headers" | "octets"> {
  const isHeader = lines[0]?.includes(":") === true;
  const blank = isHeader ? lines.indexOf("") : -1;
  const headers = lines.slice(0, Math.max(blank, 0)).join("\n");
  const text = lines
    .slice(blank + 1)
    .join("")
    .replaceAll(/\s/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)
    throw new CredentialFileError(`between the lines of ${label} is something that is no base64`);
  return { headers, octets: Uint8Array.from(Buffer.from(text, "base64")) };
}

/** One block as a file has it, with a line break at its end. */
export function writePem(label: string, octets: Uint8Array): string {
  const lines =
    Buffer.from(octets)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
