/**
 * One test vector, as the files of `vectors/` in our own schema hold it and as every foreign layout is read into: octets
 * are hex, lengths and numbers are numbers.
 */

/** What must come out: the value given (`valid`), a refusal (`invalid`), or either of them (`acceptable`). */
export type Verdict = "valid" | "acceptable" | "invalid";

interface Named {
  /** Its name or number in its source. */
  readonly name: string;
  /** `valid` unless said. */
  readonly result?: Verdict;
}

/** A MAC, whole or truncated. */
export interface MacCase extends Named {
  readonly check: "mac";
  readonly algorithm: string;
  readonly key: string;
  /** Of AES-GMAC, and of no other. */
  readonly nonce?: string;
  readonly data: string;
  readonly mac: string;
}

/** One output of a PRF, or `prf+` (RFC 7296 2.13) of any length. */
export interface PrfCase extends Named {
  readonly check: "prf" | "prf+";
  readonly prf: string;
  readonly key: string;
  readonly data: string;
  readonly out: string;
}

/** A cipher without authentication; the padding is part of the plaintext. */
export interface CipherCase extends Named {
  readonly check: "cipher";
  readonly algorithm: string;
  readonly key: string;
  readonly salt?: string;
  readonly iv: string;
  readonly plaintext: string;
  readonly ciphertext: string;
}

/** An AEAD cipher; the nonce is salt and IV. */
export interface AeadCase extends Named {
  readonly check: "aead";
  readonly algorithm: string;
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly plaintext: string;
  readonly ciphertext: string;
  readonly tag: string;
}

/** A shared secret, with the public value of the private key where it is known. */
export interface KeyExchangeCase extends Named {
  readonly check: "key-exchange";
  readonly group: number;
  readonly private: string;
  readonly public?: string;
  readonly peer: string;
  readonly shared: string;
  /** How often the secret becomes the private key and that the peer's value (RFC 7748 5.2). */
  readonly iterations?: number;
}

/** The prime of a MODP group. */
export interface GroupCase extends Named {
  readonly check: "modp-group";
  readonly group: number;
  readonly prime: string;
}

/** SKEYID and what follows from it (RFC 2409 5). */
export interface Ikev1KeysCase extends Named {
  readonly check: "ikev1-keys";
  readonly hash: string;
  readonly authentication: string;
  readonly ni: string;
  readonly nr: string;
  readonly cookieI: string;
  readonly cookieR: string;
  readonly shared: string;
  readonly preSharedKey?: string;
  readonly skeyid?: string;
  readonly skeyidD?: string;
  readonly skeyidA?: string;
  readonly skeyidE?: string;
  /** An IPsec SA without a secret of its own: protocol of the proposal, SPI of its receiver, nonces of the Quick Mode. */
  readonly ipsecProtocol?: number;
  readonly ipsecSpi?: string;
  readonly quickNi?: string;
  readonly quickNr?: string;
  readonly keymat?: string;
}

/** SKEYSEED and what follows from it (RFC 7296 2.14, 2.17, 2.18); what is absent is not compared. */
export interface Ikev2KeysCase extends Named {
  readonly check: "ikev2-keys";
  readonly prf: string;
  readonly ni: string;
  readonly nr: string;
  readonly spiI: string;
  readonly spiR: string;
  readonly shared: string;
  readonly skeyseed?: string;
  /** prf+ (SKEYSEED, Ni | Nr | SPIi | SPIr). */
  readonly keys?: string;
  /** prf+ (SK_d, Ni | Nr), and the same with the new secret first. */
  readonly child?: string;
  readonly childWithSecret?: string;
  readonly newShared?: string;
  readonly rekeySkeyseed?: string;
}

/** A signature by a public key in SubjectPublicKeyInfo form. */
export interface SignatureCase extends Named {
  readonly check: "signature";
  readonly scheme: "ecdsa" | "eddsa" | "rsa-pkcs1" | "rsa-pss";
  readonly algorithm: string;
  readonly hash?: string;
  readonly publicKey: string;
  readonly message: string;
  readonly signature: string;
  /** Of an ECDSA signature: r and s as a DER sequence, or one after the other. */
  readonly encoding?: "der" | "concatenated";
  readonly saltLength?: number;
}

/** A whole ESP packet from its SPI on. */
export interface EspCase extends Named {
  readonly check: "esp";
  readonly encr: string;
  /** Without the salt. */
  readonly encrKey: string;
  readonly salt?: string;
  readonly integ?: string;
  readonly integKey?: string;
  readonly icvLength?: number;
  readonly packet: string;
  readonly highSequence?: number;
  /** Payload, padding, pad length and next header. */
  readonly padded?: string;
  readonly payload?: string;
}

/** A whole IP packet with AH. */
export interface AhCase extends Named {
  readonly check: "ah";
  readonly integ: string;
  readonly integKey: string;
  readonly packet: string;
}

/** An IKE message, a chain of payloads as inside SK, or the body of a payload. */
export interface MessageCase extends Named {
  readonly check: "message";
  readonly octets: string;
  /** A message where it is absent. */
  readonly firstType?: number;
  readonly place?: "clear" | "protected";
  /** Where SK is to be opened, keys of its sender; `encrKey` with salt. */
  readonly open?: {
    readonly encr: string;
    readonly encrKey: string;
    readonly integ?: string;
    readonly integKey?: string;
  };
  readonly plaintext?: string;
}

/** The DER of a signature's AlgorithmIdentifier (RFC 7427 A, RFC 8420 A). */
export interface AlgorithmIdentifierCase extends Named {
  readonly check: "algorithm-identifier";
  readonly der: string;
}

/** What nothing here computes, and why. */
export interface NotApplicableCase extends Named {
  readonly check: "none";
  readonly algorithm: string;
  readonly why: string;
}

/** Any vector. */
export type VectorCase =
  | MacCase
  | PrfCase
  | CipherCase
  | AeadCase
  | KeyExchangeCase
  | GroupCase
  | Ikev1KeysCase
  | Ikev2KeysCase
  | SignatureCase
  | EspCase
  | AhCase
  | MessageCase
  | AlgorithmIdentifierCase
  | NotApplicableCase;

/** A file of vectors. */
export interface VectorFile {
  /** Who made them: "RFC 4231", "Wycheproof", "strongSwan". */
  readonly source: string;
  readonly cases: readonly VectorCase[];
}

/** What became of a vector; `rows` are the keywords of the table that it went through. */
export interface Outcome {
  readonly status: "passed" | "failed" | "not applicable";
  readonly algorithm: string;
  readonly rows: readonly string[];
  /** The reason of anything but `passed`. */
  readonly why?: string;
}
