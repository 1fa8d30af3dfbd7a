/** Which end sits behind a NAT, as IKE's own messages have told. */

export interface NatFinding {
  readonly local: boolean;
  readonly remote: boolean;
  /** We made the peer believe that we are behind one, so that ESP goes over UDP whatever is on the way. */
  readonly forced: boolean;
}

export const noNat: NatFinding = { local: false, remote: false, forced: false };

/** Whether everything goes over UDP port 4500 (RFC 7296 2.23, RFC 3947 4). */
export function isEncapsulated(nat: NatFinding): boolean {
  return nat.local || nat.remote || nat.forced;
}
