/** Limits and waits of an IKEv2 SA. Times in milliseconds. */

/** How long an answered DELETE, or a refused IKE_AUTH, is still answered when it is repeated. */
export const lingerTime = 30_000;

/** How long a DELETE of ours may go unanswered before what it deletes is removed all the same. */
export const closeWait = 3_000;

/**
 * What may be kept of messages that are not whole yet (RFC 7383 5): fragments of one, octets of one and of all on an IKE
 * SA, each fragment's cost included, and octets of all IKE SAs together whose peers have not proved who they are.
 */
export const reassemblyLimits = { fragments: 512, message: 81_920, ikeSa: 163_840, unproven: 8_388_608 } as const;

/** How long the next fragment of a message is waited for. */
export const reassemblyTime = 30_000;

/** How often a request is sent in one size before smaller fragments are tried (RFC 7383 2.5.2). */
export const probeTries = 3;

/** How long an IKE SA that the peer replaced waits for the peer's DELETE, once the peer has been heard on the new one. */
export const replacedWait = 30_000;

/** How long a peer may answer nothing but TEMPORARY_FAILURE before its IKE SA is closed. */
export const temporaryFailureLimit = 300_000;

/**
 * How long an IKE SA whose peer has given no answer keeps its Child SAs while another is opened. Less than what a peer has
 * that says that it lost one (engine/redundancy.ts), so that its end has its own reason.
 */
export const replacementWait = 8_000;

/** How long the rekey of an IKE SA waits for what is under way on it. */
export const rekeyPause = 200;

/** How long a responder waits for IKE_AUTH after it answered IKE_SA_INIT. */
export const halfOpenTime = 30_000;

/** Requests of ours that are under way at a time on one IKE SA, however many more the peer would take. */
export const ownWindowLimit = 16;

/** Requests of ours that may wait for their turn on one IKE SA. */
export const queueLimit = 1_024;

/** How often one IKE_SA_INIT is begun anew because the responder asks for a cookie or another key exchange method. */
export const restartLimit = 4;

/** How long after a proof of identity should have been repeated the IKE SA that rests on it goes. */
export const reauthGrace = 30_000;

/** How long after an IKE SA was opened to repeat it the next one is, where that came to nothing. */
export const reauthRetry = 10_000;

/** How soon after an IKE SA was established the peer may have the proof repeated. */
export const shortestReauth = 10_000;

/** Octets of a nonce: at least half the PRF's key (RFC 7296 2.10), for every PRF of the table. */
export const nonceLength = 32;
