/** What stands at the end of an ESP packet's content (RFC 4303 2.4 to 2.6). */

/** The content of an opened packet, taken apart. */
export interface EspContent {
  readonly payload: Uint8Array;
  readonly padding: Uint8Array;
  readonly nextHeader: number;
  /** The padding is 1, 2, 3 … as RFC 4303 2.4 has it unless the cipher says otherwise. */
  readonly paddingIsUsual: boolean;
}

/** Undefined where the pad length says more than there is. */
export function espContent(padded: Uint8Array): EspContent | undefined {
  const padLength = padded[padded.length - 2];
  const nextHeader = padded[padded.length - 1];
  if (padLength === undefined || nextHeader === undefined || padLength > padded.length - 2) return undefined;
  const end = padded.length - 2 - padLength;
  const padding = padded.subarray(end, end + padLength);
  return {
    payload: padded.subarray(0, end),
    padding,
    nextHeader,
    paddingIsUsual: padding.every((octet, index) => octet === index + 1),
  };
}
