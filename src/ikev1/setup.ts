/** What comes between phase 1 and quick mode: one end logs in (XAuth), one end gets an address inside (mode config). */
import type { Reason } from "../negotiate/reason.ts";
import type { Attribute } from "../wire/ikev1/payloads/attribute.ts";
import type { AttrPayload } from "../wire/ikev1/payloads/configuration.ts";
import { cfgType } from "../wire/ikev1/registry/configuration.ts";
import { setupTime } from "./constants.ts";
import { TransactionInitiator } from "./exchanges/transaction.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import { askForAddress, giveAddress, isAboutAddress, takeAddress } from "./inner-address.ts";
import { askForLogin, isAboutLogin, logIn, takeVerdict } from "./login.ts";
import type { SetupState } from "./state.ts";

/** An answer to the peer, and what follows once it is out. */
export interface TransactionAnswer {
  readonly attributes: readonly Attribute[];
  readonly after?: (() => void) | undefined;
}

/** The steps of one ISAKMP SA, in their order: quick mode is possible after the last one. */
export class Setup {
  readonly #sa: IkeV1Sa;
  #initialContact = false;

  constructor(sa: IkeV1Sa) {
    this.#sa = sa;
  }

  /** Both ends have proved who they are in phase 1, by this Authentication Method. */
  begin(login: "initiator" | "responder" | undefined, initialContact: boolean): void {
    this.#initialContact = initialContact;
    if (login === undefined) return this.loggedIn();
    if (login === this.#sa.role) return this.expect({ kind: "ExpectLoginRequest" });
    askForLogin(this.#sa);
  }

  /** INITIAL-CONTACT came in a message of its own: it counts once all is done. */
  initialContact(): void {
    this.#initialContact = true;
  }

  /** The end that had to has logged in. */
  loggedIn(): void {
    const { innerAddress } = this.#sa.peer ?? {};
    if (innerAddress?.kind === "client") return askForAddress(this.#sa, innerAddress.by);
    if (innerAddress?.kind === "server" && innerAddress.by === "push") return giveAddress(this.#sa, innerAddress.pool);
    this.done();
  }

  /** Nothing is missing any more. */
  done(): void {
    this.#sa.stand(this.#initialContact);
  }

  /** Waits for the peer, but not for ever. */
  expect(state: SetupState): void {
    const { host } = this.#sa;
    this.#sa.state = state;
    host.disarm(this.#sa, "half-open");
    host.arm(this.#sa, "setup", host.now() + setupTime);
  }

  /** Asks the peer, or sets something there. */
  ask(transaction: ConstructorParameters<typeof TransactionInitiator>[0]): void {
    new TransactionInitiator(transaction).begin(this.#sa);
  }

  /** The peer asks, or sets something here. Draft-dukes-ike-mode-cfg-02 2: whatever it is, it is answered. */
  asked(payload: AttrPayload): TransactionAnswer {
    const { cfgType: type, attributes } = payload;
    this.#sa.settle();
    if (attributes.some(isAboutLogin))
      return type === cfgType.ISAKMP_CFG_SET ? takeVerdict(this.#sa, attributes) : logIn(this.#sa, attributes);
    return isAboutAddress(this.#sa, type) ? takeAddress(this.#sa, type, attributes) : { attributes: [] };
  }

  /** The peer has not gone on in time. */
  onTimer(): void {
    const { state, path, host, createdAt } = this.#sa;
    const exchange = state.kind === "ExpectAddress" || state.kind === "ExpectAddressAck" ? "mode config" : "XAuth";
    const seconds = Math.round((host.now() - createdAt) / 1000);
    this.unanswered({ code: "no-answer", exchange, remote: path.remote.address, attempts: 0, seconds });
  }

  /** The peer is silent; who was told that its password is wrong need not say anything. */
  unanswered(reason: Reason): void {
    const { state } = this.#sa;
    this.refuse((state.kind === "ExpectLoginAck" ? state.refusal : undefined) ?? reason);
  }

  /** It comes to nothing: nothing of it stays (draft-beaulieu-ike-xauth-02 6). */
  refuse(reason: Reason): void {
    const { peer, role, host } = this.#sa;
    // Of who called and has not come to stand the peer's record knows nothing.
    if (peer !== undefined && role === "responder") host.refused([peer], reason);
    this.#sa.close(reason);
  }
}
