/** What a message may hold: every payload kind of the table, every notify of the registry, whole requests, and what is malformed. */
import { parseProposal } from "../../../../src/crypto/keywords.ts";
import { spiOctets } from "../../../../src/ikev2/payloads.ts";
import { offerProposals } from "../../../../src/negotiate/proposals.ts";
import { encodePayloads } from "../../../../src/wire/ikev2/message.ts";
import { type KnownPayload, type Payload, payloads } from "../../../../src/wire/ikev2/payloads/table.ts";
import { protocolId } from "../../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../../src/wire/ikev2/registry/notify.ts";
import { peer } from "../desired.ts";
import { a, b } from "../pair.ts";
import type { Puppet } from "../puppet.ts";

/** Payloads as octets, sound or not. */
export interface Content {
  readonly name: string;
  readonly firstType: number;
  readonly octets: Buffer;
}

const [gre] = peer(a, b).children;
const spi = spiOctets(0xabcd_0001);
const ikeRows = [{ transforms: parseProposal("aes128gcm16-prfsha256-x25519", "ike") }];
const ikeOffer = offerProposals({ protocol: "ike", ours: ikeRows, withKe: true }, Buffer.alloc(8, 5));
const selector = Buffer.from("01000000" + "072f0010" + "0000ffff" + "c0000202" + "c0000202", "hex");

/** What replaces the IKE SA, in CREATE_CHILD_SA. */
export const ikeRekey: readonly Payload[] = [
  { kind: "SA", proposals: ikeOffer },
  { kind: "KE", group: 31, data: Buffer.alloc(32, 9) },
  { kind: "Nonce", data: Buffer.alloc(32, 7) },
];

/** The body of each, as it might be sent; a new payload kind does not compile without. */
const bodies: { readonly [K in KnownPayload["kind"]]: Uint8Array } = {
  SA: encodePayloads([{ kind: "SA", proposals: ikeOffer }]).octets.subarray(4),
  KE: Buffer.concat([Buffer.from("001f0000", "hex"), Buffer.alloc(32, 9)]),
  IDi: Buffer.concat([Buffer.from("02000000", "hex"), Buffer.from(`gw-${b}`)]),
  IDr: Buffer.concat([Buffer.from("02000000", "hex"), Buffer.from(`gw-${a}`)]),
  CERT: Buffer.concat([Uint8Array.of(4), Buffer.alloc(64, 1)]),
  CERTREQ: Buffer.concat([Uint8Array.of(4), Buffer.alloc(20, 1)]),
  AUTH: Buffer.concat([Buffer.from("02000000", "hex"), Buffer.alloc(32, 3)]),
  Nonce: Buffer.alloc(32, 7),
  N: Buffer.from("00004000", "hex"),
  D: Buffer.from("01000000", "hex"),
  V: Buffer.from("a vendor"),
  TSi: selector,
  TSr: selector,
  SK: Buffer.alloc(48, 2),
  SKF: Buffer.concat([Buffer.from("00010002", "hex"), Buffer.alloc(48, 2)]),
  CP: Buffer.from("01000000", "hex"),
  EAP: Buffer.from("0101000501", "hex"),
  PS: Buffer.alloc(8, 4),
};

/** Tried with every exchange, direction, guise and message ID. */
export function harmful(one: Puppet): Content[] {
  if (gre === undefined) throw new Error("no child");
  const nonce: Payload = { kind: "Nonce", data: Buffer.alloc(32, 7) };
  const rekeyed: Payload = { kind: "N", protocolId: protocolId.ESP, spi, type: notifyType.REKEY_SA, data: none };
  return [
    content("nothing", []),
    content("a deletion of the IKE SA", [{ kind: "D", protocolId: protocolId.IKE, spiSize: 0, spis: [] }]),
    content("AUTHENTICATION_FAILED", [notifyOf(notifyType.AUTHENTICATION_FAILED)]),
    content("a child", [...one.childPayloads(gre, 0xabcd_0009), nonce]),
    content("a child's rekeying", [rekeyed, ...one.childPayloads(gre, 0xabcd_000a), nonce]),
  ];
}

/** Everything else. */
export function others(): Content[] {
  return [
    content("a deletion of the child", [{ kind: "D", protocolId: protocolId.ESP, spiSize: 4, spis: [spi] }]),
    content("a deletion of nobody's", [{ kind: "D", protocolId: protocolId.AH, spiSize: 4, spis: [spi] }]),
    content("the IKE SA's rekeying", ikeRekey),
    ...Object.entries(notifyType).map(([name, type]) => content(`N(${name})`, [notifyOf(type)])),
    ...Object.entries(bodies).flatMap(([kind, body]) => {
      const { type } = payloads[kind as KnownPayload["kind"]];
      return [
        raw(kind, type, body),
        raw(`an empty ${kind}`, type, none),
        raw(`${kind} that claims to be longer`, type, body, body.length + 400),
      ];
    }),
    raw("an unknown payload", 100, Buffer.alloc(8)),
    {
      ...raw("an unknown critical payload", 100, Buffer.alloc(8)),
      octets: Buffer.from("0080000c0000000000000000", "hex"),
    },
    { name: "half a payload header", firstType: payloads.N.type, octets: Buffer.from("0000", "hex") },
    {
      name: "octets behind the last payload",
      firstType: payloads.V.type,
      octets: Buffer.from("00000005ffabcdef", "hex"),
    },
  ];
}

const none = Buffer.alloc(0);

function notifyOf(type: number): Payload {
  return { kind: "N", protocolId: 0, spi: none, type, data: none };
}

function content(name: string, list: readonly Payload[]): Content {
  const { firstType, octets } = encodePayloads(list);
  return { name, firstType, octets: Buffer.from(octets) };
}

/** One payload, whatever its body is like. */
function raw(name: string, type: number, body: Uint8Array, claimed = body.length): Content {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(4 + claimed, 2);
  return { name, firstType: type, octets: Buffer.concat([header, body]) };
}
