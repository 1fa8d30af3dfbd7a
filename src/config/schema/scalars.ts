/** The kinds of single values that the configuration has. */
import type { z } from "zod";
import { KeywordError, type ProposalProtocol, parseProposal } from "../../crypto/keywords.ts";
import { findKeyword, transforms } from "../../crypto/transforms.ts";
import { type Address, formatAddress, parseAddress } from "../../negotiate/address.ts";
import type { Identity } from "../../negotiate/identity.ts";
import type { ProposalDesired, UniquePolicy } from "../../sa/desired.ts";
import { parseIdentity } from "../identity-text.ts";
import { nearestWord } from "../nearest.ts";
import { quote } from "../problem.ts";
import { leaf, notThis, type Reading, seen, textLeaf, wholeNumber } from "./leaf.ts";

/** `yes` and `no`, which YAML 1.2 takes for text, and every other usual spelling. */
export const yesOrNo: z.ZodType<boolean> = leaf((value) => {
  if (typeof value === "boolean" || typeof value === "string") {
    const word = String(value).toLowerCase();
    if (["yes", "true", "on"].includes(word)) return { value: true };
    if (["no", "false", "off"].includes(word)) return { value: false };
  }
  return { wrong: typeof value === "string" ? `is yes or no, not ${quote(value)}` : notThis("yes or no", value) };
});

export const portNumber = wholeNumber(1, 65535);

/** An address of one host, canonical. */
export const hostAddress: z.ZodType<Address> = textLeaf("an IP address", readHostAddress);

/** An identity that is one alone. */
export const identity: z.ZodType<Identity> = textLeaf("an identity", (text) => {
  const reading = parseIdentity(text);
  if ("wrong" in reading || reading.value.pattern === undefined) return reading;
  return { wrong: `stands for several identities, and here is one alone: ${quote(text)}` };
});

/** An identity, or a pattern that stands for several. */
export const wantedIdentity: z.ZodType<Identity> = textLeaf("an identity", parseIdentity);

/** What stands behind `remote`: a peer's address, a name for one, or whoever calls. */
export type RemoteText =
  | { readonly kind: "address"; readonly address: Address }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "any" };

export const remote: z.ZodType<RemoteText> = textLeaf("an IP address, a DNS name or any", readRemote);

/** An address, a name or `any`. */
export function readRemote(text: string): Reading<RemoteText> {
  if (text === "any") return { value: { kind: "any" } };
  if (/^[0-9.]+(\/[0-9]*)?$/.test(text) || /[:/%]/.test(text)) {
    const address = readHostAddress(text);
    return "value" in address ? { value: { kind: "address", address: address.value } } : address;
  }
  if (text.length <= 253 && dnsName.test(text)) return { value: { kind: "name", name: text } };
  return { wrong: `is an IP address, a DNS name or any, not ${quote(text)}` };
}

/** Milliseconds, from `500ms`, `30s`, `5m`, `2h`, or a number of seconds. */
export function duration(range: { readonly min: number; readonly max: number; readonly off?: boolean }) {
  const example = `a time such as 500ms, 30s, 5m or 2h${range.off === true ? ", or off" : ""}`;
  return leaf<number>((value) => {
    if (range.off === true && (value === "off" || value === false || value === "no")) return { value: 0 };
    const milliseconds = readDuration(value);
    if (milliseconds === undefined) {
      return { wrong: typeof value === "string" ? `is ${example}, not ${quote(value)}` : notThis(example, value) };
    }
    if (milliseconds >= range.min && milliseconds <= range.max) return { value: milliseconds };
    return { wrong: `is ${formatDuration(range.min)} to ${formatDuration(range.max)}, not ${quote(String(value))}` };
  });
}

/** `30s`, `500ms`: whatever says it shortest. */
export function formatDuration(milliseconds: number): string {
  for (const [unit, length] of Object.entries(units).reverse()) {
    if (milliseconds >= length && milliseconds % length === 0) return `${milliseconds / length}${unit}`;
  }
  return `${milliseconds}ms`;
}

/** A count of octets or packets, with K, M, G or T for powers of 1024. */
export const count: z.ZodType<bigint> = leaf((value) => {
  const what = "a whole number, with K, M, G or T for powers of 1024";
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return { value: BigInt(value) };
  const match = typeof value === "string" ? /^([1-9][0-9]{0,14}) ?([KMGT])?$/.exec(value.trim()) : null;
  if (match === null)
    return { wrong: typeof value === "string" ? `is ${what}, not ${quote(value)}` : notThis(what, value) };
  const factor = 1024n ** BigInt(" KMGT".indexOf(match[2] ?? " "));
  const total = BigInt(match[1] ?? "0") * factor;
  // The kernel's limits are 64-bit, and all ones mean "none".
  return total < 2n ** 63n ? { value: total } : { wrong: `is at most 2^63 - 1, not ${value}` };
});

