/** What this host's kernel can and may do for IPsec, found by trying it; nothing is left behind. */
import { encrTransforms } from "../../crypto/transforms/encr.ts";
import { integTransforms } from "../../crypto/transforms/integ.ts";
import { delSa, getSadInfo, NetlinkError, NetlinkSocket, newSa, SystemCallError } from "../../netlink-xfrm/index.ts";
import { type NeededSa, plainAh, plainEsp, probeSa, row } from "./probe-sa.ts";
import { unless } from "./refusal.ts";
import { identity, saMessage, UnsupportedTransform } from "./sa-message.ts";

/** Something that is missing, with a sentence that says what to do. */
export interface Lack {
  readonly kind: "no-xfrm" | "not-permitted" | "no-protocol" | "no-algorithm" | "refused";
  /** The need that is not met; undefined where nothing at all is possible. */
  readonly need?: NeededSa;
  /** The error number's name. */
  readonly errno: string;
  readonly sentence: string;
}

/** What is asked for when nobody says what is needed: ESP with AES-GCM and AH with HMAC-SHA-256, over both families. */
export const usualNeeds: readonly NeededSa[] = ([4, 6] as const).flatMap((family): NeededSa[] => [
  { protocol: "esp", family, encr: row(encrTransforms, "aes256gcm16") },
  { protocol: "ah", family, integ: row(integTransforms, "sha256") },
]);

/**
 * Tries each need by installing and deleting an SA between test addresses that carries no packet. An empty answer: all
 * is possible. Without XFRM or permission the answer is that one lack.
 */
export function findLacks(needs: readonly NeededSa[] = usualNeeds): readonly Lack[] {
  let socket: NetlinkSocket;
  try {
    socket = NetlinkSocket.xfrm();
  } catch (error) {
    if (error instanceof SystemCallError) return [noXfrm(error)];
    throw error;
  }
  try {
    socket.request(getSadInfo());
    return needs.flatMap((need) => lackOf(socket, need));
  } catch (error) {
    if (error instanceof NetlinkError) return [notPermitted(error)];
    throw error;
  } finally {
    socket.close();
  }
}

function lackOf(socket: NetlinkSocket, need: NeededSa): Lack[] {
  const error = tryNeed(socket, need);
  if (error === undefined) return [];
  // The kernel looks for the algorithms first: that it has not even the protocol shows with plain ones.
  const plain = tryNeed(socket, { ...need, ...(need.protocol === "esp" ? plainEsp : plainAh) });
  const protocolMissing = plain !== undefined && missingProtocol.has(plain.code);
  return [unmet(need, protocolMissing ? plain : error)];
}

/** Why an SA of this kind cannot be had, or undefined where it can. */
function tryNeed(socket: NetlinkSocket, need: NeededSa): Fault | undefined {
  const sa = probeSa(need);
  try {
    socket.request(newSa(saMessage(sa)));
  } catch (error) {
    if (error instanceof UnsupportedTransform) return { code: "ENOSYS", message: error.message };
    if (!(error instanceof NetlinkError)) throw error;
    return error.code === "EEXIST" ? undefined : error;
  }
  // ESRCH: its one second is over already.
  unless(["ESRCH"], () => socket.request(delSa(identity(sa))));
  return undefined;
}

/** An error number's name and the kernel's words. */
interface Fault {
  readonly code: string;
  readonly message: string;
}

function unmet(need: NeededSa, error: Fault): Lack {
  const protocol = `${need.protocol.toUpperCase()} over IPv${need.family}`;
  const keywords = [need.encr?.keyword, need.integ?.keyword].filter((keyword) => keyword !== undefined).join("-");
  const base = { need, errno: error.code };
  if (missingProtocol.has(error.code)) {
    const module = `${need.protocol}${need.family}`;
    const sentence = `this kernel has no ${protocol}: load it with "modprobe ${module}", or use a kernel built with CONFIG_${configOf(need)}`;
    return { ...base, kind: "no-protocol", sentence };
  }
  switch (error.code) {
    case "ENOSYS":
    case "ENOENT": {
      const sentence = `this kernel cannot do ${keywords} for ${protocol} (${error.message}): load the module of that algorithm, or leave ${keywords} out of the proposals`;
      return { ...base, kind: "no-algorithm", sentence };
    }
    default:
      return {
        ...base,
        kind: "refused",
        sentence: `this kernel refuses ${keywords} for ${protocol}: ${error.message}`,
      };
  }
}

function configOf({ protocol, family }: NeededSa): string {
  return `${family === 4 ? "INET" : "INET6"}_${protocol.toUpperCase()}`;
}

/** What it means that the XFRM interface cannot be opened. */
export function noXfrm(error: SystemCallError): Lack {
  if (error.code === "EPERM" || error.code === "EACCES")
    return { kind: "not-permitted", errno: error.code, sentence: permission };
  return {
    kind: "no-xfrm",
    errno: error.code,
    sentence: `this kernel has no XFRM interface (${error.message}): load it with "modprobe xfrm_user", or use a kernel built with CONFIG_XFRM_USER`,
  };
}

function notPermitted(error: NetlinkError): Lack {
  if (error.code === "EPERM" || error.code === "EACCES")
    return { kind: "not-permitted", errno: error.code, sentence: permission };
  return {
    kind: "refused",
    errno: error.code,
    sentence: `the kernel's XFRM interface does not answer: ${error.message}`,
  };
}

const missingProtocol: ReadonlySet<string> = new Set(["EPROTONOSUPPORT", "EAFNOSUPPORT"]);

/** What the operator can do where the kernel says EPERM. */
export const permission = "not permitted to manage IPsec: run as root, or with CAP_NET_ADMIN";
