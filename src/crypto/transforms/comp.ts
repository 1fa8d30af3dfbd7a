/** A compression algorithm of IPComp (RFC 3173). */
export interface CompTransform {
  readonly type: "COMP";
  readonly keyword: string;
  /** Transform ID of the IPCOMP_SUPPORTED notify (RFC 7296 2.22). */
  readonly ikev2: number;
  /** IPCOMP transform identifier (RFC 2407 4.4.5). */
  readonly ikev1: number;
  readonly name: string;
  readonly kernel: { readonly name: string };
}

/** RFC 2394. LZS (RFC 2395) and LZJH (RFC 3051) are in no Linux. */
export const deflate: CompTransform = {
  type: "COMP",
  keyword: "deflate",
  ikev2: 2,
  ikev1: 2,
  name: "IPCOMP_DEFLATE",
  kernel: { name: "deflate" },
};
