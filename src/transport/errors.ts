/** Why IKE's sockets cannot be had, as sentences that say what to do. */
import type { Endpoint } from "../negotiate/address.ts";

export type TransportErrorCode = "port-in-use" | "not-permitted" | "address-missing" | "no-exemption" | "socket-failed";

/** A socket could not be opened; `message` is for people, `code` for programs. */
export class TransportError extends Error {
  readonly code: TransportErrorCode;
  readonly local: Endpoint;

  constructor(code: TransportErrorCode, local: Endpoint, message: string) {
    super(message);
    this.name = "TransportError";
    this.code = code;
    this.local = local;
  }
}

/** Turns an error number's name (`EADDRINUSE`) of socket() or bind() into an error that says what to do. */
export function bindError(local: Endpoint, errno: string): TransportError {
  const place = `UDP port ${local.port} of ${local.address}`;
  switch (errno) {
    case "EADDRINUSE":
      return new TransportError(
        "port-in-use",
        local,
        `${place} is in use by another program; "ss -ulpn sport = :${local.port}" shows which: stop it first`,
      );
    case "EACCES":
    case "EPERM":
      return new TransportError(
        "not-permitted",
        local,
        `${place} may not be opened by this user: run as root, or with CAP_NET_BIND_SERVICE and CAP_NET_ADMIN`,
      );
    case "EADDRNOTAVAIL":
      return new TransportError("address-missing", local, `${local.address} is no address of this host (yet)`);
    default:
      return new TransportError("socket-failed", local, `${place} cannot be opened: ${errno}`);
  }
}

/** IKE's own packets could not be exempted from the policies, so IKE would lock itself out. */
export function exemptionError(local: Endpoint, fault: string): TransportError {
  return new TransportError(
    "no-exemption",
    local,
    `the socket on UDP port ${local.port} of ${local.address} cannot be exempted from the IPsec policies (${fault}): ` +
      "the locks would stop IKE itself; run as root or with CAP_NET_ADMIN, on a kernel built with CONFIG_XFRM_USER",
  );
}

/** The `code` of a Node system error, or `EIO` where it has none. */
export function errnoOf(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "EIO";
}
