/**
 * The rounds of IKE_AUTH, both roles: each end proves one identity a round, usually one in all, with RFC 4739 several.
 *
 * Every message of an end that still has something to prove holds its ID, its AUTH, and ANOTHER_AUTH_FOLLOWS where that was
 * not the last. An end that is through sends neither, until the other is through too: then IKE_AUTH is over.
 */
import { anonymous, type Identity, identityFromWire, sameIdentity } from "../../negotiate/identity.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerCredential, PeerDesired, RoundDesired } from "../../sa/desired.ts";
import type { AuthPayload, IdiPayload, IdrPayload } from "../../wire/ikev2/payloads/identity.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import type { IkeSa } from "../ike-sa.ts";
import { find, findNotify, notify } from "../payloads.ts";
import type { SignedOctets } from "../psk-auth.ts";
import type { Handshake } from "../state.ts";
import { requestPayloads } from "./announce.ts";
import type { Proof } from "./method.ts";
import { provingMethod, verifyingMethod } from "./methods.ts";
import { addWishes, noWishes, type Wishes } from "./wishes.ts";

/** What IKE_AUTH asks of whatever proves identities in it. */
export interface Rounds {
  /** Whether both ends have proved all that they have. */
  readonly isOver: boolean;
  /** Whether the peer has something left to prove. */
  readonly awaitsPeer: boolean;
  /** Who the peer is. */
  readonly remoteId: Identity;
  /** Our next message's part. */
  prove(then: (proof: Proof) => void): void;
  /** What the peer may have disliked of what we have proved, as far as its own words go. */
  readonly doubts: readonly string[];
  /** Checks the peer's part of a message; `then` gets why it is not who it should be, or undefined. */
  verify(payloads: readonly Payload[], then: (reason: Reason | undefined) => void): void;
}

/** How far both ends have come in one IKE_AUTH. */
export class AuthRounds implements Rounds {
  readonly #sa: IkeSa;
  readonly #peer: PeerDesired;
  readonly #handshake: Handshake;
  /** Rounds that we have sent, and rounds of the peer that have held. */
  #sent = 0;
  #held = 0;
  #remoteId = anonymous;
  #wishes: Wishes;

  constructor(sa: IkeSa, peer: PeerDesired, handshake: Handshake) {
    this.#sa = sa;
    this.#peer = peer;
    this.#handshake = handshake;
    this.#wishes = handshake.wishes ?? noWishes;
  }

  /** Whether both ends have proved all that they have. */
  get isOver(): boolean {
    return this.#sent === this.#peer.auth.local.length && this.#held === this.#peer.auth.remote.length;
  }

  /** Whether the peer has something left to prove. */
  get awaitsPeer(): boolean {
    return this.#held < this.#peer.auth.remote.length;
  }

  /** Who the peer is: the identity of its first round; where nothing is proved, what it claims, marked as that. */
  get remoteId(): Identity {
    return this.#remoteId;
  }

  /** Our next message's part: ID, proof, and whether another follows; nothing where we are through. */
  prove(then: (proof: Proof) => void): void {
    const { auth, localId } = this.#peer;
    const round = auth.local[this.#sent];
    if (round === undefined) return then({ payloads: [] });
    const own = round.id ?? localId;
    const kind = this.#sa.role === "initiator" ? "IDi" : "IDr";
    const id = { kind, idType: own.idType, data: own.octets } as const;
    provingMethod(round.credential).prove(this.#sa, round.credential, this.#signedByUs(id), this.#wishes, (proof) => {
      if ("reason" in proof) return then(proof);
      // RFC 7296 1.2: the responder has asked in IKE_SA_INIT.
      const asked = this.#sa.role === "initiator" && this.#sent === 0 ? requestPayloads([this.#peer]) : [];
      this.#sent += 1;
      const more = this.#sent < auth.local.length ? [notify(notifyType.ANOTHER_AUTH_FOLLOWS)] : [];
      then({ payloads: [id, ...proof.payloads, ...asked, ...more] });
    });
  }

