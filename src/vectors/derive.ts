/** Key derivation by hand: what another implementation should have got from the same nonces, SPIs and shared secret. */
import { encrNamed, integNamed, prfNamed } from "../crypto/foreign-names.ts";
import {
  deriveIpsecKeys,
  deriveSkeyidKeys,
  expandCipherKey,
  phase1Iv,
  phase2Iv,
  skeyidPreSharedKey,
  skeyidPublicKey,
  skeyidSignature,
} from "../crypto/ikev1-keys.ts";
import { deriveChildKeys, deriveIkeKeys, rekeySkeyseed, skeyseed } from "../crypto/ikev2-keys.ts";
import { keyPrf } from "../crypto/prf.ts";
import type { EncrTransform } from "../crypto/transforms/encr.ts";
import type { IntegTransform } from "../crypto/transforms/integ.ts";
import type { PrfTransform } from "../crypto/transforms/prf.ts";
import { findKeyword } from "../crypto/transforms.ts";

/** What is given; octets as they are. Algorithms by any name that is known, IKE's before Child's. */
export interface DeriveInput {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly spiI: Uint8Array;
  readonly spiR: Uint8Array;
  readonly shared: Uint8Array;
  /** `aes128-sha256-modp2048`: the IKE proposal. */
  readonly ike: string;
  /** The ESP proposal of the Child SA, where its keys are wanted. */
  readonly esp?: string | undefined;
  /** Nonces and secret of the exchange that made the Child SA; those of the IKE SA unless given. */
  readonly childNi?: Uint8Array | undefined;
  readonly childNr?: Uint8Array | undefined;
  readonly childShared?: Uint8Array | undefined;
  /** IKEv2: SK_d of the SA that is rekeyed. */
  readonly oldSkD?: Uint8Array | undefined;
  /** IKEv1: the pre-shared key; without one SKEYID is that of signatures. */
  readonly psk?: Uint8Array | undefined;
  readonly publicKeyEncryption?: boolean | undefined;
  /** IKEv1: both public values, for the first IV. */
  readonly publicI?: Uint8Array | undefined;
  readonly publicR?: Uint8Array | undefined;
  /** IKEv1: the SPI that each end chose. */
  readonly espSpiI?: Uint8Array | undefined;
  readonly espSpiR?: Uint8Array | undefined;
  /** IKEv1: the last block of phase 1 and an exchange's message ID, for that exchange's first IV. */
  readonly lastBlock?: Uint8Array | undefined;
  readonly messageId?: number | undefined;
}

/** A derived value by its RFC's name. */
export interface DerivedValue {
  readonly name: string;
  readonly value: Uint8Array;
}

/** Algorithms that do not come to a derivation; the message says which. */
export class DeriveError extends Error {
  override readonly name = "DeriveError";
}

/** SKEYSEED, SK_* and KEYMAT (RFC 7296 2.14, 2.17, 2.18). Throws {@link DeriveError}. */
export function deriveIkev2(input: DeriveInput): DerivedValue[] {
  checkSpis(input);
  const { encr, integ, prf } = suiteOf(input.ike);
  const { ni, nr, spiI, spiR, shared, oldSkD } = input;
  if (prf === undefined) throw new DeriveError(`${input.ike} names no PRF and implies none`);
  if (encr === undefined) throw new DeriveError(`${input.ike} names no cipher`);
  const seed = oldSkD === undefined ? skeyseed(prf, ni, nr, shared) : rekeySkeyseed(prf, oldSkD, shared, ni, nr);
  const keys = deriveIkeKeys({ encr, integ, prf }, seed, ni, nr, spiI, spiR);
  const values: DerivedValue[] = [
    { name: "SKEYSEED", value: seed },
    { name: "SK_d", value: keys.skD },
    { name: "SK_ai", value: keys.skAi },
    { name: "SK_ar", value: keys.skAr },
    { name: "SK_ei", value: keys.skEi },
    { name: "SK_er", value: keys.skEr },
    { name: "SK_pi", value: keys.skPi },
    { name: "SK_pr", value: keys.skPr },
  ];
  if (input.esp === undefined) return present(values);
  const child = deriveChildKeys(
    prf,
    keys.skD,
    suiteOf(input.esp),
    input.childNi ?? ni,
    input.childNr ?? nr,
    input.childShared,
  );
  return present([
    ...values,
    { name: "KEYMAT initiator encryption", value: child.initiator.encrKey },
    { name: "KEYMAT initiator integrity", value: child.initiator.integKey },
    { name: "KEYMAT responder encryption", value: child.responder.encrKey },
    { name: "KEYMAT responder integrity", value: child.responder.integKey },
  ]);
}

