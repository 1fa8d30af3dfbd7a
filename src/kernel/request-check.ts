/** What both kernels refuse before they look at their tables: requests that break an invariant of ours or cannot be expressed. */
import {
  addressOctets,
  compareOctets,
  type Family,
  familyOf,
  formatAddress,
  type Prefix,
  prefixRange,
} from "../negotiate/address.ts";
import { formatSelector, type Selector } from "../negotiate/selector.ts";
import { isOurReqid } from "./ownership.ts";
import {
  type KernelAnswer,
  type KernelRequest,
  type Policy,
  reqidRange,
  type SaEnds,
  type SaInstall,
  type SaMove,
} from "./port.ts";

/** A refusal with error number `errno`, such as EINVAL. */
export function refused(request: KernelRequest["kind"], errno: string, said: string): KernelAnswer {
  return { kind: "refused", refusal: { request, errno, said } };
}

/** The fault of a request in words, or undefined where it has none; the answer to a fault is EINVAL. */
export function requestFault(request: KernelRequest): string | undefined {
  switch (request.kind) {
    case "installSa":
      return saFault(request.sa);
    case "allocateSpi":
      return reqidFault(request.reqid) ?? sameFamily("an SA's addresses", [request.source, request.destination]);
    case "clearAcquire":
      return reqidFault(request.reqid) ?? sameFamily("an SA's addresses", [request.source, request.destination]);
    case "migrate":
      return moveFault(request.move);
    case "setPolicy":
      return policyFault(request.policy);
    case "deletePolicy":
      return selectorFault(request.selector);
    case "setRoute":
    case "deleteRoute":
      return sameFamily("the addresses of a route", [
        request.route.destination.address,
        request.route.localSubnet.address,
        request.route.via,
      ]);
    case "deleteSa":
    case "querySa":
    case "querySas":
    case "listSas":
    case "listPolicies":
    case "probe":
      return undefined;
  }
}

/** The same selector with the host bits of its prefixes cleared, so that equal selectors are equal octets in the kernel. */
export function canonicalSelector(selector: Selector): Selector {
  return {
    ...selector,
    source: canonicalPrefix(selector.source),
    destination: canonicalPrefix(selector.destination),
  };
}

/** The same prefix with its host bits cleared. */
export function canonicalPrefix(prefix: Prefix): Prefix {
  return { address: formatAddress(prefixRange(prefix).start), length: prefix.length };
}

/** Whether two texts name the same address. */
export function sameAddress(a: string, b: string): boolean {
  if (a === b) return true;
  // An IPv4 address has one spelling only.
  return familyOf(a) === 6 && familyOf(b) === 6 && compareOctets(addressOctets(a), addressOctets(b)) === 0;
}

function saFault(sa: SaInstall): string | undefined {
  return (
    reqidFault(sa.reqid) ??
    sameFamily("an SA's addresses", [sa.source, sa.destination]) ??
    limitFault(sa) ??
    keyFault(sa) ??
    (sa.selector === undefined ? undefined : selectorFault(sa.selector)) ??
    (sa.selector !== undefined && sa.mode === "tunnel" ? "only a transport mode SA has a selector" : undefined) ??
    replayFault(sa) ??
    compressionFault(sa) ??
    ahFault(sa)
  );
}

/** RFC 3173 3.3: 16 bits, of which the first 256 are not negotiated. */
function compressionFault({ cpi, compression }: SaInstall): string | undefined {
  if ((cpi === undefined) !== (compression === undefined)) return "a CPI and an algorithm of IPComp go together";
  if (cpi !== undefined && (cpi < 256 || cpi > 0xffff)) return `a CPI is 256 to 65535, not ${cpi}`;
  return undefined;
}

/** AH stands around ESP, and authenticates what NATs change. */
function ahFault({ protocol, ahSpi, ah, encapsulation }: SaInstall): string | undefined {
  if ((ahSpi === undefined) !== (ah === undefined)) return "an SPI and a key of AH go together";
  if (ah === undefined) return undefined;
  if (protocol !== "esp") return "AH stands around ESP alone";
  if (encapsulation !== undefined) return "AH cannot be encapsulated in UDP";
  if (ah.key.length === ah.transform.keyLength) return undefined;
  return `a key of ${ah.transform.keyword} has ${ah.transform.keyLength} octets, not ${ah.key.length}`;
}

/** Every SA ends by itself, whatever becomes of the daemon. */
function limitFault(sa: SaInstall): string | undefined {
  const { seconds, bytes, packets } = sa.hard;
  if (!Number.isInteger(seconds) || seconds <= 0)
    return `the hard limit must be a whole number of seconds above 0, not ${seconds}`;
  if (bytes !== undefined && bytes <= 0n) return `the hard limit must be above 0 octets, not ${bytes}`;
  if (packets !== undefined && packets <= 0n) return `the hard limit must be above 0 packets, not ${packets}`;
  return undefined;
}

