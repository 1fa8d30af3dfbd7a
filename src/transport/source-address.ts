/** Which of the host's addresses routing takes towards a destination. */
import dgram from "node:dgram";
import { type Address, familyOf, formatAddress, parseAddress } from "../negotiate/address.ts";
import { errnoOf } from "./errors.ts";

/** An address, or the error number's name: `ENETUNREACH` where there is no route. */
export type SourceAddress =
  | { readonly kind: "found"; readonly address: Address }
  | { readonly kind: "none"; readonly errno: string };

/** Asks the kernel by connecting a socket that never sends. */
export async function sourceAddressTowards(destination: Address): Promise<SourceAddress> {
  const socket = dgram.createSocket(familyOf(destination) === 4 ? "udp4" : "udp6");
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      // connect() reports through its callback as well as by throwing, depending on where it fails.
      socket.connect(discardPort, destination, (error?: Error) => (error === undefined ? resolve() : reject(error)));
    });
    const octets = parseAddress(socket.address().address);
    if (octets === undefined) return { kind: "none", errno: "EADDRNOTAVAIL" };
    return { kind: "found", address: formatAddress(octets) };
  } catch (error) {
    return { kind: "none", errno: errnoOf(error) };
  } finally {
    socket.close();
  }
}

/** Any port will do: nothing is sent to it. */
const discardPort = 9;
