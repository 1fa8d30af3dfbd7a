/** Certificates for the lab, made in this very process: openssl's command line would take minutes in a guest. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writePem } from "../../../src/credentials/files/pem.ts";
import { issueCertificate } from "../../../src/credentials/issue/certificate.ts";
import { keyId } from "../../../src/credentials/issue/extensions.ts";
import { randomBytes } from "../../../src/crypto/secret.ts";
import { generatePrivateKey, type KeyKind } from "../../../src/crypto/signature/generate.ts";
import type { PrivateKey } from "../../../src/crypto/signature/private-key.ts";
import { encodeName } from "../../../src/negotiate/distinguished-name.ts";

export interface LabCertificate {
  readonly name: string;
  readonly kind?: KeyKind;
  /** The name of another, whose key it has. */
  readonly keyOf?: string | undefined;
  /** The name of another; itself where it is left out. */
  readonly issuer?: string;
  /** A host's name among its other names; left out: an authority. */
  readonly host?: string;
  /** Days until it ends. */
  readonly days?: number;
  readonly crl?: string;
  readonly ocsp?: string;
}

interface Made {
  readonly subject: Uint8Array;
  readonly key: PrivateKey;
  readonly keyPem: string;
  readonly pem: string;
}

const day = 86_400_000;

/** Makes certificates and remembers them by their names. */
export class Issuer {
  readonly #made = new Map<string, Made>();

  /** The subject is `CN=` and the name. */
  issue({ name, kind = "ecdsa-p256", keyOf, issuer, host, days = 30, ...where }: LabCertificate): void {
    const key = keyOf === undefined ? generatePrivateKey(kind) : this.#of(keyOf).key;
    const subject = encodeName([[{ type: "2.5.4.3", value: name }]]);
    const above = issuer === undefined ? undefined : this.#of(issuer);
    const serial = randomBytes(8);
    serial[0] = ((serial[0] ?? 0) & 0x7f) | 1;
    const der = issueCertificate(
      {
        ...where,
        subject,
        spki: key.publicKey.spki,
        purpose: host === undefined ? { kind: "authority" } : { kind: "host" },
        altNames: host === undefined ? [] : [{ kind: "dns", text: host }],
        serial,
        notBefore: Date.now() - 3 * day,
        notAfter: Date.now() + days * day,
      },
      above === undefined
        ? { name: subject, key, keyId: undefined }
        : { name: above.subject, key: above.key, keyId: keyId(above.key.publicKey.spki) },
    );
    const keyPem = writePem("PRIVATE KEY", key.exportPkcs8());
    this.#made.set(name, { subject, key, keyPem, pem: writePem("CERTIFICATE", der) });
  }

  /** Writes FILE.pem and FILE.key into a folder. */
  write(name: string, folder: string, file = name): void {
    const { pem, keyPem } = this.#of(name);
    writeFileSync(join(folder, `${file}.pem`), pem);
    writeFileSync(join(folder, `${file}.key`), keyPem, { mode: 0o600 });
  }

  #of(name: string): Made {
    const made = this.#made.get(name);
    if (made === undefined) throw new Error(`no certificate ${name}`);
    return made;
  }
}
