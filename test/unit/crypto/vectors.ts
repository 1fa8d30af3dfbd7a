import { readFileSync } from "node:fs";
import type { EncrTransform } from "../../../src/crypto/transforms/encr.ts";
import type { IntegTransform } from "../../../src/crypto/transforms/integ.ts";
import type { KeTransform } from "../../../src/crypto/transforms/ke.ts";
import type { PrfTransform } from "../../../src/crypto/transforms/prf.ts";
import { findKeyword, transforms } from "../../../src/crypto/transforms.ts";

/** The parsed content of a file below `vectors/sources/`, in the shape that the caller says it has. */
export function loadVectors<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(`../../../vectors/sources/${path}`, import.meta.url), "utf8")) as T;
}

export function hex(digits: string): Buffer {
  return Buffer.from(digits, "hex");
}

interface WycheproofCase {
  readonly tcId: number;
  readonly flags: readonly string[];
  readonly result: "valid" | "acceptable" | "invalid";
}

/** The groups of a Wycheproof file; `G` describes a group, `C` a case. */
export function wycheproof<G, C>(name: string): readonly (G & { readonly tests: readonly (C & WycheproofCase)[] })[] {
  return loadVectors<{ testGroups: (G & { tests: (C & WycheproofCase)[] })[] }>(`wycheproof/${name}_test.json`)
    .testGroups;
}

export function encr(keyword: string): EncrTransform {
  const row = findKeyword(keyword);
  if (row?.type !== "ENCR") throw new Error(`${keyword} is no ENCR keyword`);
  return row;
}

export function integ(keyword: string): IntegTransform {
  const row = findKeyword(keyword);
  if (row?.type !== "INTEG") throw new Error(`${keyword} is no INTEG keyword`);
  return row;
}

export function prf(keyword: string): PrfTransform {
  const row = findKeyword(keyword);
  if (row?.type !== "PRF") throw new Error(`${keyword} is no PRF keyword`);
  return row;
}

export function ke(keyword: string): KeTransform {
  const row = findKeyword(keyword);
  if (row?.type !== "KE") throw new Error(`${keyword} is no KE keyword`);
  return row;
}

export const ikeCiphers = transforms.filter((row) => row.type === "ENCR").filter((row) => row.uses.ike);
export const runnableKe = transforms.filter((row) => row.type === "KE").filter((row) => row.method !== undefined);
