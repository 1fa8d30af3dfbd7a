/** The records of a pcap file of this machine's byte order, 16 octets of header and the frame each; a last one that is not whole is left out. */
export function* records(octets: Buffer): Generator<Buffer> {
  if (octets.length < 24) return;
  const magic = octets.readUInt32LE(0);
  if (magic !== 0xa1b2c3d4 || octets.readUInt32LE(20) !== 1) {
    throw new Error(`not an Ethernet pcap file: magic ${magic.toString(16)}, link type ${octets.readUInt32LE(20)}`);
  }
  let at = 24;
  while (at + 16 <= octets.length) {
    const end = at + 16 + octets.readUInt32LE(at + 8);
    // tcpdump may be in the middle of writing the last one.
    if (end > octets.length) return;
    yield octets.subarray(at, end);
    at = end;
  }
}
