import type { VectorCase } from "../case.ts";
import { hex, isObject, type JsonObject, objects, text } from "../json.ts";

/** Key derivations and ESP packets that stand beside recorded exchanges, and Android's constants by test class. */
export function* handshakeCases(file: JsonObject): Generator<VectorCase> {
  const derivations = isObject(file.keyDerivation) ? file.keyDerivation : {};
  for (const entry of objects(derivations.ikev1)) yield* ikev1(entry);
  for (const entry of objects(derivations.ikev2)) yield* ikev2(entry);
  for (const entry of objects(file.esp)) yield* espPacket(entry);
  for (const entry of objects(file.classes)) {
    if (isObject(entry.constants)) yield* android(text(entry, "class") ?? "", entry.constants);
  }
}

function* ikev1(entry: JsonObject): Generator<VectorCase> {
  const [ni, nr, shared] = [
    hex(entry, "in.initiatorNonce"),
    hex(entry, "in.responderNonce"),
    hex(entry, "in.dHSecret"),
  ];
  const [skeyid, sas] = [hex(entry, "out.SKEYID"), ipsecSas(entry)];
  if (ni === undefined || nr === undefined || shared === undefined) return;
  const name = text(entry, "test") ?? "";
  const secrets = {
    check: "ikev1-keys",
    name,
    hash: text(entry, "in.hash") ?? "SHA-1",
    authentication: "psk",
    ni,
    nr,
    cookieI: hex(entry, "in.initiatorCookie") ?? "",
    cookieR: hex(entry, "in.responderCookie") ?? "",
    shared,
    // The source's tests all use this key.
    preSharedKey: hex(entry, "in.preSharedKey") ?? "41414141",
    ...present("skeyid", skeyid),
    ...present("skeyidD", hex(entry, "out.SKEYID_d")),
    ...present("skeyidA", hex(entry, "out.SKEYID_a")),
    ...present("skeyidE", hex(entry, "out.SKEYID_e")),
  } as const;
  if (skeyid !== undefined) yield secrets;
  for (const { direction, ...sa } of sas) yield { ...secrets, name: `${name} ${direction}`, ...sa };
}

/** What Quick Mode came to, in each direction; the source's SAs are all of ESP. */
function ipsecSas(entry: JsonObject) {
  const [quickNi, quickNr] = [hex(entry, "phase2In.initiatorNonce"), hex(entry, "phase2In.responderNonce")];
  return ["inbound", "outbound"].flatMap((direction) => {
    const ipsecSpi = hex(entry, `phase2In.${direction}Spi`);
    const keymat = hex(entry, `out.${direction}KeyMaterial`);
    if (quickNi === undefined || quickNr === undefined || ipsecSpi === undefined || keymat === undefined) return [];
    return [{ direction, ipsecProtocol: 3, ipsecSpi, quickNi, quickNr, keymat }];
  });
}

function* ikev2(entry: JsonObject): Generator<VectorCase> {
  const [ni, nr, shared] = [
    hex(entry, "in.initiatorNonce"),
    hex(entry, "in.responderNonce"),
    hex(entry, "in.dHSecret"),
  ];
  if (
    ni === undefined ||
    nr === undefined ||
    shared === undefined ||
    !Object.keys(entry).some((key) => /^out\.SK/.test(key))
  )
    return;
  const keys = ["SKd", "SKai", "SKar", "SKei", "SKer", "SKpi", "SKpr"].map((name) => hex(entry, `out.${name}`));
  yield {
    check: "ikev2-keys",
    name: text(entry, "test") ?? "",
    prf: text(entry, "in.prf") ?? "PRF_HMAC_SHA1",
    ni,
    nr,
    spiI: hex(entry, "in.initiatorCookie") ?? "",
    spiR: hex(entry, "in.responderCookie") ?? "",
    shared,
    ...present("skeyseed", hex(entry, "out.SKeyseed")),
    ...(keys.includes(undefined) ? {} : { keys: keys.join("") }),
  };
}

function* espPacket(entry: JsonObject): Generator<VectorCase> {
  const packet = hex(entry, "packet");
  if (packet === undefined) return;
  yield {
    check: "esp",
    name: text(entry, "name") ?? "",
    encr: text(entry, "encr") ?? "NULL",
    encrKey: hex(entry, "encKey") ?? "",
    ...present("salt", hex(entry, "salt")),
    ...present("integ", text(entry, "integ")),
    ...present("integKey", hex(entry, "authKey")),
    packet,
    ...present("payload", hex(entry, "payload")),
  };
}

function* android(name: string, constants: JsonObject): Generator<VectorCase> {
  const [ni, nr] = [hex(constants, "IKE_NONCE_INIT_HEX_STRING"), hex(constants, "IKE_NONCE_RESP_HEX_STRING")];
  const skeyseed = hex(constants, "IKE_SKEYSEED_HEX_STRING");
  if (ni !== undefined && nr !== undefined && skeyseed !== undefined) {
    yield {
      check: "ikev2-keys",
      name,
      prf: "PRF_HMAC_SHA1",
      ni,
      nr,
      spiI: hex(constants, "IKE_INIT_SPI") ?? "",
      spiR: hex(constants, "IKE_RESP_SPI") ?? "",
      shared: hex(constants, "IKE_SHARED_DH_KEY_HEX_STRING") ?? "",
      skeyseed,
      ...present("keys", hex(constants, "IKE_KEY_MAT")),
      ...present("child", hex(constants, "FIRST_CHILD_KEY_MAT")),
    };
  }
  const octets = hex(constants, "IKE_AUTH_INIT_REQUEST_HEX_STRING");
  const encrKey = hex(constants, "ENCR_KEY_FROM_INIT_TO_RESP");
  if (octets === undefined || encrKey === undefined) return;
  yield {
    check: "message",
    name,
    octets,
    open: { encr: "aes128", encrKey, integ: "sha1", integKey: hex(constants, "INTE_KEY_FROM_INIT_TO_RESP") ?? "" },
    ...present("plaintext", hex(constants, "IKE_AUTH_INIT_REQUEST_DECRYPTED_BODY_HEX_STRING")),
  };
}

function present<K extends string>(name: K, value: string | undefined): Partial<Record<K, string>> {
  return value === undefined ? {} : ({ [name]: value } as Record<K, string>);
}
