/** Quick Mode's hashes and keys (RFC 2409 5.5), where SKEYID_a and SKEYID_d are known. */
import { deriveIpsecKeys, hash1, hash2, hash3 } from "../../crypto/ikev1-keys.ts";
import { findEspTransform, findIkev1Authentication, findIkev1Group } from "../../crypto/ikev1-numbers.ts";
import type { Header } from "../../wire/ikev1/header.ts";
import type { Protected } from "../../wire/ikev1/message.ts";
import { attributeNumber } from "../../wire/ikev1/payloads/attribute.ts";
import type { Proposal } from "../../wire/ikev1/payloads/sa.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { exchangeType, protocolId } from "../../wire/ikev1/registry/message.ts";
import { phase2Attribute } from "../../wire/ikev1/registry/phase2.ts";
import { sharedSecret } from "../ikev2/derive.ts";
import type { KeyStore } from "../keys/key-store.ts";
import { Recent } from "../recent.ts";
import type { Ikev1Session } from "./session.ts";

const maxExchanges = 256;

interface Exchange {
  readonly offer: readonly Payload[];
  readonly ni: Uint8Array;
  nr?: Uint8Array;
}

/** Follows the Quick Modes of one ISAKMP SA. */
export class QuickModes {
  readonly #exchanges = new Recent<number, Exchange>(maxExchanges);
  readonly #session: Ikev1Session;
  readonly #keys: KeyStore;

  constructor(session: Ikev1Session, keys: KeyStore) {
    this.#session = session;
    this.#keys = keys;
  }

  /** What can be said of an opened message of any exchange after phase 1: whether its hash is right, whether keys follow. */
  look(header: Header, message: Protected): string[] {
    const { skeyidA } = this.#session;
    const hash = message.payloads[0];
    if (skeyidA === undefined || header.messageId === 0 || hash?.isakmp !== "HASH") return [];
    const exchange = this.#exchanges.get(header.messageId);
    const [name, right] =
      header.exchangeType !== exchangeType.QUICK_MODE || exchange === undefined
        ? ["HASH(1)", hash1(skeyidA, header.messageId, message.afterFirst)]
        : exchange.nr === undefined
          ? ["HASH(2)", hash2(skeyidA, header.messageId, exchange.ni, message.afterFirst)]
          : ["HASH(3)", hash3(skeyidA, header.messageId, exchange.ni, exchange.nr)];
    const verdict = `${name} is ${Buffer.compare(right, hash.data) === 0 ? "right" : "wrong"}`;
    return header.exchangeType === exchangeType.QUICK_MODE
      ? [verdict, ...this.#follow(header, message, exchange)]
      : [verdict];
  }

  #follow(header: Header, { payloads }: Protected, exchange: Exchange | undefined): string[] {
    const nonce = payloads.find((payload) => payload.isakmp === "NONCE");
    if (nonce?.isakmp !== "NONCE") return [];
    if (exchange === undefined) {
      this.#exchanges.set(header.messageId, { offer: payloads, ni: Buffer.from(nonce.data) });
      return [];
    }
    if (exchange.nr !== undefined) return [];
    exchange.nr = Buffer.from(nonce.data);
    return this.#derive(exchange, exchange.nr, payloads) ? ["the IPsec SA's keys were derived"] : [];
  }

  #derive({ offer, ni }: Exchange, nr: Uint8Array, answer: readonly Payload[]): boolean {
    const { skeyidD } = this.#session;
    const [asked, chosen] = [espProposal(offer), espProposal(answer)];
    const transform = chosen?.transforms[0];
    if (skeyidD === undefined || asked === undefined || chosen === undefined || transform === undefined) return false;
    const value = (type: number) => {
      const found = transform.attributes.find((attribute) => attribute.type === type);
      return found === undefined ? undefined : attributeNumber(found);
    };
    const encr = findEspTransform(transform.id, value(phase2Attribute.KEY_LENGTH));
    const integ = findIkev1Authentication(value(phase2Attribute.AUTHENTICATION_ALGORITHM) ?? 0);
    const shared = this.#shared(offer, answer, value(phase2Attribute.GROUP_DESCRIPTION));
    if (encr === undefined || shared === undefined) return false;
    for (const spi of [asked.spi, chosen.spi]) {
      const keys = deriveIpsecKeys(skeyidD, { protocolId: protocolId.IPSEC_ESP, spi, encr, integ }, ni, nr, shared);
      this.#keys.addEsp({
        spi: Buffer.from(spi).readUInt32BE(0),
        encr,
        encrKey: keys.encrKey,
        integ,
        integKey: keys.integKey,
      });
    }
    return true;
  }

  /** g(qm)^xy, of no octets without a key exchange; undefined where no private value belongs to either end. */
  #shared(
    offer: readonly Payload[],
    answer: readonly Payload[],
    groupNumber: number | undefined,
  ): Uint8Array | undefined {
    const [keI, keR] = [publicValue(offer), publicValue(answer)];
    if (keI === undefined && keR === undefined) return new Uint8Array(0);
    const group = findIkev1Group(groupNumber ?? 0);
    if (keI === undefined || keR === undefined || group === undefined) return undefined;
    return sharedSecret(group, keI, keR, this.#keys.privateValues);
  }
}

function publicValue(payloads: readonly Payload[]): Uint8Array | undefined {
  const ke = payloads.find((payload) => payload.isakmp === "KE");
  return ke?.isakmp === "KE" ? ke.data : undefined;
}

function espProposal(payloads: readonly Payload[]): Proposal | undefined {
  const sa = payloads.find((payload) => payload.isakmp === "SA");
  if (sa?.isakmp !== "SA") return undefined;
  return sa.proposals.find((proposal) => proposal.protocolId === protocolId.IPSEC_ESP && proposal.spi.length === 4);
}
