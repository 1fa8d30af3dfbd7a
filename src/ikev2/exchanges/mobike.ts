/** MOBIKE's part in INFORMATIONAL exchanges (RFC 4555 3.5 to 3.9): addresses that change, are listed, and are checked. */
import { constantTimeEqual } from "../../crypto/secret.ts";
import { type Address, addressOctets, type Endpoint } from "../../negotiate/address.ts";
import { watchKeepalive } from "../../sa/keepalive.ts";
import { type Path, samePath } from "../../sa/path.ts";
import { moveTo } from "../../sa/path-change.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import type { IkeSa } from "../ike-sa.ts";
import { further, listedAddresses, listPayloads, listsAddresses, type Mobike, waysOf } from "../mobike.ts";
import { findNat, natDetectionPayloads } from "../nat-detection.ts";
import { findNotify, notify } from "../payloads.ts";
import type { Task } from "../task.ts";

/** Octets of a COOKIE2: 8 to 64 (RFC 4555 4.2.5). */
const cookieLength = 16;

/** What a request of the peer changes, and what its answer says about it. `messageId` is the request's. */
export function answerMobike(sa: IkeSa, payloads: readonly Payload[], path: Path, messageId: number): Payload[] {
  const { mobike } = sa;
  if (mobike === undefined) return [];
  const cookie = findNotify(payloads, notifyType.COOKIE2);
  const answer = cookie === undefined ? [] : [notify(notifyType.COOKIE2, cookie.data)];
  const forbidden = findNotify(payloads, notifyType.NO_NATS_ALLOWED);
  if (forbidden !== undefined && !isUntranslated(forbidden.data, path))
    return [notify(notifyType.UNEXPECTED_NAT_DETECTED), ...answer];
  if (listsAddresses(payloads) && messageId > sa.mobikeOrder.listedBy) {
    sa.mobikeOrder.listedBy = messageId;
    mobike.peerAddresses = listedAddresses(payloads);
    if (mobike.decides) chooseAgain(sa, mobike, path);
  }
  const update = findNotify(payloads, notifyType.UPDATE_SA_ADDRESSES) !== undefined;
  if (update && !mobike.decides && messageId > sa.mobikeOrder.updatedBy) {
    sa.mobikeOrder.updatedBy = messageId;
    takeUpdate(sa, payloads, path);
  }
  // RFC 4555 3.8: whoever sends them wants to know how it is seen.
  if (findNotify(payloads, notifyType.NAT_DETECTION_SOURCE_IP) !== undefined)
    answer.push(...natDetectionPayloads(sa.initiatorSpi, sa.responderSpi, path, sa.nat.forced));
  return answer;
}

/** Who decides has everything take another way from now on, and tells the peer (RFC 4555 3.5). */
export function changeAddresses(sa: IkeSa, path: Path): void {
  const { mobike } = sa;
  if (mobike === undefined || samePath(sa.path, path)) return;
  moveTo(sa, path);
  announceChange(sa, mobike);
}

/** The answer to a request that had to try several ways came over `path`: that one works (RFC 4555 3.10). */
export function answeredOver(sa: IkeSa, path: Path): void {
  if (sa.mobike?.decides !== true || sa.state.kind !== "Established" || samePath(path, sa.path)) return;
  if (waysOf(sa).some((way) => samePath(way, path))) changeAddresses(sa, path);
}

/** The host's addresses are others than before. */
export function addressesChanged(sa: IkeSa): void {
  const { mobike } = sa;
  if (mobike === undefined || sa.state.kind !== "Established") return;
  const own = sa.host.ownAddresses(sa);
  mobike.refused = [];
  returnTo(sa, mobike, own);
  if (own.includes(sa.path.local.address)) {
    if (!sameList(mobike.told, further(sa))) sa.request(announceList());
    return;
  }
  const [way] = waysOf(sa);
  // Without any address there is nothing to be said, and nobody to say it to.
  if (way === undefined) return;
  if (mobike.decides) return changeAddresses(sa, way);
  // RFC 4555 3.5: an address that is gone is the one case in which the other end changes by itself.
  mobike.left ??= sa.path;
  moveTo(sa, way);
  sa.request(announceList());
}

/**
 * The address is back, and who decides has decided nothing since, or its UPDATE_SA_ADDRESSES is still to come: what it sends
 * takes the way that it knows, for it may never have heard that we had left.
 */
function returnTo(sa: IkeSa, mobike: Mobike, own: readonly Address[]): void {
  const { left } = mobike;
  if (left === undefined || !own.includes(left.local.address)) return;
  mobike.left = undefined;
  moveTo(sa, left);
}

/** What a sign of life asks beside the sign: who decides behind a NAT wants to know how it is seen (RFC 4555 3.8). */
export function mappingQuestion(sa: IkeSa): Payload[] {
  if (sa.mobike?.decides !== true || !sa.nat.local) return [];
  return natDetectionPayloads(sa.initiatorSpi, sa.responderSpi, sa.path, sa.nat.forced);
}

/** The answer to it: seen otherwise than before, the peer is told to take note. */
export function takeMapping(sa: IkeSa, payloads: readonly Payload[]): void {
  const seenAs = findNotify(payloads, notifyType.NAT_DETECTION_DESTINATION_IP)?.data;
  const { mobike } = sa;
  if (seenAs === undefined || mobike?.decides !== true) return;
  if (mobike.seenAs !== undefined && constantTimeEqual(seenAs, mobike.seenAs)) return;
  announceChange(sa, mobike);
}

