/** The load generator's half of a handshake that is proved by signatures (RFC 7427): the cheapest that is right. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { signatureAlgorithm } from "../../src/credentials/algorithm-identifier.ts";
import type { Certificate } from "../../src/credentials/certificate.ts";
import { readCertificates } from "../../src/credentials/files/certificates.ts";
import { readKeyFile } from "../../src/credentials/files/private-key.ts";
import type { PrivateKey } from "../../src/crypto/signature/private-key.ts";
import type { PublicKey } from "../../src/crypto/signature/public-key.ts";
import { suits } from "../../src/crypto/signature/suits.ts";
import { verifySignature } from "../../src/crypto/signature/verify.ts";
import { digitalSchemes, readSignature } from "../../src/ikev2/auth/signature-schemes.ts";
import { notify } from "../../src/ikev2/payloads.ts";
import { encodeDigitalSignature } from "../../src/wire/ikev2/auth/digital-signature.ts";
import { encodeHashAlgorithms } from "../../src/wire/ikev2/auth/hash-algorithms.ts";
import type { AuthPayload } from "../../src/wire/ikev2/payloads/identity.ts";
import type { Payload } from "../../src/wire/ikev2/payloads/table.ts";
import { authMethod, certEncoding } from "../../src/wire/ikev2/registry/identity.ts";
import { notifyType } from "../../src/wire/ikev2/registry/notify.ts";
import { type SignatureName, signers } from "./credentials.ts";

/** One end's key and certificate, and the other's key. */
export class Signer {
  readonly initiator: string;
  readonly responder: string;
  readonly #key: PrivateKey;
  readonly #certificate: Certificate;
  readonly #peer: PublicKey;

  private constructor(name: SignatureName, key: PrivateKey, certificate: Certificate, peer: PublicKey) {
    ({ initiator: this.initiator, responder: this.responder } = signers(name));
    this.#key = key;
    this.#certificate = certificate;
    this.#peer = peer;
  }

  /** Of the files that `makeCredentials` wrote into `dir`. */
  static async read(dir: string, name: SignatureName): Promise<Signer> {
    const { initiator, responder } = signers(name);
    const octets = (file: string): Buffer => readFileSync(join(dir, file));
    const { key } = await readKeyFile(octets(`${initiator}.key`), undefined);
    const [certificate] = readCertificates(octets(`${initiator}.pem`));
    const [peer] = readCertificates(octets(`${responder}.pem`));
    if ("reason" in peer.publicKey) throw peer.publicKey;
    return new Signer(name, key, certificate, peer.publicKey);
  }

  /** SIGNATURE_HASH_ALGORITHMS. */
  get hashes(): Payload {
    return notify(notifyType.SIGNATURE_HASH_ALGORITHMS, encodeHashAlgorithms([2, 3, 4, 5]));
  }

  /** CERT and AUTH over these octets. */
  prove(octets: Uint8Array): Payload[] {
    const { algorithm } = this.#key.publicKey;
    const scheme = digitalSchemes.find((one) => suits(algorithm, one));
    if (scheme === undefined) throw new RangeError("no scheme suits the key");
    const signature = this.#key.sign(scheme, octets);
    const data = encodeDigitalSignature({ algorithm: signatureAlgorithm(scheme), signature });
    return [
      { kind: "CERT", encoding: certEncoding.X509_CERTIFICATE_SIGNATURE, data: this.#certificate.der },
      { kind: "AUTH", method: authMethod.DIGITAL_SIGNATURE, data },
    ];
  }

  /** Whether the responder's AUTH is a signature of these octets. */
  holds(auth: AuthPayload, octets: Uint8Array): boolean {
    const read = readSignature(auth, false);
    if ("seen" in read) return false;
    return read.schemes.some((scheme) => verifySignature(this.#peer, scheme, octets, read.signature));
  }
}
