/** SUPPORTED_AUTH_METHODS: the methods that an end takes as the other's proof, in the order of its liking (RFC 9593 3.2). */

/** As many as are read. */
const most = 64;

/** One announcement. `algorithm` is a view of the input. */
export interface AuthAnnouncement {
  readonly method: number;
  /** Which CA of the sender's CERTREQ it is for, counted from 1; 0: any. */
  readonly certLink: number;
  /** The AlgorithmIdentifier in DER, where the method needs one to be told what is meant (RFC 9593 3.2.3). */
  readonly algorithm: Uint8Array | undefined;
}

/** Undefined where a length is none, or leads beyond the end. */
export function decodeAnnouncements(data: Uint8Array): readonly AuthAnnouncement[] | undefined {
  const list: AuthAnnouncement[] = [];
  for (let at = 0; at < data.length && list.length < most; ) {
    const length = data[at] ?? 0;
    if (length < 2 || at + length > data.length) return undefined;
    list.push({
      method: data[at + 1] ?? 0,
      certLink: length > 2 ? (data[at + 2] ?? 0) : 0,
      algorithm: length > 3 ? data.subarray(at + 3, at + length) : undefined,
    });
    at += length;
  }
  return list;
}

/** The shortest form that says it: RFC 9593 3.2.1 to 3.2.3. Throws RangeError for an AlgorithmIdentifier beyond 252 octets. */
export function encodeAnnouncements(list: readonly AuthAnnouncement[]): Buffer {
  return Buffer.concat(
    list.flatMap(({ method, certLink, algorithm }) => {
      if (algorithm === undefined)
        return [certLink === 0 ? Uint8Array.of(2, method) : Uint8Array.of(3, method, certLink)];
      if (algorithm.length > 252)
        throw new RangeError(`an AlgorithmIdentifier has at most 252 octets here, not ${algorithm.length}`);
      return [Uint8Array.of(3 + algorithm.length, method, certLink), algorithm];
    }),
  );
}
