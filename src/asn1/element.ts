/** Octets to a tree of elements of DER (X.690), by asn1js within bounds. */
import { type BaseBlock, fromBER } from "asn1js";
import { Asn1Error } from "./error.ts";

/** One element: tag, length, contents. The views are of the octets that were read. */
export interface Element {
  readonly tagClass: "universal" | "application" | "context" | "private";
  readonly tag: number;
  readonly constructed: boolean;
  /** Header and contents. */
  readonly whole: Uint8Array;
  readonly contents: Uint8Array;
  /** Of a constructed element. */
  readonly children: readonly Element[];
  /** The library's own reading of it. */
  readonly block: BaseBlock;
}

/** What one reading may cost. */
export interface Asn1Limits {
  readonly octets: number;
  readonly elements: number;
  readonly depth: number;
}

/** The one element that `octets` are. Throws Asn1Error for anything else, and beyond the limits. */
export function readElement(octets: Uint8Array, limits: Asn1Limits): Element {
  if (octets.length > limits.octets)
    throw new Asn1Error("too-large", `${octets.length} octets; at most ${limits.octets} are read`);
  const { offset, result } = decode(octets, limits);
  if (offset === -1) {
    const bound = result.error.startsWith("Maximum");
    throw new Asn1Error(bound ? "too-large" : "malformed", result.error === "" ? "no DER" : result.error);
  }
  if (offset !== octets.length) throw new Asn1Error("malformed", `${octets.length - offset} octets follow it`);
  return toElement(result);
}

function decode(octets: Uint8Array, limits: Asn1Limits): { offset: number; result: BaseBlock } {
  try {
    const { offset, result } = fromBER(octets, {
      maxDepth: limits.depth,
      maxNodes: limits.elements,
      maxContentLength: limits.octets,
    });
    return { offset, result };
  } catch (error) {
    // The library gives an error for what it expects, and throws from the types of which it has not thought.
    throw new Asn1Error("malformed", error instanceof Error ? error.message : "no DER");
  }
}

const classes = { 1: "universal", 2: "application", 3: "context", 4: "private" } as const;

/** asn1js reads BER; what DER alone allows (X.690 10.1) is asked here. */
function toElement(block: BaseBlock): Element {
  const { idBlock, lenBlock } = block;
  const { tagClass, tagNumber: tag, isConstructed: constructed } = idBlock;
  if (lenBlock.isIndefiniteForm) throw new Asn1Error("malformed", "an indefinite length, which DER does not have");
  if (!isMinimal(lenBlock)) throw new Asn1Error("malformed", "a length in more octets than it needs");
  const whole = block.valueBeforeDecodeView;
  const children = constructed ? childrenOf(block).map(toElement) : [];
  const contents = whole.subarray(idBlock.blockLength + lenBlock.blockLength);
  if (contents.length !== lenBlock.length) throw new Asn1Error("malformed", "contents of another length than it says");
  if (tagClass !== 1 && tagClass !== 2 && tagClass !== 3 && tagClass !== 4)
    throw new Asn1Error("malformed", "no class of tags");
  return { tagClass: classes[tagClass], tag, constructed, whole, contents, children, block };
}

function isMinimal({ longFormUsed, length, blockLength }: BaseBlock["lenBlock"]): boolean {
  if (!longFormUsed) return true;
  return length >= 0x80 && blockLength === 1 + Math.ceil(length.toString(16).length / 2);
}

function childrenOf(block: BaseBlock): readonly BaseBlock[] {
  const { valueBlock } = block;
  return "value" in valueBlock && Array.isArray(valueBlock.value) ? valueBlock.value : [];
}
