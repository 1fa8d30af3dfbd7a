/** Requests that the suite makes, in the words of the tests. */
import { encrTransforms } from "../../../src/crypto/transforms/encr.ts";
import { integTransforms } from "../../../src/crypto/transforms/integ.ts";
import type {
  KernelAnswer,
  KernelRequest,
  Policy,
  PolicyDirection,
  SaInstall,
  SaMode,
  SaProtocol,
} from "../../../src/kernel/port.ts";
import { reqidRange } from "../../../src/kernel/port.ts";
import { hostPrefix } from "../../../src/negotiate/address.ts";
import { reverseSelector, type Selector } from "../../../src/negotiate/selector.ts";
import { addresses, type Bed, type End, otherEnd, type Scope, subnets } from "./bed.ts";

export const reqid = reqidRange.start + 0x2a;
export const otherReqid = reqidRange.start + 0x2b;

export function transform(keyword: string) {
  const encr = encrTransforms.find((row) => row.keyword === keyword);
  if (encr === undefined) throw new Error(`no ENCR transform ${keyword}`);
  return encr;
}

export function integrity(keyword: string) {
  const integ = integTransforms.find((row) => row.keyword === keyword);
  if (integ === undefined) throw new Error(`no INTEG transform ${keyword}`);
  return integ;
}

/** AES-128-GCM with a key of one repeated octet. */
export function gcm(octet = 7): NonNullable<SaInstall["encr"]> {
  return { transform: transform("aes128gcm16"), key: new Uint8Array(20).fill(octet) };
}

/** An SA from `from` to the other end, as `at` has it: outbound at its source, inbound at the other. */
export function saOf(from: End, at: End, spi: number, more: Partial<SaInstall> & { scope?: Scope } = {}): SaInstall {
  const { scope = "underlay", ...fields } = more;
  return {
    protocol: "esp",
    spi,
    source: addresses[scope][from],
    destination: addresses[scope][otherEnd(from)],
    direction: at === from ? "out" : "in",
    mode: "transport",
    reqid,
    encr: gcm(),
    esn: false,
    replayWindow: 32,
    hard: { seconds: 600 },
    ...fields,
  };
}

/** GRE between the gateways, seen from `from`. */
export function greSelector(from: End, scope: "underlay" | "underlay6" = "underlay"): Selector {
  return {
    source: hostPrefix(addresses[scope][from]),
    destination: hostPrefix(addresses[scope][otherEnd(from)]),
    protocol: 47,
  };
}

/** UDP from any port to `port`, seen from `from`. */
export function udpSelector(from: End, port: number): Selector {
  return { ...greSelector(from), protocol: 17, destinationPort: port };
}

/** Everything from one subnet to the other. */
export function subnetSelector(from: End): Selector {
  return { source: subnets[from], destination: subnets[otherEnd(from)], protocol: 0 };
}

export const priority = 100_000;

export function locked(selector: Selector, direction: PolicyDirection, more: Partial<Policy> = {}): Policy {
  return { selector, direction, priority, action: { kind: "locked" }, ...more };
}

export function exempt(selector: Selector, direction: PolicyDirection, more: Partial<Policy> = {}): Policy {
  return { selector, direction, priority, action: { kind: "exempt" }, ...more };
}

export interface Protection {
  readonly mode?: SaMode;
  readonly protocol?: SaProtocol;
  readonly reqid?: number;
  readonly scope?: "underlay" | "underlay6";
  readonly priority?: number;
}

/** A protecting policy at `at` for packets from `from`. */
export function guarded(at: End, from: End, selector: Selector, protection: Protection = {}): Policy {
  const { mode = "transport", protocol = "esp", reqid: id = reqid, scope = "underlay" } = protection;
  return {
    selector,
    direction: at === from ? "out" : "in",
    priority: protection.priority ?? priority,
    action: {
      kind: "protected",
      template: {
        protocol,
        mode,
        reqid: id,
        source: addresses[scope][from],
        destination: addresses[scope][otherEnd(from)],
      },
    },
  };
}

export async function setPolicy(bed: Bed, end: End, ...policies: readonly Policy[]): Promise<void> {
  for (const policy of policies) must(await bed.request(end, { kind: "setPolicy", policy }));
}

export async function installSa(bed: Bed, end: End, ...sas: readonly SaInstall[]): Promise<void> {
  for (const sa of sas) must(await bed.request(end, { kind: "installSa", sa }));
}

/** The same SA at both of its ends. */
export async function installPair(
  bed: Bed,
  from: End,
  spi: number,
  more: Partial<SaInstall> & { scope?: Scope } = {},
): Promise<void> {
  await installSa(bed, otherEnd(from), saOf(from, otherEnd(from), spi, more));
  await installSa(bed, from, saOf(from, from, spi, more));
}

/** Policies for one selector, seen from `a`, at both gateways and in both directions. */
export async function guardBoth(bed: Bed, selector: Selector, protection: Protection = {}): Promise<void> {
  const back = reverseSelector(selector);
  await setPolicy(bed, "a", guarded("a", "a", selector, protection), guarded("a", "b", back, protection));
  await setPolicy(bed, "b", guarded("b", "b", back, protection), guarded("b", "a", selector, protection));
}

/** Throws where the answer is a refusal, with the kernel's words. */
export function must<A extends KernelAnswer>(answer: A): A {
  if (answer.kind === "refused") {
    const { request, errno, said } = answer.refusal;
    throw new Error(`${request} was refused: ${errno}: ${said}`);
  }
  return answer;
}

/** A refusal with this error number, for `toMatchObject`. */
export function refusal(request: KernelRequest["kind"], errno: string) {
  return { kind: "refused", refusal: { request, errno } };
}
