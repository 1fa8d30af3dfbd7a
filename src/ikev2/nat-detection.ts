/** NAT detection (RFC 7296 2.23). */
import { hash } from "../crypto/hash.ts";
import { addressOctets, type Endpoint } from "../negotiate/address.ts";
import type { NatFinding } from "../sa/nat.ts";
import type { Path } from "../sa/path.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { notify } from "./payloads.ts";

/** SHA-1 of SPIi | SPIr | address | port. */
export function natDetectionHash(initiatorSpi: bigint, responderSpi: bigint, endpoint: Endpoint): Buffer {
  const address = addressOctets(endpoint.address);
  const octets = Buffer.allocUnsafe(18 + address.length);
  octets.writeBigUInt64BE(initiatorSpi, 0);
  octets.writeBigUInt64BE(responderSpi, 8);
  octets.set(address, 16);
  octets.writeUInt16BE(endpoint.port, 16 + address.length);
  return hash("sha1", octets);
}

/** The two notifies of our message. `forged`: the source is one that no packet can have, so that a NAT is found. */
export function natDetectionPayloads(
  initiatorSpi: bigint,
  responderSpi: bigint,
  path: Path,
  forged = false,
): Payload[] {
  const source = forged ? { ...path.local, port: 0 } : path.local;
  return [
    notify(notifyType.NAT_DETECTION_SOURCE_IP, natDetectionHash(initiatorSpi, responderSpi, source)),
    notify(notifyType.NAT_DETECTION_DESTINATION_IP, natDetectionHash(initiatorSpi, responderSpi, path.remote)),
  ];
}

/** What the peer's notifies say; a peer that sends none knows no NAT traversal, and no NAT is assumed. `forged`: ours lied. */
export function findNat(
  payloads: readonly Payload[],
  initiatorSpi: bigint,
  responderSpi: bigint,
  path: Path,
  forged = false,
): NatFinding {
  let sources = 0;
  let sourceMatches = false;
  let destinationDiffers = false;
  for (const payload of payloads) {
    if (payload.kind !== "N") continue;
    if (payload.type === notifyType.NAT_DETECTION_SOURCE_IP) {
      sources += 1;
      sourceMatches ||= equal(payload.data, natDetectionHash(initiatorSpi, responderSpi, path.remote));
    } else if (payload.type === notifyType.NAT_DETECTION_DESTINATION_IP) {
      destinationDiffers = !equal(payload.data, natDetectionHash(initiatorSpi, responderSpi, path.local));
    }
  }
  return { local: destinationDiffers, remote: sources > 0 && !sourceMatches, forced: forged && sources > 0 };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
