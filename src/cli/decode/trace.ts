/** The daemon's latest messages of a peer as a capture file: our own trace, which `explain` and `decode` read again. */
import { writeFileSync } from "node:fs";
import { CaptureWriter } from "../../capture/writer.ts";
import { Failure } from "../../daemon/failure.ts";
import type { ExchangeReport } from "../../daemon/recent-exchanges.ts";
import { addressOctets } from "../../negotiate/address.ts";

/** The port on which a marker stands before each message (RFC 3948 2.2). */
const natPort = 4500;
const nonEspMarker = Buffer.alloc(4);

/** Overwrites the file; nobody else may read it, since it says who speaks to whom. Throws {@link Failure}. */
export function writeTrace(file: string, exchanges: readonly ExchangeReport[]): void {
  const writer = new CaptureWriter();
  for (const { at, source, sourcePort, destination, destinationPort, octets } of exchanges) {
    const message = Buffer.from(octets, "hex");
    const isMarked = sourcePort === natPort || destinationPort === natPort;
    writer.udp(at, {
      source: { address: addressOctets(source), port: sourcePort },
      destination: { address: addressOctets(destination), port: destinationPort },
      data: isMarked ? Buffer.concat([nonEspMarker, message]) : message,
    });
  }
  try {
    writeFileSync(file, writer.file(), { mode: 0o600 });
  } catch (error) {
    throw new Failure(1, `cannot write ${file}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
  }
}
