/** The keys of an IKE SA from its first messages and one end's private value, and those of its Child SAs. */
import {
  type ChildKeys,
  deriveChildKeys,
  deriveIkeKeys,
  type IkeKeys,
  rekeySkeyseed,
  skeyseed,
} from "../../crypto/ikev2-keys.ts";
import { importKePair, KeyExchangeError } from "../../crypto/key-exchange.ts";
import type { EncrTransform } from "../../crypto/transforms/encr.ts";
import type { IntegTransform } from "../../crypto/transforms/integ.ts";
import type { KeTransform } from "../../crypto/transforms/ke.ts";
import type { PrfTransform } from "../../crypto/transforms/prf.ts";
import { findTransform } from "../../crypto/transforms.ts";
import type { Message } from "../../wire/ikev2/message.ts";
import type { Proposal } from "../../wire/ikev2/payloads/sa.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { transformType } from "../../wire/ikev2/registry/transform.ts";
import { hexOf } from "../field.ts";

/** The algorithms of a chosen proposal that the table has. */
export interface ChosenSuite {
  readonly encr?: EncrTransform | undefined;
  readonly integ?: IntegTransform | undefined;
  readonly prf?: PrfTransform | undefined;
  readonly ke?: KeTransform | undefined;
}

/** An IKE SA's secrets with what they were derived for. */
export interface DerivedIke {
  readonly suite: {
    readonly encr: EncrTransform;
    readonly integ?: IntegTransform | undefined;
    readonly prf: PrfTransform;
  };
  readonly keys: IkeKeys;
  readonly skeyseed: Buffer;
}

/** The algorithms of the only proposal of an answer. */
export function chosenSuite(proposal: Proposal): ChosenSuite {
  const of = (type: number) => proposal.transforms.find((transform) => transform.type === type);
  const [encr, integ, prf, ke] = [transformType.ENCR, transformType.INTEG, transformType.PRF, transformType.KE].map(of);
  return {
    encr: encr === undefined ? undefined : findTransform("ENCR", encr.id, encr.keyLength),
    integ: integ === undefined ? undefined : findTransform("INTEG", integ.id),
    prf: prf === undefined ? undefined : findTransform("PRF", prf.id),
    ke: ke === undefined ? undefined : findTransform("KE", ke.id),
  };
}

/** The first payload of that kind. */
export function payloadOf<K extends Payload["kind"]>(
  payloads: readonly Payload[],
  kind: K,
): Extract<Payload, { kind: K }> | undefined {
  return payloads.find((payload): payload is Extract<Payload, { kind: K }> => payload.kind === kind);
}

/** Undefined where a payload or an algorithm is missing, or none of the private values belongs to either end. */
export function deriveIke(
  request: Message,
  response: Message,
  privateValues: readonly Uint8Array[],
): DerivedIke | undefined {
  const [keI, keR] = [payloadOf(request.payloads, "KE"), payloadOf(response.payloads, "KE")];
  const [ni, nr] = [payloadOf(request.payloads, "Nonce"), payloadOf(response.payloads, "Nonce")];
  const proposal = payloadOf(response.payloads, "SA")?.proposals[0];
  if (keI === undefined || keR === undefined || ni === undefined || nr === undefined || proposal === undefined)
    return undefined;
  const { encr, integ, prf, ke } = chosenSuite(proposal);
  if (encr === undefined || prf === undefined || ke === undefined) return undefined;
  const shared = sharedSecret(ke, keI.data, keR.data, privateValues);
  if (shared === undefined) return undefined;
  const seed = skeyseed(prf, ni.data, nr.data, shared);
  const [spiI, spiR] = [spiOctets(response.header.initiatorSpi), spiOctets(response.header.responderSpi)];
  const keys = deriveIkeKeys({ encr, integ, prf }, seed, ni.data, nr.data, spiI, spiR);
  return { suite: { encr, integ, prf }, keys, skeyseed: seed };
}

/**
 * The keys of the IKE SA that a CREATE_CHILD_SA exchange puts in the place of `old`, and its SPIs as 16 hex digits each
 * (RFC 7296 2.18). Undefined where a payload or an algorithm is missing, or no private value belongs to either end.
 */
export function deriveRekeyed(
  old: DerivedIke,
  request: readonly Payload[],
  response: readonly Payload[],
  privateValues: readonly Uint8Array[],
): { readonly derived: DerivedIke; readonly spis: readonly [string, string] } | undefined {
  const [keI, keR] = [payloadOf(request, "KE"), payloadOf(response, "KE")];
  const [ni, nr] = [payloadOf(request, "Nonce"), payloadOf(response, "Nonce")];
  const [offer, choice] = [payloadOf(request, "SA")?.proposals, payloadOf(response, "SA")?.proposals[0]];
  const offered = offer?.find(
    ({ number, protocolId }) => number === choice?.number && protocolId === choice?.protocolId,
  );
  if (keI === undefined || keR === undefined || ni === undefined || nr === undefined) return undefined;
  if (choice?.spi.length !== 8 || offered?.spi.length !== 8) return undefined;
  const { encr, integ, prf, ke } = chosenSuite(choice);
  if (encr === undefined || prf === undefined || ke === undefined) return undefined;
  const shared = sharedSecret(ke, keI.data, keR.data, privateValues);
  if (shared === undefined) return undefined;
  const seed = rekeySkeyseed(old.suite.prf, old.keys.skD, shared, ni.data, nr.data);
  const keys = deriveIkeKeys({ encr, integ, prf }, seed, ni.data, nr.data, offered.spi, choice.spi);
  const spis = [hexOf(offered.spi), hexOf(choice.spi)] as const;
  return { derived: { suite: { encr, integ, prf }, keys, skeyseed: seed }, spis };
}

/** The secret of the private value whose public value is either end's. */
export function sharedSecret(
  ke: KeTransform,
  publicI: Uint8Array,
  publicR: Uint8Array,
  privateValues: readonly Uint8Array[],
): Buffer | undefined {
  for (const value of privateValues) {
    try {
      const pair = importKePair(ke, value);
      if (Buffer.compare(pair.publicValue, publicI) === 0) return pair.deriveShared(publicR);
      if (Buffer.compare(pair.publicValue, publicR) === 0) return pair.deriveShared(publicI);
    } catch (error) {
      // A value of another group's length is another SA's.
      if (!(error instanceof KeyExchangeError)) throw error;
    }
  }
  return undefined;
}

/** The keys of the Child SA that a response chose; undefined where its algorithms are not in the table, or its own secret is not known. */
export function deriveChild(
  ike: DerivedIke,
  proposal: Proposal,
  ni: Uint8Array,
  nr: Uint8Array,
  shared?: Uint8Array,
): { readonly initiator: ChildKeys; readonly responder: ChildKeys; readonly suite: ChosenSuite } | undefined {
  const suite = chosenSuite(proposal);
  if (suite.encr === undefined) return undefined;
  return { ...deriveChildKeys(ike.suite.prf, ike.keys.skD, suite, ni, nr, shared), suite };
}

function spiOctets(spi: bigint): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(spi);
  return octets;
}
