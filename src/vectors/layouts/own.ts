/** Files of our own: cases as `case.ts` has them, each looked at before it is run. */
import type { VectorCase } from "../case.ts";
import { isObject, type JsonObject, text } from "../json.ts";
import { LayoutError } from "./error.ts";

/** The `schema` of such files. */
export const ownSchema = "underlock-vectors-1";

type Kind = "text" | "hex" | "number";

interface Members {
  readonly wanted: Readonly<Record<string, Kind>>;
  readonly possible?: Readonly<Record<string, Kind>>;
}

const prf: Members = { wanted: { prf: "text", key: "hex", data: "hex", out: "hex" } };

/** What a case of each kind has beside `check`, `name` and `result`. */
const members: { readonly [K in VectorCase["check"]]: Members } = {
  mac: { wanted: { algorithm: "text", key: "hex", data: "hex", mac: "hex" }, possible: { nonce: "hex" } },
  prf,
  "prf+": prf,
  cipher: {
    wanted: { algorithm: "text", key: "hex", iv: "hex", plaintext: "hex", ciphertext: "hex" },
    possible: { salt: "hex" },
  },
  aead: {
    wanted: {
      algorithm: "text",
      key: "hex",
      nonce: "hex",
      aad: "hex",
      plaintext: "hex",
      ciphertext: "hex",
      tag: "hex",
    },
  },
  "key-exchange": {
    wanted: { group: "number", private: "hex", peer: "hex", shared: "hex" },
    possible: { public: "hex", iterations: "number" },
  },
  "modp-group": { wanted: { group: "number", prime: "hex" } },
  "ikev1-keys": {
    wanted: {
      hash: "text",
      authentication: "text",
      ni: "hex",
      nr: "hex",
      cookieI: "hex",
      cookieR: "hex",
      shared: "hex",
    },
    possible: {
      preSharedKey: "hex",
      skeyid: "hex",
      skeyidD: "hex",
      skeyidA: "hex",
      skeyidE: "hex",
      ipsecProtocol: "number",
      ipsecSpi: "hex",
      quickNi: "hex",
      quickNr: "hex",
      keymat: "hex",
    },
  },
  "ikev2-keys": {
    wanted: { prf: "text", ni: "hex", nr: "hex", spiI: "hex", spiR: "hex", shared: "hex" },
    possible: {
      skeyseed: "hex",
      keys: "hex",
      child: "hex",
      childWithSecret: "hex",
      newShared: "hex",
      rekeySkeyseed: "hex",
    },
  },
  signature: {
    wanted: { scheme: "text", algorithm: "text", publicKey: "hex", message: "hex", signature: "hex" },
    possible: { hash: "text", encoding: "text", saltLength: "number" },
  },
  esp: {
    wanted: { encr: "text", encrKey: "hex", packet: "hex" },
    possible: {
      salt: "hex",
      integ: "text",
      integKey: "hex",
      icvLength: "number",
      highSequence: "number",
      padded: "hex",
      payload: "hex",
    },
  },
  ah: { wanted: { integ: "text", integKey: "hex", packet: "hex" } },
  message: {
    wanted: { octets: "hex" },
    possible: { firstType: "number", place: "text", plaintext: "hex" },
  },
  "algorithm-identifier": { wanted: { der: "hex" } },
  none: { wanted: { algorithm: "text", why: "text" } },
};

const schemes: readonly unknown[] = ["ecdsa", "eddsa", "rsa-pkcs1", "rsa-pss"];
const verdicts: readonly unknown[] = [undefined, "valid", "acceptable", "invalid"];
const places: readonly unknown[] = [undefined, "clear", "protected"];
const encodings: readonly unknown[] = [undefined, "der", "concatenated"];

/** Who made them, as such a file says it. Throws {@link LayoutError}. */
export function ownSource(file: JsonObject): string {
  const source = isObject(file.source) ? text(file.source, "name") : undefined;
  if (source === undefined) throw new LayoutError("its source has no name");
  return source;
}

/** The cases of such a file; throws {@link LayoutError} with the case and the member that is wrong. */
export function ownCases(file: JsonObject): readonly VectorCase[] {
  if (!Array.isArray(file.cases)) throw new LayoutError("cases is not a list");
  if (file.cases.length === 0) throw new LayoutError("its list of cases is empty");
  return file.cases.map((entry: unknown, index) => {
    const fault = isObject(entry) ? faultOf(entry) : "is not an object";
    if (fault !== undefined) throw new LayoutError(`case ${index + 1} ${fault}`);
    return entry as VectorCase;
  });
}

function faultOf(entry: JsonObject): string | undefined {
  const { check, name } = entry;
  const known =
    typeof check === "string" && Object.hasOwn(members, check) ? members[check as VectorCase["check"]] : undefined;
  if (known === undefined)
    return `has the check ${JSON.stringify(check)}, possible are ${Object.keys(members).join(", ")}`;
  if (typeof name !== "string") return "has no name";
  const { wanted, possible = {} } = known;
  for (const [member, kind] of Object.entries(wanted))
    if (!isKind(entry[member], kind)) return `("${name}") has no ${member}, which is to be ${described[kind]}`;
  for (const [member, value] of Object.entries(entry)) {
    const kind = possible[member];
    if (kind !== undefined && !isKind(value, kind)) return `("${name}") has a ${member} that is not ${described[kind]}`;
    const isCommon = ["check", "name", "result", "open"].includes(member);
    if (kind === undefined && wanted[member] === undefined && !isCommon)
      return `("${name}") has a ${member}, which ${check} knows nothing of`;
  }
  return wordFault(entry, name);
}

function wordFault(entry: JsonObject, name: string): string | undefined {
  if (!verdicts.includes(entry.result)) return `("${name}") has the result ${JSON.stringify(entry.result)}`;
  if (!places.includes(entry.place)) return `("${name}") has the place ${JSON.stringify(entry.place)}`;
  if (!encodings.includes(entry.encoding)) return `("${name}") has the encoding ${JSON.stringify(entry.encoding)}`;
  if (entry.check === "signature" && !schemes.includes(entry.scheme))
    return `("${name}") has the scheme ${JSON.stringify(entry.scheme)}`;
  const { open } = entry;
  if (open === undefined) return undefined;
  const isOpen =
    entry.check === "message" && isObject(open) && isKind(open.encr, "text") && isKind(open.encrKey, "hex");
  const isWhole =
    isOpen &&
    (open.integ === undefined || isKind(open.integ, "text")) &&
    (open.integKey === undefined || isKind(open.integKey, "hex"));
  return isWhole ? undefined : `("${name}") has an open that is not {encr, encrKey, integ, integKey}`;
}

const described: Readonly<Record<Kind, string>> = {
  text: "a text",
  hex: "hex digits in lower case, two for each octet",
  number: "a whole number",
};

function isKind(value: unknown, kind: Kind): boolean {
  if (kind === "number") return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  return typeof value === "string" && (kind === "text" || /^(?:[0-9a-f]{2})*$/.test(value));
}