/** SKEYID, SKEYID_d, _a, _e, the cipher's key, the first IV and KEYMAT (RFC 2409 5 and appendix B). Throws {@link DeriveError}. */
export function deriveIkev1(input: DeriveInput): DerivedValue[] {
  checkSpis(input);
  const { encr, prf } = suiteOf(input.ike);
  const { ni, nr, shared, psk, publicI, publicR, lastBlock, messageId } = input;
  if (prf === undefined || prf.method.kind !== "hmac") throw new DeriveError(`${input.ike} names no hash of IKEv1`);
  const { hash } = prf.method;
  const cookies = { initiator: input.spiI, responder: input.spiR };
  const skeyid =
    psk !== undefined
      ? skeyidPreSharedKey(prf, psk, ni, nr)
      : input.publicKeyEncryption === true
        ? skeyidPublicKey(prf, hash, ni, nr, cookies)
        : skeyidSignature(prf, ni, nr, shared);
  const { d, a, e } = deriveSkeyidKeys(keyPrf(prf, skeyid), shared, cookies);
  return present([
    { name: "SKEYID", value: skeyid },
    { name: "SKEYID_d", value: d },
    { name: "SKEYID_a", value: a },
    { name: "SKEYID_e", value: e },
    ...(encr === undefined ? [] : [{ name: "encryption key", value: expandCipherKey(prf, encr, e) }]),
    ...(encr === undefined || publicI === undefined || publicR === undefined
      ? []
      : [{ name: "IV", value: phase1Iv(hash, encr, publicI, publicR) }]),
    ...(encr === undefined || lastBlock === undefined || messageId === undefined
      ? []
      : [
          {
            name: `IV of ${messageId.toString(16).padStart(8, "0")}`,
            value: phase2Iv(hash, encr, lastBlock, messageId),
          },
        ]),
    ...keymat(input, prf, d),
  ]);
}

function keymat(input: DeriveInput, prf: PrfTransform, skeyidD: Uint8Array): DerivedValue[] {
  if (input.esp === undefined) return [];
  if (input.espSpiI === undefined && input.espSpiR === undefined)
    throw new DeriveError("KEYMAT of IKEv1 needs the SPI that an end chose (--esp-spi-i, --esp-spi-r; RFC 2409 5.5)");
  const { encr, integ } = suiteOf(input.esp);
  const keyed = keyPrf(prf, skeyidD);
  const ends = [
    ["to the initiator", input.espSpiI],
    ["to the responder", input.espSpiR],
  ] as const;
  return ends.flatMap(([end, spi]) => {
    if (spi === undefined) return [];
    const sa = { protocolId: 3, spi, encr, integ };
    const keys = deriveIpsecKeys(keyed, sa, input.childNi ?? input.ni, input.childNr ?? input.nr, input.childShared);
    return [
      { name: `KEYMAT ${end}, encryption`, value: keys.encrKey },
      { name: `KEYMAT ${end}, integrity`, value: keys.integKey },
    ];
  });
}

/** An SPI or cookie of IKE has 8 octets (RFC 7296 3.1, RFC 2408 3.1), one of ESP has 4 (RFC 4303 2.1). */
function checkSpis({ spiI, spiR, espSpiI, espSpiR }: DeriveInput): void {
  const spis = [
    ["--spi-i", spiI, 8],
    ["--spi-r", spiR, 8],
    ["--esp-spi-i", espSpiI, 4],
    ["--esp-spi-r", espSpiR, 4],
  ] as const;
  for (const [flag, spi, octets] of spis) {
    if (spi !== undefined && spi.length !== octets)
      throw new DeriveError(`${flag} has ${spi.length} octets, possible are ${octets}`);
  }
}

interface Suite {
  readonly encr?: EncrTransform | undefined;
  readonly integ?: IntegTransform | undefined;
  readonly prf?: PrfTransform | undefined;
}

/** Keywords joined by "-", the PRF implied by the integrity algorithm; a word that is no keyword by any other name it has. */
function suiteOf(proposal: string): Suite {
  let suite: Suite = {};
  for (const word of proposal.split("-")) {
    const row = findKeyword(word.toLowerCase());
    if (row?.type === "KE" || row?.type === "ESN") continue;
    const encr = row?.type === "ENCR" ? row : row === undefined ? encrNamed(word) : undefined;
    const integ =
      row?.type === "INTEG" ? row : row === undefined && encr === undefined ? integNamed(word)?.integ : undefined;
    const prf = row?.type === "PRF" ? row : undefined;
    if (encr === undefined && integ === undefined && prf === undefined) {
      throw new DeriveError(`"${word}" in "${proposal}" is no algorithm that is known`);
    }
    suite = { encr: encr ?? suite.encr, integ: integ ?? suite.integ, prf: prf ?? suite.prf };
  }
  const implied = suite.integ?.impliedPrf;
  return { ...suite, prf: suite.prf ?? (implied === undefined ? undefined : prfNamed(implied)) };
}

function present(values: readonly DerivedValue[]): DerivedValue[] {
  return values.filter(({ value }) => value.length > 0);
}
