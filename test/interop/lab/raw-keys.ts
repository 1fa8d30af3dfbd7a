/** Keys without certificates, in the forms that peers and people keep them. */
import { createPrivateKey, createPublicKey } from "node:crypto";

/** The public key of a private one in PEM: SubjectPublicKeyInfo as DER. */
export function spkiOf(privatePem: string): Buffer {
  return createPublicKey(privatePem).export({ type: "spki", format: "der" });
}

/** SubjectPublicKeyInfo as PEM. */
export function publicPem(privatePem: string): string {
  return createPublicKey(privatePem).export({ type: "spki", format: "pem" }).toString();
}

/** RFC 3110 2, in base64: what Libreswan calls an rsasigkey. */
export function rsaDnsKey(privatePem: string): string {
  const { n = "", e = "" } = createPublicKey(privatePem).export({ format: "jwk" });
  const exponent = Buffer.from(e, "base64url");
  return Buffer.concat([Buffer.of(exponent.length), exponent, Buffer.from(n, "base64url")]).toString("base64");
}

/** A line of authorized_keys for an Ed25519 key. */
export function sshLine(privatePem: string): string {
  return `${sshType} ${ed25519Blob(privatePem).toString("base64")} peer\n`;
}

/** OpenSSH's own file of an Ed25519 key without a passphrase (PROTOCOL.key). */
export function sshPrivateKey(privatePem: string): string {
  const blob = ed25519Blob(privatePem);
  const seed = createPrivateKey(privatePem).export({ type: "pkcs8", format: "der" }).subarray(-32);
  const secret = Buffer.concat([seed, blob.subarray(-32)]);
  const inner = Buffer.concat([
    Buffer.alloc(8),
    string(Buffer.from(sshType)),
    string(blob.subarray(-32)),
    string(secret),
    string(Buffer.from("ops@here")),
  ]);
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7].slice(0, (8 - (inner.length % 8)) % 8));
  const none = string(Buffer.from("none"));
  const one = Buffer.of(0, 0, 0, 1);
  const magic = Buffer.from("openssh-key-v1\0");
  const whole = Buffer.concat([
    magic,
    none,
    none,
    string(Buffer.of()),
    one,
    string(blob),
    string(Buffer.concat([inner, padding])),
  ]);
  const lines = whole.toString("base64").match(/.{1,70}/g) ?? [];
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join("\n");
}

const sshType = "ssh-ed25519";

function ed25519Blob(privatePem: string): Buffer {
  return Buffer.concat([string(Buffer.from(sshType)), string(spkiOf(privatePem).subarray(-32))]);
}

function string(octets: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([length, octets]);
}
