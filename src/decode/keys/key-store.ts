import { type EncrTransform, encrKeyLength } from "../../crypto/transforms/encr.ts";
import type { IntegTransform } from "../../crypto/transforms/integ.ts";
import { KeyFileError } from "./algorithms.ts";

/** The keys of an IKEv2 SA's messages; `encr` keys include the salt. */
export interface Ikev2Keys {
  readonly encr: EncrTransform;
  /** Absent where the ICV is not to be checked. */
  readonly integ?: IntegTransform | undefined;
  /** Octets of an ICV that is not checked, where they are known. */
  readonly icvLength?: number | undefined;
  readonly skEi: Uint8Array;
  readonly skEr: Uint8Array;
  readonly skAi: Uint8Array;
  readonly skAr: Uint8Array;
}

/** The key of an ISAKMP SA's messages; the cipher where the file says it. */
export interface Ikev1Keys {
  readonly key: Uint8Array;
  readonly encr?: EncrTransform | undefined;
}

/** The keys of an ESP or AH SA. */
export interface EspSaKeys {
  readonly spi: number;
  /** Any address where they are absent. */
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  readonly encr: EncrTransform;
  /** Salt included. */
  readonly encrKey: Uint8Array;
  readonly integ?: IntegTransform | undefined;
  readonly integKey?: Uint8Array | undefined;
  readonly icvLength?: number | undefined;
}

function checkLengths({ encr, integ, skEi, skEr, skAi, skAr }: Ikev2Keys): void {
  const cipher = [encr.keyword, encrKeyLength(encr)] as const;
  const mac = [integ?.keyword ?? "", encr.aead ? 0 : (integ?.keyLength ?? 0)] as const;
  const keys = [
    ["SK_ei", skEi, ...cipher],
    ["SK_er", skEr, ...cipher],
    ["SK_ai", skAi, ...mac],
    ["SK_ar", skAr, ...mac],
  ] as const;
  for (const [name, key, algorithm, octets] of keys) {
    if (octets > 0 && key.length !== octets)
      throw new KeyFileError(`${name} has ${key.length} octets, of ${algorithm} possible are ${octets}`);
  }
}

/** Every key that was given, by what it opens. */
export class KeyStore {
  readonly #ikev2 = new Map<string, Ikev2Keys>();
  readonly #ikev1 = new Map<string, Ikev1Keys>();
  readonly #esp = new Map<number, EspSaKeys[]>();
  /** Pre-shared keys and private values, tried on every SA. */
  readonly preSharedKeys: Uint8Array[] = [];
  readonly privateValues: Uint8Array[] = [];
  /** SAs that were left out, since nothing here computes their algorithm: a sentence for each. */
  readonly leftOut: string[] = [];
  #added = 0;

  /** How much was added, twice what was added twice. */
  get size(): number {
    return this.#added + this.preSharedKeys.length + this.privateValues.length;
  }

  /** SPIs as 16 hex digits each. Throws {@link KeyFileError} where a key does not fit its algorithm. */
  addIkev2(spiI: string, spiR: string, keys: Ikev2Keys): void {
    checkLengths(keys);
    this.#added += 1;
    this.#ikev2.set(`${spiI} ${spiR}`, keys);
  }

  ikev2(spiI: string, spiR: string): Ikev2Keys | undefined {
    return this.#ikev2.get(`${spiI} ${spiR}`);
  }

  addIkev1(cookieI: string, keys: Ikev1Keys): void {
    this.#added += 1;
    this.#ikev1.set(cookieI, keys);
  }

  ikev1(cookieI: string): Ikev1Keys | undefined {
    return this.#ikev1.get(cookieI);
  }

  addEsp(keys: EspSaKeys): void {
    this.#added += 1;
    const list = this.#esp.get(keys.spi);
    if (list === undefined) this.#esp.set(keys.spi, [keys]);
    else list.push(keys);
  }

  /** Every SA with that SPI and these addresses: two may have been given, of which one is right. */
  esp(spi: number, source: string, destination: string): readonly EspSaKeys[] {
    return (this.#esp.get(spi) ?? []).filter(
      (keys) =>
        (keys.source === undefined || keys.source === source) &&
        (keys.destination === undefined || keys.destination === destination),
    );
  }
}
