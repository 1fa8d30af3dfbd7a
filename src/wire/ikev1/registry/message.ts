/** ISAKMP Exchange Types (RFC 2408 3.1, RFC 2409 5.5 and 5.6, draft-dukes-ike-mode-cfg-02 3.1). */
export const exchangeType = {
  NONE: 0,
  BASE: 1,
  /** Main mode (RFC 2409 5). */
  IDENTITY_PROTECTION: 2,
  AUTHENTICATION_ONLY: 3,
  AGGRESSIVE: 4,
  INFORMATIONAL: 5,
  TRANSACTION: 6,
  QUICK_MODE: 32,
  NEW_GROUP_MODE: 33,
} as const;

/** ISAKMP Next Payload Types (RFC 2408 3.1, 3547, 3947, 6407) and private ones, by their notation. */
export const payloadType = {
  NONE: 0,
  SA: 1,
  P: 2,
  T: 3,
  KE: 4,
  ID: 5,
  CERT: 6,
  CR: 7,
  HASH: 8,
  SIG: 9,
  NONCE: 10,
  N: 11,
  D: 12,
  VID: 13,
  // draft-dukes-ike-mode-cfg-02 3.2
  ATTR: 14,
  // GDOI, RFC 6407; 15 and 16 were NAT-D and NAT-OA in drafts 04 to 08 of RFC 3947.
  SAK: 15,
  SAT: 16,
  KD: 17,
  SEQ: 18,
  POP: 19,
  // RFC 3947
  NAT_D: 20,
  NAT_OA: 21,
  // RFC 6407
  GAP: 22,
  // draft-ietf-ipsec-nat-t-ike-00 to 03
  NAT_D_DRAFT: 130,
  NAT_OA_DRAFT: 131,
  // Cisco's and Microsoft's fragmentation
  FRAGMENT: 132,
} as const;

/** Domains of Interpretation (RFC 2408 3.4, RFC 2407 6, RFC 6407). */
export const doi = { ISAKMP: 0, IPSEC: 1, GDOI: 2 } as const;

/** Bits of the IPsec DOI's situation (RFC 2407 4.2). */
export const situation = { SIT_IDENTITY_ONLY: 1, SIT_SECRECY: 2, SIT_INTEGRITY: 4 } as const;

/** IPsec DOI Security Protocol Identifiers (RFC 2407 4.4.1). */
export const protocolId = { NONE: 0, ISAKMP: 1, IPSEC_AH: 2, IPSEC_ESP: 3, IPCOMP: 4 } as const;