/** A proposal as it was read; `alone`: what is wrong with it, in a sentence, where no AH stands around the ESP. */
export interface ReadProposal extends ProposalDesired {
  readonly alone?: { readonly wrong: string; readonly offset: number };
}

/** A proposal in keywords. */
export function proposal(protocol: ProposalProtocol): z.ZodType<ReadProposal> {
  const what = `${protocol.toUpperCase()} algorithms such as ${proposalExamples[protocol]}`;
  return textLeaf(what, (text): Reading<ReadProposal> => {
    try {
      return { value: { transforms: parseProposal(text, protocol) } };
    } catch (error) {
      if (!(error instanceof KeywordError)) throw error;
      const alone = { wrong: error.message, offset: error.position };
      const transforms = error.reason === "missing" && protocol === "esp" ? insideAh(text) : undefined;
      return transforms === undefined ? alone : { value: { transforms, alone } };
    }
  });
}

function insideAh(text: string): ProposalDesired["transforms"] | undefined {
  try {
    return parseProposal(text, "esp", "in-ah");
  } catch (error) {
    if (error instanceof KeywordError) return undefined;
    throw error;
  }
}

/** When a child is negotiated. */
export const startPolicy: z.ZodType<StartPolicy> = leaf((value): Reading<StartPolicy> => {
  const policy = startPolicies.find((known) => known === value);
  if (policy !== undefined) return { value: policy };
  const what = startPolicies.join(" or ");
  return { wrong: typeof value === "string" ? `is ${what}, not ${quote(value)}` : notThis(what, value) };
});

export type StartPolicy = "now" | "on-demand";

const startPolicies: readonly StartPolicy[] = ["now", "on-demand"];

/** Whether one identity has one IKE SA. */
export const uniquePolicy: z.ZodType<UniquePolicy> = leaf((value): Reading<UniquePolicy> => {
  const policy = uniquePolicies.find((known) => known === value);
  if (policy !== undefined) return { value: policy };
  const what = `one of ${uniquePolicies.join(", ")}`;
  return { wrong: typeof value === "string" ? `is ${what}, not ${quote(value)}` : notThis(what, value) };
});

const uniquePolicies: readonly UniquePolicy[] = ["replace", "keep", "never"];

/** The keyword of one weak algorithm. YAML reads a bare `null` as nothing, but here it is the name of a cipher. */
export const weakKeyword: z.ZodType<string> = leaf((value): Reading<string> => {
  const word = value === null ? "null" : value;
  if (typeof word !== "string") return { wrong: `needs the name of a weak algorithm, ${seen(value)}` };
  const row = findKeyword(word.toLowerCase());
  if (row !== undefined && row.type !== "ESN" && row.weak !== undefined) return { value: row.keyword };
  if (row !== undefined) return { wrong: `${quote(word)} is not weak and needs no permission: take it out` };
  const near = nearestWord(word, weakKeywords);
  const guess = near === undefined ? "" : `, did you mean ${near}?`;
  return { wrong: `no such weak algorithm: ${quote(word)}${guess} Possible: ${weakKeywords.join(", ")}` };
});

/** Keywords that run only where `weak` names them. */
export const weakKeywords: readonly string[] = transforms
  .filter((row) => row.type !== "ESN" && row.weak !== undefined && row.decodeOnly === undefined)
  .map((row) => row.keyword);

function readHostAddress(text: string): Reading<Address> {
  if (text.includes("%")) return { wrong: `link-local addresses with a zone are not supported: ${quote(text)}` };
  if (text.includes("/")) return { wrong: `is the address of one host, not a subnet: ${quote(text)}` };
  const octets = parseAddress(text);
  if (octets === undefined) return { wrong: `is an IP address such as 192.0.2.1 or 2001:db8::1, not ${quote(text)}` };
  const address = formatAddress(octets);
  const [first = 0] = octets;
  if (octets.every((octet) => octet === 0)) return { wrong: `${address} is no host's address` };
  if (octets.length === 4 ? first >= 224 : first === 0xff)
    return { wrong: `${address} is not the address of one host` };
  return { value: address };
}

function readDuration(value: unknown): number | undefined {
  if (typeof value === "number") return value > 0 ? Math.round(value * 1000) : undefined;
  const match = typeof value === "string" ? /^([0-9]{1,9}(?:\.[0-9]{1,3})?) ?(ms|s|m|h|d)$/.exec(value.trim()) : null;
  const unit = match?.[2];
  if (match === null || unit === undefined || !isUnit(unit)) return undefined;
  return Math.round(Number(match[1]) * units[unit]);
}

function isUnit(text: string): text is keyof typeof units {
  return Object.hasOwn(units, text);
}

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const dnsName =
  /^(?=.*[A-Za-z])[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/;
const proposalExamples: Readonly<Record<ProposalProtocol, string>> = {
  ike: "aes256gcm16-prfsha384-x25519",
  esp: "aes256gcm16",
  ah: "sha256",
};
