/** How long a proof of identity holds, and when both ends have to give it anew: AUTH_LIFETIME (RFC 4478). */

import type { Role } from "../sa/any-ike-sa.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import type { Rounds } from "./auth/rounds.ts";
import { reauthGrace, reauthRetry, shortestReauth } from "./constants.ts";
import type { IkeSa } from "./ike-sa.ts";
import { findNotify, notify } from "./payloads.ts";
import type { Handshake } from "./state.ts";

/** The last time that both ends proved who they are; an IKE SA that rekeys another takes it over (RFC 4478 2). */
export interface Authentication {
  /** Our role in that exchange: only who opened it can be asked to repeat it. */
  readonly role: Role;
  /** Whether the end that opened it may be redirected (RFC 5685). */
  readonly redirectable: boolean;
  /** In ms of the engine's clock. */
  readonly since: number;
  /** The part of a lifetime after which we repeat it; by chance, so that many tunnels do not do so at once. */
  readonly share: number;
  /** When the peer wants it repeated, in ms of the engine's clock. */
  readonly wanted: number;
  /** What the peer may dislike of our proof, as far as its own words go. */
  readonly doubts: readonly string[];
}

/** Both ends have just proved who they are. */
export function beginAuthentication(
  sa: IkeSa,
  { redirectable }: Pick<Handshake, "redirectable">,
  { doubts }: Pick<Rounds, "doubts">,
): void {
  const share = 0.8 + (sa.host.random(1)[0] ?? 0) / 2_560;
  const wanted = Number.POSITIVE_INFINITY;
  sa.authentication = { role: sa.role, redirectable, since: sa.host.now(), share, wanted, doubts };
  arm(sa);
}

/** An IKE SA has replaced another by a rekey: the proof is as old as it was. */
export function inheritAuthentication(sa: IkeSa, replaced: IkeSa): void {
  sa.authentication = replaced.authentication;
  arm(sa);
}

/** What a responder says in its last IKE_AUTH message; nothing where a proof holds for ever. */
export function authLifetimePayloads(lifetime: number): Payload[] {
  if (lifetime === 0) return [];
  const data = Buffer.allocUnsafe(4);
  data.writeUInt32BE(Math.round(lifetime / 1000));
  return [notify(notifyType.AUTH_LIFETIME, data)];
}

/** Takes the responder's word, from IKE_AUTH or later; from the other end it means nothing. */
export function takeAuthLifetime(sa: IkeSa, payloads: readonly Payload[]): void {
  const { authentication } = sa;
  const data = findNotify(payloads, notifyType.AUTH_LIFETIME)?.data;
  if (data?.length !== 4 || authentication?.role !== "initiator") return;
  const lifetime = Buffer.from(data.buffer, data.byteOffset, 4).readUInt32BE() * 1000;
  // RFC 4478 5: a peer that always wants it at once would have us do nothing else.
  const wanted = Math.max(sa.host.now() + lifetime * authentication.share, sa.establishedAt + shortestReauth);
  sa.authentication = { ...authentication, wanted };
  arm(sa);
}

/** The timer has come: another IKE SA is opened, in time; where that failed to the end, this one goes. */
export function checkAuthentication(sa: IkeSa): void {
  if (sa.state.kind !== "Established") return;
  const now = sa.host.now();
  if (now >= expiry(sa)) return sa.close({ code: "authentication-expired" });
  if (now >= renewal(sa)) sa.host.renew(sa);
  arm(sa, now + reauthRetry);
}

function arm(sa: IkeSa, earliest = 0): void {
  const at = Math.min(Math.max(renewal(sa), earliest), expiry(sa));
  if (at < Number.POSITIVE_INFINITY) sa.host.arm(sa, "reauthenticate", at);
}

/** When another is to be opened. The end that was called leaves the other all the time there is. */
function renewal({ authentication, peer }: IkeSa): number {
  const lifetime = peer?.reauth ?? 0;
  if (authentication === undefined) return Number.POSITIVE_INFINITY;
  const { role, since, share, wanted } = authentication;
  const own = lifetime === 0 ? Number.POSITIVE_INFINITY : since + lifetime * (role === "initiator" ? share : 1);
  return Math.min(own, wanted);
}

/** When our own section does not believe the proof any more: RFC 4478 2 lets the peer have its time, and then deletes. */
function expiry({ authentication, peer }: IkeSa): number {
  const lifetime = peer?.reauth ?? 0;
  if (authentication === undefined || lifetime === 0) return Number.POSITIVE_INFINITY;
  return authentication.since + lifetime + reauthGrace;
}
