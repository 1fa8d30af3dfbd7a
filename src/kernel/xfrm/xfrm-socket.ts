import type { NetlinkSocket } from "../../netlink-xfrm/index.ts";

/** What requests about SAs and policies need of a socket. */
export type XfrmSocket = Pick<NetlinkSocket, "request" | "batch" | "dumpAsync">;