/** Linux takes an HMAC key of any length in silence, so the length is checked here for every algorithm. */
function keyFault(sa: SaInstall): string | undefined {
  const { encr, integ } = sa;
  if (encr !== undefined) {
    const { transform, key } = encr;
    const wanted = transform.keyBits / 8 + transform.saltLength;
    if (key.length !== wanted)
      return `a key of ${transform.keyword} has ${wanted} octets with its salt, not ${key.length}`;
    if (sa.protocol === "ah") return `AH does not encrypt: ${transform.keyword} has no place in it`;
    if (transform.aead && integ !== undefined)
      return `${transform.keyword} authenticates by itself: ${integ.transform.keyword} has no place beside it`;
  }
  if (integ !== undefined && integ.key.length !== integ.transform.keyLength)
    return `a key of ${integ.transform.keyword} has ${integ.transform.keyLength} octets, not ${integ.key.length}`;
  if (integ === undefined && encr?.transform.aead !== true && sa.ah === undefined)
    return `an ${sa.protocol.toUpperCase()} SA without integrity protection is never installed`;
  if (sa.protocol === "esp" && encr === undefined) return "an ESP SA needs an encryption transform, NULL if it must be";
  if (sa.protocol === "ah" && sa.encapsulation !== undefined) return "AH cannot be encapsulated in UDP";
  if (sa.keepaliveSeconds !== undefined && (sa.direction === "in" || sa.encapsulation === undefined))
    return "only an outbound SA in UDP sends NAT keepalives";
  return undefined;
}

function replayFault(sa: SaInstall): string | undefined {
  if (!Number.isInteger(sa.replayWindow) || sa.replayWindow < 0 || sa.replayWindow > maxReplayWindow)
    return `a replay window has 0 to ${maxReplayWindow} packets, not ${sa.replayWindow}`;
  if (sa.esn && sa.direction === "in" && sa.replayWindow === 0) return "extended sequence numbers need a replay window";
  return undefined;
}

function moveFault({ mode, protocol, reqid, from, to, policies }: SaMove): string | undefined {
  if (protocol === "ah" && to.encapsulation !== undefined) return "AH cannot be encapsulated in UDP";
  if (mode === "transport" && !sameEnds(from, to))
    return "a transport mode SA keeps its addresses: they are those of its selector";
  if (!sameEnds(from, to) && policies.some(demandsSeveral)) return "SAs that stand together keep their addresses";
  return (
    reqidFault(reqid) ??
    sameFamily("an SA's addresses", [from.source, from.destination]) ??
    sameFamily("an SA's addresses", [to.source, to.destination]) ??
    policies.map(policyFault).find((fault) => fault !== undefined)
  );
}

function demandsSeveral({ action }: Policy): boolean {
  return action.kind === "protected" && (action.template.compressed ?? action.template.withAh ?? false);
}

/** Whether two SAs run between the same addresses. */
export function sameEnds(a: SaEnds, b: SaEnds): boolean {
  return sameAddress(a.source, b.source) && sameAddress(a.destination, b.destination);
}

function policyFault(policy: Policy): string | undefined {
  const fault = selectorFault(policy.selector);
  if (fault !== undefined || policy.action.kind !== "protected") return fault;
  const { template } = policy.action;
  return (
    reqidFault(template.reqid) ??
    (template.withAh === true && template.protocol !== "esp" ? "AH stands around ESP alone" : undefined) ??
    sameFamily("a template's addresses", [template.source, template.destination]) ??
    (template.mode === "transport" && familyOf(template.source) !== familyOf(policy.selector.source.address)
      ? "a transport mode template has the family of its selector"
      : undefined) ??
    (template.mode === "transport" && policy.direction === "forward"
      ? "transport mode protects no forwarded packet"
      : undefined)
  );
}

function selectorFault(selector: Selector): string | undefined {
  return sameFamily(`the addresses of ${formatSelector(selector)}`, [
    selector.source.address,
    selector.destination.address,
  ]);
}

function reqidFault(reqid: number): string | undefined {
  if (isOurReqid(reqid)) return undefined;
  return `reqid ${reqid} is not ours: ours are ${reqidRange.start} to ${reqidRange.end - 1}`;
}

function sameFamily(what: string, addresses: readonly string[]): string | undefined {
  const families = new Set<Family>(addresses.map(familyOf));
  return families.size === 1 ? undefined : `${what} must be of one family: ${addresses.join(", ")}`;
}

/** Linux: XFRMA_REPLAY_ESN_MAX words of 32 bits. */
const maxReplayWindow = 4096;
