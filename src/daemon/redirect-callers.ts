/** `redirect`: has a peer's callers sent to another gateway, to drain this one. */
import type { PeerStatus } from "../engine/status.ts";
import { formatAddress, parseAddress } from "../negotiate/address.ts";
import type { Gateway } from "../sa/desired.ts";
import { ControlError, errorCodes } from "./control-protocol.ts";
import { findPeer, type OperatorHost } from "./operator.ts";

/** What the method needs of the daemon. */
export interface RedirectHost extends OperatorHost {
  redirect(peer: string, to: Gateway | undefined): void;
}

/** Where callers go now, and how many IKE SAs stand here still. */
export interface RedirectAnswer {
  readonly peer: string;
  readonly to: string | null;
  readonly ikeSas: number;
}

/** `to` is an address or a DNS name, or null to let callers stay. Throws ControlError where it is neither. */
export function redirectCallers(host: RedirectHost, params: Readonly<Record<string, unknown>>): RedirectAnswer {
  const { peer, to = null } = params;
  if (typeof peer !== "string") throw new ControlError(errorCodes.invalidParams, '"peer" must be the name of a peer');
  const gateway = to === null ? undefined : readGateway(to);
  findPeer(host, peer);
  host.redirect(peer, gateway);
  const { redirectTo, ikeSas }: PeerStatus = findPeer(host, peer);
  return { peer, to: redirectTo ?? null, ikeSas: ikeSas.length };
}

function readGateway(text: unknown): Gateway {
  if (typeof text === "string") {
    const octets = parseAddress(text);
    if (octets !== undefined) return { kind: "address", address: formatAddress(octets) };
    // A name goes as it stands into a payload whose length is one octet.
    if (/^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(text)) return { kind: "name", name: text };
  }
  throw new ControlError(errorCodes.invalidParams, '"to" must be the address or the DNS name of a gateway, or null');
}
