import { InvalidValueError, MalformedMessageError, NetlinkError, SystemCallError } from "../../netlink-xfrm/index.ts";
import type { KernelAnswer, KernelRequest } from "../port.ts";
import { refused } from "../request-check.ts";
import { UnsupportedTransform } from "./sa-message.ts";

/** The answer to a request that ended in an error of the netlink package; anything else is thrown on. */
export function refusalOf(request: KernelRequest["kind"], error: unknown): KernelAnswer {
  if (error instanceof NetlinkError) return refused(request, error.code, error.message);
  if (error instanceof SystemCallError) return refused(request, error.code, error.message);
  if (error instanceof InvalidValueError) return refused(request, "EINVAL", error.message);
  if (error instanceof MalformedMessageError) return refused(request, "EPROTO", error.message);
  if (error instanceof UnsupportedTransform) return refused(request, "ENOSYS", error.message);
  throw error;
}

/** The result of `ask`, or undefined where the kernel refuses it with one of `codes`. */
export function unless<T>(codes: readonly string[], ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof NetlinkError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
