/** Oakley attributes of an ISAKMP SA (RFC 2409 appendix A). */
export const phase1Attribute = {
  ENCRYPTION_ALGORITHM: 1,
  HASH_ALGORITHM: 2,
  AUTHENTICATION_METHOD: 3,
  GROUP_DESCRIPTION: 4,
  GROUP_TYPE: 5,
  GROUP_PRIME: 6,
  GROUP_GENERATOR_ONE: 7,
  GROUP_GENERATOR_TWO: 8,
  GROUP_CURVE_A: 9,
  GROUP_CURVE_B: 10,
  LIFE_TYPE: 11,
  LIFE_DURATION: 12,
  PRF: 13,
  KEY_LENGTH: 14,
  FIELD_SIZE: 15,
  GROUP_ORDER: 16,
} as const;

/** Encryption Algorithm (RFC 2409 appendix A, RFC 3602 5, RFC 4312 5). */
export const encryptionAlgorithm = {
  DES_CBC: 1,
  IDEA_CBC: 2,
  BLOWFISH_CBC: 3,
  RC5_R16_B64_CBC: 4,
  "3DES_CBC": 5,
  CAST_CBC: 6,
  AES_CBC: 7,
  CAMELLIA_CBC: 8,
} as const;

/** Hash Algorithm (RFC 2409 appendix A, and IANA for SHA-2). */
export const hashAlgorithm = { MD5: 1, SHA: 2, TIGER: 3, SHA2_256: 4, SHA2_384: 5, SHA2_512: 6 } as const;

/**
 * Authentication Method (RFC 2409 appendix A, RFC 4754 4), and the private numbers of draft-ietf-ipsec-isakmp-hybrid-auth-05
 * 3.2.1 and draft-beaulieu-ike-xauth-02 7.2.
 */
export const authenticationMethod = {
  PRE_SHARED_KEY: 1,
  DSS_SIGNATURES: 2,
  RSA_SIGNATURES: 3,
  RSA_ENCRYPTION: 4,
  REVISED_RSA_ENCRYPTION: 5,
  ELGAMAL_ENCRYPTION: 6,
  REVISED_ELGAMAL_ENCRYPTION: 7,
  ECDSA_SIGNATURES: 8,
  ECDSA_256: 9,
  ECDSA_384: 10,
  ECDSA_521: 11,
  HYBRID_INIT_RSA: 64221,
  HYBRID_RESP_RSA: 64222,
  HYBRID_INIT_DSS: 64223,
  HYBRID_RESP_DSS: 64224,
  XAUTH_INIT_PRE_SHARED: 65001,
  XAUTH_RESP_PRE_SHARED: 65002,
  XAUTH_INIT_DSS: 65003,
  XAUTH_RESP_DSS: 65004,
  XAUTH_INIT_RSA: 65005,
  XAUTH_RESP_RSA: 65006,
  XAUTH_INIT_RSA_ENCRYPTION: 65007,
  XAUTH_RESP_RSA_ENCRYPTION: 65008,
  XAUTH_INIT_REVISED_RSA_ENCRYPTION: 65009,
  XAUTH_RESP_REVISED_RSA_ENCRYPTION: 65010,
} as const;

/** Group Type (RFC 2409 appendix A). */
export const groupType = { MODP: 1, ECP: 2, EC2N: 3 } as const;

/** Life Type, the same in both phases (RFC 2409 appendix A, RFC 2407 4.5). */
export const lifeType = { SECONDS: 1, KILOBYTES: 2 } as const;

/** Transform identifier of a phase 1 proposal (RFC 2407 4.4.2). */
export const isakmpTransform = { KEY_IKE: 1 } as const;