/** The peer's list is another: the way in use may not be among those that it has any more, or that it takes. */
function chooseAgain(sa: IkeSa, mobike: Mobike, path: Path): void {
  const current = sa.path.remote.address;
  if (current === path.remote.address) return;
  // It may have left the way in use for as long as its address was gone, and not have come back to it: it is told again.
  if (mobike.peerAddresses.includes(current)) return announceChange(sa, mobike);
  // The one that the request came from works.
  changeAddresses(sa, path);
}

function takeUpdate(sa: IkeSa, payloads: readonly Payload[], path: Path): void {
  const moved = sa.path.remote.address !== path.remote.address;
  if (sa.mobike !== undefined) sa.mobike.left = undefined;
  if (findNotify(payloads, notifyType.NAT_DETECTION_SOURCE_IP) !== undefined)
    sa.nat = findNat(payloads, sa.initiatorSpi, sa.responderSpi, path, sa.nat.forced);
  moveTo(sa, path);
  watchKeepalive(sa);
  // RFC 4555 3.7: after the SAs have moved, for they must not stand still meanwhile; who does not answer loses them.
  if (moved) sa.request(checkRoutability());
}

function announceChange(sa: IkeSa, mobike: Mobike): void {
  mobike.changes += 1;
  if (mobike.waiting === "update") return;
  mobike.waiting = "update";
  sa.request(updateAddresses(mobike));
}

function updateAddresses(mobike: Mobike): Task {
  let changes = 0;
  let cookie: Uint8Array = new Uint8Array(0);
  const task: Task = {
    exchangeType: exchangeType.INFORMATIONAL,
    begin: (sa) => {
      mobike.waiting = undefined;
      changes = mobike.changes;
      cookie = sa.host.random(cookieLength);
      mobike.told = further(sa);
      sa.sendRequest(task, [
        notify(notifyType.UPDATE_SA_ADDRESSES),
        ...natDetectionPayloads(sa.initiatorSpi, sa.responderSpi, sa.path, sa.peer?.nat.force === true),
        ...listPayloads(sa),
        notify(notifyType.COOKIE2, cookie),
      ]);
    },
    handleResponse: (sa, payloads) => {
      if (!echoes(sa, payloads, cookie)) return;
      // The addresses have changed again meanwhile: what this says is about others.
      if (mobike.changes !== changes || sa.mobike !== mobike) return;
      if (findNotify(payloads, notifyType.UNACCEPTABLE_ADDRESSES) !== undefined) return refused(sa, mobike);
      mobike.refused = [];
      mobike.seenAs = findNotify(payloads, notifyType.NAT_DETECTION_DESTINATION_IP)?.data.slice();
      if (findNotify(payloads, notifyType.NAT_DETECTION_SOURCE_IP) !== undefined)
        sa.nat = findNat(payloads, sa.initiatorSpi, sa.responderSpi, sa.path, sa.peer?.nat.force === true);
      sa.children.follow();
      watchKeepalive(sa);
    },
    abandon: () => {
      mobike.waiting = undefined;
    },
  };
  return task;
}

/** The peer does not want this way: another that it has not refused, if there is one (RFC 4555 3.5). */
function refused(sa: IkeSa, mobike: Mobike): void {
  const ways = waysOf(sa);
  const isRefused = (way: Path) => samePath(way, sa.path) || mobike.refused.some((one) => samePath(one, way));
  mobike.refused = ways.filter(isRefused);
  const other = ways.find((way) => !isRefused(way));
  if (other !== undefined) changeAddresses(sa, other);
}

function announceList(): Task {
  const task: Task = {
    exchangeType: exchangeType.INFORMATIONAL,
    begin: (sa) => {
      if (sa.mobike !== undefined) sa.mobike.told = further(sa);
      sa.sendRequest(task, listPayloads(sa));
    },
    handleResponse: () => {},
  };
  return task;
}

/** Asks for an answer that only who receives at that address can give (RFC 4555 3.7). */
function checkRoutability(): Task {
  let cookie: Uint8Array = new Uint8Array(0);
  const task: Task = {
    exchangeType: exchangeType.INFORMATIONAL,
    begin: (sa) => {
      cookie = sa.host.random(cookieLength);
      sa.sendRequest(task, [notify(notifyType.COOKIE2, cookie)]);
    },
    handleResponse: (sa, payloads) => void echoes(sa, payloads, cookie),
  };
  return task;
}

/** RFC 4555 3.7: an answer with another COOKIE2 than ours closes the IKE SA. */
function echoes(sa: IkeSa, payloads: readonly Payload[], cookie: Uint8Array): boolean {
  const echoed = findNotify(payloads, notifyType.COOKIE2)?.data;
  if (echoed !== undefined && constantTimeEqual(echoed, cookie)) return true;
  const fault = "COOKIE2 did not come back as it was";
  sa.close({ code: "protocol-violation", exchange: "INFORMATIONAL", fault });
  return false;
}

/** RFC 4555 4.2.6: both addresses and both ports, as the sender wrote them. */
function isUntranslated(data: Uint8Array, path: Path): boolean {
  const expected = Buffer.concat([
    addressOctets(path.remote.address),
    addressOctets(path.local.address),
    portOctets(path.remote),
    portOctets(path.local),
  ]);
  return expected.length === data.length && Buffer.compare(expected, data) === 0;
}

function portOctets({ port }: Endpoint): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff);
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((address) => b.includes(address));
}
