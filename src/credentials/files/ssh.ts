/** OpenSSH's forms of keys (RFC 4253 6.6, RFC 5656, RFC 8709; PROTOCOL.key): lines of authorized_keys and private keys. */
import { integer, OCTET_STRING, SEQUENCE, tlv } from "../../crypto/key-exchange/der.ts";
import { encodeEcPrivate } from "../../crypto/key-exchange/ec-der.ts";
import { wipe } from "../../crypto/secret.ts";
import { type SignatureCurve, signatureCurves } from "../../crypto/signature/curves.ts";
import { importPrivateKey, type PrivateKey } from "../../crypto/signature/private-key.ts";
import { importPublicKey, type PublicKey } from "../../crypto/signature/public-key.ts";
import { CredentialFileError } from "./file-error.ts";
import { ecSpki, eddsaSpki, rsaSpki } from "./spki.ts";

const ecCurves: Readonly<Record<string, SignatureCurve>> = {
  "ecdsa-sha2-nistp256": "prime256v1",
  "ecdsa-sha2-nistp384": "secp384r1",
  "ecdsa-sha2-nistp521": "secp521r1",
};
const types: ReadonlySet<string> = new Set(["ssh-rsa", "ssh-ed25519", "ssh-ed448", ...Object.keys(ecCurves)]);

/** Whether a text begins like a line of a public key, perhaps with options before it. */
export function isSshLine(line: string): boolean {
  return words(line).some((word) => types.has(word));
}

/** The key of one line: options, if any, the type, the key in base64, a comment. Throws CredentialFileError, KeyError. */
export function readSshLine(line: string): PublicKey {
  const all = words(line);
  const at = all.findIndex((word) => types.has(word));
  const blob = Buffer.from(all[at + 1] ?? "", "base64");
  const reader = new SshReader(blob);
  const type = reader.text();
  if (type !== all[at]) throw new CredentialFileError(`the line says ${all[at]}, and its key ${type}`);
  const key = importPublicKey(spkiOf(type, reader));
  reader.end();
  return key;
}

/** The key of an `OPENSSH PRIVATE KEY` block without a passphrase. Throws CredentialFileError, KeyError. */
export function readSshPrivateKey(octets: Uint8Array): PrivateKey {
  const magic = Buffer.from("openssh-key-v1\0");
  if (!Buffer.from(octets).subarray(0, magic.length).equals(magic))
    throw new CredentialFileError("it is no key of OpenSSH's first version");
  const reader = new SshReader(octets.subarray(magic.length));
  const cipher = reader.text();
  reader.text();
  reader.octets();
  if (cipher !== "none") {
    throw new CredentialFileError(
      `it is encrypted in OpenSSH's own way (${cipher}): ssh-keygen -p -m PKCS8 -f FILE writes it as PKCS #8`,
    );
  }
  if (reader.number() !== 1) throw new CredentialFileError("it holds more than one key");
  reader.octets();
  const inner = new SshReader(reader.octets());
  reader.end();
  // Two equal numbers show that a passphrase was right; here they show that the block is whole.
  const check = inner.number();
  if (inner.number() !== check) throw new CredentialFileError("its check numbers differ");
  return privateKeyOfType(inner.text(), inner);
}

/** Words of a line, where quotation marks keep blanks together as in options. */
function words(line: string): readonly string[] {
  return line.slice(0, 16_384).match(/(?:[^\s"]|"(?:\\.|[^"\\])*")+/g) ?? [];
}

function spkiOf(type: string, reader: SshReader): Uint8Array {
  const curve = ecCurves[type];
  if (curve !== undefined) {
    reader.text();
    return ecSpki(curve, reader.octets());
  }
  if (type === "ssh-rsa") {
    const exponent = reader.octets();
    return rsaSpki(reader.octets(), exponent);
  }
  return eddsaSpki(type === "ssh-ed25519" ? "ed25519" : "ed448", reader.octets());
}

function privateKeyOfType(type: string, reader: SshReader): PrivateKey {
  const curve = ecCurves[type];
  if (curve !== undefined) {
    reader.text();
    const point = reader.octets();
    const scalar = withoutZeros(reader.octets());
    const { oid, octets } = signatureCurves[curve];
    const padded = Buffer.concat([Buffer.alloc(Math.max(octets - scalar.length, 0)), scalar]);
    return importAndWipe(encodeEcPrivate(Buffer.from(oid), padded, point), "sec1", padded);
  }
  if (type === "ssh-rsa") return rsaPrivateKey(reader);
  if (type !== "ssh-ed25519" && type !== "ssh-ed448")
    throw new CredentialFileError(`a key of the type ${type}, which signs nothing here`);
  const isEd25519 = type === "ssh-ed25519";
  reader.octets();
  const seed = reader.octets().subarray(0, isEd25519 ? 32 : 57);
  const identifier = Buffer.from(isEd25519 ? "300506032b6570" : "300506032b6571", "hex");
  const pkcs8 = tlv(SEQUENCE, integer(Buffer.of(0)), identifier, tlv(OCTET_STRING, tlv(OCTET_STRING, seed)));
  return importAndWipe(pkcs8, "pkcs8", seed);
}

/** PKCS #1 (RFC 8017 A.1.2) has two numbers that OpenSSH leaves out. */
function rsaPrivateKey(reader: SshReader): PrivateKey {
  const [n, e, d, coefficient, p, q] = [0, 1, 2, 3, 4, 5].map(() => reader.octets()) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const less = (prime: Uint8Array): Uint8Array => octetsOf(numberOf(d) % (numberOf(prime) - 1n));
  const numbers = [n, e, d, p, q, less(p), less(q), coefficient];
  const pkcs1 = tlv(SEQUENCE, integer(Buffer.of(0)), ...numbers.map(integer));
  return importAndWipe(pkcs1, "pkcs1", d, p, q);
}

function importAndWipe(der: Buffer, form: "pkcs8" | "pkcs1" | "sec1", ...secrets: Uint8Array[]): PrivateKey {
  try {
    return importPrivateKey(der, form);
  } finally {
    wipe(der, ...secrets);
  }
}

function numberOf(octets: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(octets).toString("hex")}`);
}

function octetsOf(number: bigint): Uint8Array {
  const digits = number.toString(16);
  return Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
}

function withoutZeros(octets: Uint8Array): Uint8Array {
  const first = octets.findIndex((octet) => octet !== 0);
  return octets.subarray(first < 0 ? octets.length : first);
}

/** RFC 4251 5: uint32, and strings with their length before them. */
class SshReader {
  readonly #view: Buffer;
  #at = 0;

  constructor(octets: Uint8Array) {
    this.#view = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  }

  number(): number {
    if (this.#at + 4 > this.#view.length) throw new CredentialFileError("the key is cut off");
    const value = this.#view.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  octets(): Uint8Array {
    const length = this.number();
    if (length > this.#view.length - this.#at) throw new CredentialFileError("the key is cut off");
    this.#at += length;
    return this.#view.subarray(this.#at - length, this.#at);
  }

  text(): string {
    return Buffer.from(this.octets()).toString("latin1");
  }

  end(): void {
    if (this.#at !== this.#view.length) throw new CredentialFileError("octets follow the key");
  }
}