  get doubts(): readonly string[] {
    return this.#peer.auth.local.flatMap(({ credential }) => {
      return provingMethod(credential).doubts?.(credential, this.#wishes) ?? [];
    });
  }

  /** Checks the peer's part of a message; `then` gets why it is not who it should be, or undefined. */
  verify(payloads: readonly Payload[], then: (reason: Reason | undefined) => void): void {
    this.#wishes = addWishes(this.#wishes, payloads);
    const round = this.#peer.auth.remote[this.#held];
    const auth = find(payloads, "AUTH");
    if (round === undefined) return then(auth === undefined ? undefined : violation("AUTH after the last round"));
    const kind = this.#sa.role === "initiator" ? "IDr" : "IDi";
    const id = find(payloads, kind);
    if (id === undefined) return then(violation(`${kind} is missing`));
    const identity = claimedIdentity(round, id);
    const reason = this.#refusal(round, identity, auth);
    if (reason !== undefined || auth === undefined) return then(reason);
    const claim = { identity, auth, signed: this.#signedByPeer(id), payloads };
    verifyingMethod(round.credential).verify(this.#sa, round.credential, claim, (fault) => {
      then(fault ?? this.#advance(identity, payloads));
    });
  }

  #refusal(round: RoundDesired<PeerCredential>, identity: Identity, auth: AuthPayload | undefined): Reason | undefined {
    const wanted = this.#held === 0 ? this.#peer.remoteId : round.id;
    // RFC 7619 2.2: what nobody proves is not compared with anything.
    if (wanted !== undefined && round.credential.kind !== "null" && !sameIdentity(wanted, identity))
      return { code: "wrong-identity", wanted: wanted.text, seen: identity.text };
    const method = verifyingMethod(round.credential);
    if (auth !== undefined && method.numbers.includes(auth.method)) return undefined;
    const seen = auth === undefined ? "EAP" : nameOf.auth(auth.method);
    return { code: "wrong-auth-method", identity: identity.text, wanted: method.label, seen };
  }

  #advance(identity: Identity, payloads: readonly Payload[]): Reason | undefined {
    if (this.#held === 0) this.#remoteId = identity;
    this.#held += 1;
    const wanted = this.#peer.auth.remote.length;
    const seen = this.#held + (findNotify(payloads, notifyType.ANOTHER_AUTH_FOLLOWS) === undefined ? 0 : 1);
    // RFC 4739 2.1: there is no negotiation about it; both ends must know what is to be proved.
    if (seen > this.#held === this.#held < wanted) return undefined;
    return { code: "wrong-auth-rounds", identity: identity.text, wanted, seen };
  }

  #signedByUs(identity: SignedOctets["identity"]): SignedOctets {
    const { request, response, ni, nr, skPi, skPr } = this.#handshake;
    return this.#sa.role === "initiator"
      ? { message: request, nonce: nr, identity, skP: skPi }
      : { message: response, nonce: ni, identity, skP: skPr };
  }

  #signedByPeer(identity: SignedOctets["identity"]): SignedOctets {
    const { request, response, ni, nr, skPi, skPr } = this.#handshake;
    return this.#sa.role === "initiator"
      ? { message: response, nonce: ni, identity, skP: skPr }
      : { message: request, nonce: nr, identity, skP: skPi };
  }
}

/** RFC 7619 3.1: an identity that nobody proves is marked wherever people read it. */
function claimedIdentity(
  { credential }: RoundDesired<PeerCredential>,
  { idType, data }: IdiPayload | IdrPayload,
): Identity {
  const identity = identityFromWire(idType, data);
  if (credential.kind !== "null") return identity;
  return { ...identity, text: data.length === 0 ? "unauthenticated" : `unauthenticated, claims ${identity.text}` };
}

function violation(fault: string): Reason {
  return { code: "protocol-violation", exchange: "IKE_AUTH", fault };
}
