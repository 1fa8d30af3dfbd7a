/** Limits and waits of an ISAKMP SA. Times in milliseconds. */

/** How long a responder waits for the caller's next message of phase 1. */
export const halfOpenTime = 30_000;

/** How long the next step between phase 1 and quick mode is waited for. */
export const setupTime = 30_000;

/** How often a message of phase 1 is answered anew because it comes again: nothing shows yet that its sender is at its address. */
export const repeatLimit = 12;

/** How long an initiator of quick mode keeps its last message, to say it again. */
export const quickModeTime = 30_000;

/** Exchanges of a peer that are under way at a time on one ISAKMP SA. */
export const exchangeLimit = 64;

/** Exchanges of ours that may wait for their turn on one ISAKMP SA. */
export const queueLimit = 1_024;

/** Message IDs of each end that are remembered, so that what was recorded cannot be played again (RFC 2408 3.1). */
export const rememberedMessageIds = 4_096;

/** How often it is looked whether the peer sends on a new pair: then it has our last message, and receives on it too. */
export const activationLook = 500;

/** How long that sign is waited for while an older pair carries everything: our last message may be lost and said again. */
export const activationWait = 5_000;

/** How long after a pair was replaced its DELETE is said: the message that completes the new one must have arrived by then. */
export const deletePause = 3_000;

/** How often that DELETE is repeated where pairs crossed, and how long after it was said last: while we still receive on the pair. */
export const repeatedDeletions = 2;
export const deletionRepeat = 700;

/** How often the DELETE of a pair that ended here is said again, each time that the peer shows that it lives. */
export const farewells = 2;

/** Pairs of which that is remembered. */
export const rememberedFarewells = 64;

/** Octets of a nonce. */
export const nonceLength = 32;

/** The lifetime that is offered where the file sets none, in seconds. */
export const usualSeconds = 86_400;

/** The part of a lifetime that the peer wants shorter than we do after which we replace what it limits. */
export const lifetimeShare = 0.85;
