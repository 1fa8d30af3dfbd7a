/** Values about signatures: files of keys and certificates, pins, schemes. */
import type { z } from "zod";
import { readPlace } from "../../credentials/certificate-place.ts";
import { parsePin } from "../../credentials/files/public-key.ts";
import type { SignatureHash, SignatureScheme } from "../../crypto/signature/scheme.ts";
import { nearestWord } from "../nearest.ts";
import { quote } from "../problem.ts";
import { type Reading, textLeaf } from "./leaf.ts";

/** The name of a file; `file:` before it says no more. */
export const credentialFile: z.ZodType<string> = textLeaf("the name of a file", readFileName);

/** What is trusted: a file, or the hash of a key. */
export type TrustText =
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "pin"; readonly pin: string };

/** A file's name, or `sha256:` and the hash of a SubjectPublicKeyInfo. */
export const trustEntry: z.ZodType<TrustText> = textLeaf(
  "a file, or sha256: and the hash of a key",
  (text): Reading<TrustText> => {
    if (/^sha256[:/]/i.test(text)) {
      const pin = parsePin(text);
      if (pin !== undefined) return { value: { kind: "pin", pin } };
      return { wrong: "needs 64 hexadecimal digits or 43 of base64 after sha256:" };
    }
    const name = readFileName(text);
    return "wrong" in name ? name : { value: { kind: "file", name: name.value } };
  },
);

/** What the URLs of certificates must begin with. */
export const certificatePlace: z.ZodType<string> = textLeaf("a URL", (text): Reading<string> => {
  const read = readPlace(text);
  return "place" in read ? { value: read.place } : { wrong: `${quote(text)} ${read.wrong}` };
});

export const trustAllowances = ["common-name", "any-purpose", "sha1"] as const;

/** What of a peer's certificate is taken only where it is named. */
export type TrustAllowance = (typeof trustAllowances)[number];

const salt = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 } as const;
const pss = (hash: SignatureHash): SignatureScheme => ({ kind: "rsa-pss", hash, saltLength: salt[hash] });
const pkcs1 = (hash: SignatureHash): SignatureScheme => ({ kind: "rsa-pkcs1", hash });
const ecdsa = (hash: SignatureHash): SignatureScheme => ({ kind: "ecdsa", hash, form: "der" });

const schemes: Readonly<Record<string, SignatureScheme>> = {
  ed25519: { kind: "eddsa", curve: "ed25519" },
  ed448: { kind: "eddsa", curve: "ed448" },
  "ecdsa-sha256": ecdsa("sha256"),
  "ecdsa-sha384": ecdsa("sha384"),
  "ecdsa-sha512": ecdsa("sha512"),
  "rsa-pss-sha256": pss("sha256"),
  "rsa-pss-sha384": pss("sha384"),
  "rsa-pss-sha512": pss("sha512"),
  "rsa-sha256": pkcs1("sha256"),
  "rsa-sha384": pkcs1("sha384"),
  "rsa-sha512": pkcs1("sha512"),
  "rsa-sha1": pkcs1("sha1"),
};

/** Their keywords. */
export const signatureSchemes: readonly string[] = Object.keys(schemes);

/** What is signed with. */
export const signatureScheme: z.ZodType<SignatureScheme> = textLeaf("what is signed with", (text) => {
  const scheme = Object.hasOwn(schemes, text.toLowerCase()) ? schemes[text.toLowerCase()] : undefined;
  if (scheme !== undefined) return { value: scheme };
  const near = nearestWord(text, signatureSchemes);
  const guess = near === undefined ? "" : `, did you mean ${near}?`;
  return { wrong: `no such signature: ${quote(text)}${guess} Possible: ${signatureSchemes.join(", ")}` };
});

function readFileName(text: string): Reading<string> {
  const name = text.replace(/^file:/, "").trim();
  if (name === "" || name.includes("\0")) return { wrong: "names no file" };
  // Who pastes a key here would have it in every copy of the file.
  if (name.includes("-----BEGIN"))
    return { wrong: "holds a key or certificate itself: put it into a file, and its name here" };
  return { value: name };
}
