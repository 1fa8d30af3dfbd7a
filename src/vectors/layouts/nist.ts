import type { Ikev1KeysCase, Ikev2KeysCase } from "../case.ts";
import { hex, type JsonObject, objects, text } from "../json.ts";

/** NIST's key derivations: CAVS and ACVP, in groups of tests or in lists by method, with ACVP's names of the fields. */
export function* nistCases(file: JsonObject): Generator<Ikev1KeysCase | Ikev2KeysCase> {
  for (const group of objects(file.testGroups)) {
    const method = text(group, "authenticationMethod", "authMethod") ?? text(file, "authenticationMethod") ?? "";
    for (const test of objects(group.tests)) {
      yield* caseOf(
        test,
        text(group, "hash", "hashAlg") ?? text(test, "hash", "hashAlg") ?? "",
        method,
        nameOf(group, test),
      );
    }
  }
  for (const [section, value] of Object.entries(file)) {
    if (!/^ikev[12]/i.test(section)) continue;
    const method = section.split(/[_-]/)[1] ?? "";
    for (const test of objects(value)) {
      yield* caseOf(test, text(test, "hash", "hashAlg") ?? "", method, text(test, "name") ?? section);
    }
  }
}

function* caseOf(
  test: JsonObject,
  hash: string,
  method: string,
  name: string,
): Generator<Ikev1KeysCase | Ikev2KeysCase> {
  const ni = hex(test, "nInit");
  const nr = hex(test, "nResp");
  if (ni === undefined || nr === undefined) return;
  const cookieI = hex(test, "ckyInit");
  const shared = hex(test, "gxy", "gir") ?? "";
  if (cookieI !== undefined) {
    const preSharedKey = hex(test, "preSharedKey");
    yield {
      check: "ikev1-keys",
      name,
      hash,
      authentication: preSharedKey === undefined ? method || "dsa" : "psk",
      ni,
      nr,
      cookieI,
      cookieR: hex(test, "ckyResp") ?? "",
      shared,
      ...(preSharedKey === undefined ? {} : { preSharedKey }),
      ...optional({
        skeyid: hex(test, "sKeyId"),
        skeyidD: hex(test, "sKeyIdD"),
        skeyidA: hex(test, "sKeyIdA"),
        skeyidE: hex(test, "sKeyIdE"),
      }),
    };
    return;
  }
  yield {
    check: "ikev2-keys",
    name,
    prf: hash,
    ni,
    nr,
    spiI: hex(test, "spiInit") ?? "",
    spiR: hex(test, "spiResp") ?? "",
    shared,
    ...optional({
      skeyseed: hex(test, "sKeySeed"),
      keys: hex(test, "derivedKeyingMaterial"),
      child: hex(test, "derivedKeyingMaterialChild"),
      childWithSecret: hex(test, "derivedKeyingMaterialDh"),
      newShared: hex(test, "girNew"),
      rekeySkeyseed: hex(test, "sKeySeedReKey"),
    }),
  };
}

function nameOf(group: JsonObject, test: JsonObject): string {
  return `${group.groupIndex ?? group.tgId ?? ""}/${test.count ?? test.tcId ?? ""}`;
}

function optional(fields: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const present: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) present[name] = value;
  return present;
}
