/** Keys as JSON beside a capture: `sas` of IKEv2, the key of an ISAKMP SA, `esp` SAs, secrets that keys follow from. */
import { hex, isObject, type JsonObject, number, objects, text } from "../../vectors/json.ts";
import { cipherFor, integrityFor, KeyFileError, UnknownAlgorithmError } from "./algorithms.ts";
import type { KeyStore } from "./key-store.ts";

/** Adds what the file has to the store; an SA of an algorithm that is not known is left out. Throws {@link KeyFileError}. */
export function addSidecar(parsed: unknown, store: KeyStore): void {
  if (!isObject(parsed)) throw new KeyFileError("not a JSON object with keys");
  const lists = [
    ["sas", objects(parsed.sas), addIkev2],
    ["ikev1", [parsed, ...objects(parsed.ikev1)], addIkev1],
    ["esp", objects(parsed.esp), addEsp],
  ] as const;
  for (const [name, list, add] of lists) {
    for (const [index, sa] of list.entries()) {
      try {
        add(sa, store);
      } catch (error) {
        if (!(error instanceof UnknownAlgorithmError)) throw error;
        store.leftOut.push(`${name} ${index + 1}: ${error.message}`);
      }
    }
  }
  for (const holder of [parsed, ...objects(parsed.handshakes)]) addSecrets(holder, store);
}

function addIkev2(sa: JsonObject, store: KeyStore): void {
  const [skEi, skEr] = [octetsOf(sa, "SK_ei"), octetsOf(sa, "SK_er")];
  const [spiI, spiR] = [hex(sa, "spiI"), hex(sa, "spiR")];
  if (skEi === undefined || skEr === undefined || spiI === undefined || spiR === undefined) {
    throw new KeyFileError("an entry of sas lacks spiI, spiR, SK_ei or SK_er");
  }
  const name = algorithmName(sa.encr);
  const icvLength = isObject(sa.encr) ? number(sa.encr, "icvOctets") : undefined;
  const encr = cipherFor(name, skEi.length, icvLength);
  const integ = encr.aead ? undefined : integrityFor(algorithmName(sa.integ));
  const none = Buffer.alloc(0);
  store.addIkev2(spiI, spiR, {
    encr,
    integ: integ?.integ,
    skEi,
    skEr,
    skAi: octetsOf(sa, "SK_ai") ?? none,
    skAr: octetsOf(sa, "SK_ar") ?? none,
  });
}

function addIkev1(sa: JsonObject, store: KeyStore): void {
  const [cookie, key] = [hex(sa, "ckyI", "cookieI"), octetsOf(sa, "encryptionKey", "key")];
  if (cookie === undefined || key === undefined) return;
  const name = algorithmName(sa.encr);
  store.addIkev1(cookie, { key, ...(name === "" ? {} : { encr: cipherFor(name, key.length) }) });
}

function addEsp(sa: JsonObject, store: KeyStore): void {
  const spi = hex(sa, "spi");
  if (spi === undefined) throw new KeyFileError("an entry of esp lacks its spi");
  const encrKey = Buffer.concat([octetsOf(sa, "encKey", "encrKey") ?? none, octetsOf(sa, "salt") ?? none]);
  const named = integrityFor(algorithmName(sa.integ));
  const said = number(sa, "icvOctets");
  const encr = cipherFor(algorithmName(sa.encr) || "NULL", encrKey.length, said);
  store.addEsp({
    spi: Number.parseInt(spi, 16),
    source: text(sa, "src", "source"),
    destination: text(sa, "dst", "destination"),
    encr,
    encrKey,
    integ: named?.integ,
    integKey: octetsOf(sa, "authKey", "integKey"),
    icvLength: said ?? named?.icvLength,
  });
}

const none = Buffer.alloc(0);

function addSecrets(holder: JsonObject, store: KeyStore): void {
  const psk = text(holder, "preSharedKey", "psk");
  if (psk !== undefined) store.preSharedKeys.push(Buffer.from(psk, "utf8"));
  const pskHex = hex(holder, "preSharedKeyHex", "pskHex");
  if (pskHex !== undefined) store.preSharedKeys.push(Buffer.from(pskHex, "hex"));
  const secret = hex(holder, "dhPrivate", "dhPrivateInitiator", "dhPrivateResponder");
  if (secret !== undefined) store.privateValues.push(Buffer.from(secret, "hex"));
}

function algorithmName(value: unknown): string {
  if (typeof value === "string") return value;
  return isObject(value) ? (text(value, "name") ?? "") : "";
}

function octetsOf(object: JsonObject, ...names: readonly string[]): Buffer | undefined {
  const digits = hex(object, ...names);
  if (digits !== undefined) return Buffer.from(digits, "hex");
  const ascii = text(object, ...names.map((name) => `${name}Ascii`));
  return ascii === undefined ? undefined : Buffer.from(ascii, "latin1");
}
