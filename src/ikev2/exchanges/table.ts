/** The exchanges of IKEv2 and the states that admit them (invariant 4). A new exchange is a file beside this one and a row here. */
import type { Path } from "../../sa/path.ts";
import type { Header } from "../../wire/ikev2/header.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import type { IkeSa } from "../ike-sa.ts";
import type { StateKind } from "../state.ts";
import { answerCreateChild } from "./create-child-sa-responder.ts";
import { answerAuth } from "./ike-auth-responder.ts";
import { handleInitResponse } from "./ike-sa-init-initiator.ts";
import { handleResumeResponse } from "./ike-session-resume-initiator.ts";
import { answerInformational } from "./informational.ts";

export interface Exchange {
  /** States in which a request of the peer is answered; in any other it changes nothing. */
  readonly requestIn: readonly StateKind[];
  /** `payloads` are authenticated. Ends in `sa.respond`, now or later. */
  handleRequest(sa: IkeSa, payloads: readonly Payload[], path: Path, messageId: number): void;
  /** States in which a response to a request of ours is taken; what it means is the request's own to say. */
  readonly responseIn: readonly StateKind[];
  /** Exchanges in clear: nothing of it is authenticated. */
  handleClearResponse?(sa: IkeSa, header: Header, octets: Uint8Array, path: Path): void;
}

export const exchanges: ReadonlyMap<number, Exchange> = new Map<number, Exchange>([
  [
    exchangeType.IKE_SA_INIT,
    // A request makes a new SA, which is the engine's to do; its repeats are answered before this table is asked.
    {
      requestIn: [],
      handleRequest: () => {},
      responseIn: ["ExpectInitResponse"],
      handleClearResponse: handleInitResponse,
    },
  ],
  [
    exchangeType.IKE_SESSION_RESUME,
    // As IKE_SA_INIT, in whose place it stands (RFC 5723 4.3.2).
    {
      requestIn: [],
      handleRequest: () => {},
      responseIn: ["ExpectResumeResponse"],
      handleClearResponse: handleResumeResponse,
    },
  ],
  [
    exchangeType.IKE_AUTH,
    { requestIn: ["ExpectAuthRequest"], handleRequest: answerAuth, responseIn: ["ExpectAuthResponse"] },
  ],
  [
    exchangeType.CREATE_CHILD_SA,
    {
      requestIn: ["Established", "Rekeyed", "ExpectDeleteResponse"],
      handleRequest: answerCreateChild,
      responseIn: ["Established", "Rekeyed", "ExpectDeleteResponse"],
    },
  ],
  [
    exchangeType.INFORMATIONAL,
    {
      requestIn: ["Established", "Rekeyed", "ExpectDeleteResponse"],
      handleRequest: answerInformational,
      responseIn: ["Established", "Rekeyed", "ExpectDeleteResponse"],
    },
  ],
]);
