/** Limits and waits of Child SAs. Times in milliseconds. */

/** How long after a Child SA's hard limit the kernel's report of its end is waited for. */
export const hardLimitGrace = 2_000;

/** How long an outbound SA waits for a sign that the peer has its inbound half: a response may be lost and repeated. */
export const outboundWait = 2_000;

/** How long at most while the old Child SA, which the peer is to delete, carries everything. */
export const longestOutboundWait = 60_000;

/** How long a peer that has put another in a Child SA's place is left to delete it; some daemons forget to where rekeys crossed. */
export const replacedPatience = 5_000;

/** SPIs of Child SAs that the peer deleted before we had the response that names them. */
export const earlyDeletions = 16;

/** Pairs of SAs that a peer may have of one child on one IKE SA: what crosses needs two. */
export const pairLimit = 4;
