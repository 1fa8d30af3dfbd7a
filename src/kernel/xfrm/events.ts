import { anyPrefix } from "../../negotiate/address.ts";
import type { SourceEvent, XfrmEvent } from "../../netlink-xfrm/index.ts";
import { isOurReqid } from "../ownership.ts";
import type { KernelEvent, SaProtocol } from "../port.ts";
import { selectorFromXfrm } from "./selector-message.ts";

/** A kernel event of ours in the port's words; undefined for another owner's and for kinds that nobody here waits for. */
export function kernelEvent(event: XfrmEvent | SourceEvent): KernelEvent | undefined {
  switch (event.kind) {
    case "acquire":
      return acquireEvent(event.acquire);
    case "expire":
      return expireEvent(event.sa, event.hard);
    case "mapping":
      return mappingEvent(event.mapping);
    case "overrun":
    // What could not be read may have been any of them.
    case "malformed":
    case "failed":
      return { kind: "overrun" };
    default:
      return undefined;
  }
}

function acquireEvent(acquire: Extract<XfrmEvent, { kind: "acquire" }>["acquire"]): KernelEvent | undefined {
  const reqid = acquire.templates?.find((template) => isOurReqid(template.reqid))?.reqid;
  if (reqid === undefined) return undefined;
  const packet = selectorFromXfrm(acquire.selector);
  const unspecified = anyPrefix(packet.source.address.includes(":") ? 6 : 4).address;
  const { source = unspecified, destination = unspecified } = acquire;
  return { kind: "acquire", reqid, packet, source, destination };
}

function expireEvent(sa: Extract<XfrmEvent, { kind: "expire" }>["sa"], hard: boolean): KernelEvent | undefined {
  const { spi, reqid, destination } = sa;
  const protocol = saProtocol(sa.protocol);
  if (protocol === undefined || destination === undefined || !isOurReqid(reqid)) return undefined;
  return { kind: "expire", sa: { protocol, spi, destination }, hard, reqid };
}

function mappingEvent(mapping: Extract<XfrmEvent, { kind: "mapping" }>["mapping"]): KernelEvent | undefined {
  const { spi, reqid, destination, newSource, newSourcePort } = mapping;
  const protocol = saProtocol(mapping.protocol);
  if (protocol === undefined || destination === undefined || newSource === undefined || !isOurReqid(reqid))
    return undefined;
  return {
    kind: "mapping",
    sa: { protocol, spi, destination },
    reqid,
    from: { address: newSource, port: newSourcePort },
  };
}

function saProtocol(protocol: string | number): SaProtocol | undefined {
  return protocol === "esp" || protocol === "ah" ? protocol : undefined;
}
