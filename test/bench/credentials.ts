/** Certificates for the handshakes that prove both ends by signature, as `underlock pki` makes them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { makeAuthority, makeHost } from "../../src/cli/pki/make.ts";

/** The kinds of key; both ends have the same, and the key exchange is X25519. */
export const signatureNames = ["rsa2048", "p256", "ed25519"] as const;

export type SignatureName = (typeof signatureNames)[number];

const kinds = { rsa2048: "rsa-2048", p256: "ecdsa-p256", ed25519: "ed25519" } as const;

/** The identities of both ends, which are also the names of their files. */
export function signers(name: SignatureName): { readonly initiator: string; readonly responder: string } {
  return { initiator: `${name}.initiator.bench.example`, responder: `${name}.responder.bench.example` };
}

/** One value for each kind. */
export function perSignature<T>(make: (name: SignatureName) => T): Record<SignatureName, T> {
  return { rsa2048: make("rsa2048"), p256: make("p256"), ed25519: make("ed25519") };
}

/** Makes an authority and, for each kind of key, both ends' files in `dir`. */
export async function makeCredentials(dir: string): Promise<void> {
  await makeAuthority("ca", { dir, key: "ecdsa-p256", days: 2 });
  for (const name of signatureNames) {
    const { initiator, responder } = signers(name);
    for (const id of [initiator, responder]) await makeHost([id], { dir, ca: "ca", key: kinds[name], days: 2 });
  }
}

/** A file of them, as text. */
export function credentialText(dir: string, file: string): string {
  return readFileSync(join(dir, file), "utf8");
}
