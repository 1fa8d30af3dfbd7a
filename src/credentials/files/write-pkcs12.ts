/** Writes PKCS #12 (RFC 7292) with AES, as every importer of the last ten years reads it, by node-forge. */
import type { asn1 } from "node-forge";
import { number, objectIdentifier, octets, sequence, set, tagged } from "../../asn1/encode.ts";
import { wipe } from "../../crypto/secret.ts";
import type { PrivateKey } from "../../crypto/signature/private-key.ts";
import type { Certificate } from "../certificate.ts";

type Forge = typeof import("node-forge");

/** One key with its certificates, the key's own first. */
export async function writePkcs12(
  key: PrivateKey,
  certificates: readonly Certificate[],
  passphrase: string,
  friendlyName: string,
): Promise<Uint8Array> {
  const forge = (await import("node-forge")).default;
  const pkcs8 = key.exportPkcs8();
  try {
    return makeStore(forge, pkcs8, certificates, passphrase, friendlyName);
  } finally {
    wipe(pkcs8);
  }
}

/** node-forge makes stores of RSA keys alone, so that the store is put together here, of its encryption and its MAC. */
function makeStore(
  forge: Forge,
  pkcs8: Uint8Array,
  certificates: readonly Certificate[],
  passphrase: string,
  friendlyName: string,
): Uint8Array {
  const localKeyId = sequence(objectIdentifier("1.2.840.113549.1.9.21"), set(octets(Uint8Array.of(1))));
  const name = sequence(objectIdentifier("1.2.840.113549.1.9.20"), set(bmpString(friendlyName)));
  const encrypted = forge.pki.encryptPrivateKeyInfo(fromOctets(forge, pkcs8), forge.util.encodeUtf8(passphrase), {
    algorithm: "aes256",
    count: iterations,
    saltSize: 16,
    prfAlgorithm: "sha256",
  });
  const keyBag = bag("1.2.840.113549.1.12.10.1.2", toOctets(forge, encrypted), set(localKeyId, name));
  const certBags = certificates.map((certificate, index) => {
    const x509 = sequence(
      objectIdentifier("1.2.840.113549.1.9.22.1"),
      tagged(0, "constructed", octets(certificate.der)),
    );
    return bag("1.2.840.113549.1.12.10.1.3", x509, ...(index === 0 ? [set(localKeyId, name)] : []));
  });
  const safe = sequence(data(sequence(keyBag)), data(sequence(...certBags)));
  return sequence(number(3), data(safe), mac(forge, safe, passphrase));
}

/** RFC 7292 B: enough to make guessing slow, and a tenth of a second here. */
const iterations = 20_000;

function bag(type: string, value: Uint8Array, ...attributes: Uint8Array[]): Uint8Array {
  return sequence(objectIdentifier(type), tagged(0, "constructed", value), ...attributes);
}

function data(contents: Uint8Array): Uint8Array {
  return sequence(objectIdentifier("1.2.840.113549.1.7.1"), tagged(0, "constructed", octets(contents)));
}

function mac(forge: Forge, safe: Uint8Array, passphrase: string): Uint8Array {
  const salt = forge.random.getBytesSync(20);
  const digest = forge.md.sha256.create();
  const key = forge.pkcs12.generateKey(passphrase, forge.util.createBuffer(salt), 3, iterations, 32, digest);
  const hmac = forge.hmac.create();
  hmac.start("sha256", key);
  hmac.update(Buffer.from(safe).toString("latin1"));
  const value = Buffer.from(hmac.getMac().getBytes(), "latin1");
  const algorithm = sequence(objectIdentifier("2.16.840.1.101.3.4.2.1"), Uint8Array.of(5, 0));
  return sequence(sequence(algorithm, octets(value)), octets(Buffer.from(salt, "latin1")), number(iterations));
}

function bmpString(text: string): Uint8Array {
  const contents = Buffer.from(text, "utf16le").swap16();
  return Buffer.concat([Buffer.of(0x1e, contents.length), contents]);
}

function fromOctets(forge: Forge, der: Uint8Array): asn1.Asn1 {
  return forge.asn1.fromDer(Buffer.from(der).toString("latin1"));
}

function toOctets(forge: Forge, element: asn1.Asn1): Uint8Array {
  return Uint8Array.from(Buffer.from(forge.asn1.toDer(element).getBytes(), "latin1"));
}
