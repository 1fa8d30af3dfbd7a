import { setImmediate } from "node:timers/promises";
import type { Request } from "../codec/request.ts";
import type { NetlinkError } from "../errors.ts";
import type { NetlinkSocket } from "../socket/netlink-socket.ts";
import { delPolicy, dumpPolicies, isSocketPolicy, type Policy } from "./policy.ts";
import { delSa, dumpSas, type Sa, type SaFilter } from "./sa.ts";

/** What a deletion by dump did. */
export interface DeletionReport {
  readonly deleted: number;
  /** Gone before we came, or larval without an SPI, which only their timer removes. */
  readonly missing: number;
  /** What the kernel refused otherwise. */
  readonly failed: readonly NetlinkError[];
}

/** Requests between two turns of the event loop: about half a millisecond. */
const PORTION = 64;
const ENOENT = 2;
const ESRCH = 3;

/** Deletes the SAs that `which` picks out of a dump: the kernel has no filtered flush. */
export async function deleteSas(
  socket: NetlinkSocket,
  filter: SaFilter,
  which: (sa: Sa) => boolean,
): Promise<DeletionReport> {
  const sas = await socket.dumpAsync(dumpSas(filter));
  return deleteAll(
    socket,
    sas.filter((sa) => which(sa)).map((sa) => delSa(sa)),
  );
}

/** Deletes the policies that `which` picks out of a dump; policies of sockets are not asked about. */
export async function deletePolicies(
  socket: NetlinkSocket,
  which: (policy: Policy) => boolean,
): Promise<DeletionReport> {
  const policies = await socket.dumpAsync(dumpPolicies());
  return deleteAll(
    socket,
    policies
      .filter((policy) => !isSocketPolicy(policy) && which(policy))
      .map(({ selector: _, ...policy }) => delPolicy(policy)),
  );
}

async function deleteAll(socket: NetlinkSocket, requests: readonly Request<void>[]): Promise<DeletionReport> {
  let deleted = 0;
  let missing = 0;
  const failed: NetlinkError[] = [];
  for (let from = 0; from < requests.length; from += PORTION) {
    for (const result of socket.batch(requests.slice(from, from + PORTION))) {
      if (result.ok) deleted++;
      else if (result.error.errno === ESRCH || result.error.errno === ENOENT) missing++;
      else failed.push(result.error);
    }
    await setImmediate();
  }
  return { deleted, missing, failed };
}
