/** IKE_AUTH after IKE_SESSION_RESUME: each end proves that it has the old IKE SA's SK_d, in one round (RFC 5723 4.3.3). */
import { keyPrf } from "../../crypto/prf.ts";
import { constantTimeEqual } from "../../crypto/secret.ts";
import type { PrfTransform } from "../../crypto/transforms/prf.ts";
import { type Identity, identityFromWire, sameIdentity } from "../../negotiate/identity.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { authMethod } from "../../wire/ikev2/registry/identity.ts";
import type { Proof } from "../auth/method.ts";
import type { Rounds } from "../auth/rounds.ts";
import type { IkeSa } from "../ike-sa.ts";
import { find } from "../payloads.ts";
import { macedIdentity, type SignedOctets } from "../psk-auth.ts";
import type { Handshake } from "../state.ts";

/**
 * Libreswan reads "AUTH = prf(SK_px, <message octets>)" without the sentence that follows it, and proves with the message alone. That
 * is taken, and answered likewise: SK_px comes from SK_d and both nonces, so that it is as much a proof; the identity must be the
 * ticket's, in an encrypted message. We never begin with it.
 */
type Form = "whole" | "message";
const forms: readonly Form[] = ["whole", "message"];

const number = authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE;

/** The identities are those of the old IKE SA, on both sides. */
export class ResumedRounds implements Rounds {
  readonly #sa: IkeSa;
  readonly #handshake: Handshake;
  readonly #localId: Identity;
  readonly #remoteId: Identity;
  #sent = false;
  #held = false;
  #form: Form = "whole";

  constructor(sa: IkeSa, handshake: Handshake, localId: Identity, remoteId: Identity) {
    this.#sa = sa;
    this.#handshake = handshake;
    this.#localId = localId;
    this.#remoteId = remoteId;
  }

  get isOver(): boolean {
    return this.#sent && this.#held;
  }

  get awaitsPeer(): boolean {
    return !this.#held;
  }

  get remoteId(): Identity {
    return this.#remoteId;
  }

  /** Nothing that we prove with depends on what the peer takes. */
  get doubts(): readonly string[] {
    return [];
  }

  prove(then: (proof: Proof) => void): void {
    const prf = this.#sa.keying?.suite.prf;
    if (prf === undefined || this.#sent) return then({ payloads: [] });
    const isInitiator = this.#sa.role === "initiator";
    const id = { idType: this.#localId.idType, data: this.#localId.octets };
    this.#sent = true;
    const data = proof(prf, this.#signed(isInitiator, id), this.#form);
    then({
      payloads: [
        { kind: isInitiator ? "IDi" : "IDr", ...id },
        { kind: "AUTH", method: number, data },
      ],
    });
  }

  verify(payloads: readonly Payload[], then: (reason: Reason | undefined) => void): void {
    const prf = this.#sa.keying?.suite.prf;
    if (prf === undefined) return;
    const isInitiator = this.#sa.role === "initiator";
    const id = find(payloads, isInitiator ? "IDr" : "IDi");
    const auth = find(payloads, "AUTH");
    if (id === undefined || auth === undefined)
      return then({ code: "protocol-violation", exchange: "IKE_AUTH", fault: "ID or AUTH is missing" });
    const identity = identityFromWire(id.idType, id.data);
    if (!sameIdentity(identity, this.#remoteId))
      return then({ code: "wrong-identity", wanted: this.#remoteId.text, seen: identity.text });
    const signed = this.#signed(!isInitiator, id);
    const form = forms.find((one) => constantTimeEqual(auth.data, proof(prf, signed, one)));
    this.#held = form !== undefined;
    if (form !== undefined) this.#form = form;
    then(this.#held ? undefined : { code: "wrong-secret", identity: identity.text, secret: "ticket" });
  }

  #signed(byInitiator: boolean, identity: SignedOctets["identity"]): SignedOctets {
    const { request, response, ni, nr, skPi, skPr } = this.#handshake;
    return byInitiator
      ? { message: request, nonce: nr, identity, skP: skPi }
      : { message: response, nonce: ni, identity, skP: skPr };
  }
}

/** AUTH = prf(SK_px, message | nonce | prf(SK_px, IDx')), or of the message alone. */
function proof(prf: PrfTransform, signed: SignedOctets, form: Form): Buffer {
  const keyed = keyPrf(prf, signed.skP);
  const octets =
    form === "whole"
      ? keyed.sign(signed.message, signed.nonce, macedIdentity(prf, signed))
      : keyed.sign(signed.message);
  keyed.destroy();
  return octets;
}
