/** Certificates made in the process, in thousands where a test needs them. */
import { Certificate, readCertificate } from "../../../src/credentials/certificate.ts";
import { type CertificatePlan, issueCertificate } from "../../../src/credentials/issue/certificate.ts";
import { keyId } from "../../../src/credentials/issue/extensions.ts";
import { generatePrivateKey } from "../../../src/crypto/signature/generate.ts";
import type { PrivateKey } from "../../../src/crypto/signature/private-key.ts";
import { encodeName } from "../../../src/negotiate/distinguished-name.ts";

export interface Made {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
}

const day = 86_400_000;
let serial = 0;

/** A certificate for a name, signed by `issuer` or itself. */
export function make(
  commonName: string,
  options: Partial<CertificatePlan> & { readonly issuer?: Made; readonly key?: PrivateKey } = {},
): Made {
  const { issuer, key = generatePrivateKey("ecdsa-p256"), ...plan } = options;
  const subject = encodeName([[{ type: "2.5.4.3", value: commonName }]]);
  serial += 1;
  const der = issueCertificate(
    {
      subject,
      spki: key.publicKey.spki,
      purpose: { kind: "host" },
      altNames: [],
      serial: Uint8Array.of(serial >> 16, serial >> 8, serial),
      notBefore: Date.now() - day,
      notAfter: Date.now() + day,
      ...plan,
    },
    issuer === undefined
      ? { name: subject, key, keyId: undefined }
      : { name: issuer.certificate.subject.der, key: issuer.key, keyId: keyId(issuer.certificate.spki) },
  );
  return { certificate: certificateOf(der), key };
}

export function authorityOf(commonName: string, options: Parameters<typeof make>[1] = {}): Made {
  return make(commonName, { purpose: { kind: "authority" }, ...options });
}

/** The certificate that `der` is. Throws where it is none. */
export function certificateOf(der: Uint8Array): Certificate {
  const read = readCertificate(der);
  if (read instanceof Certificate) return read;
  throw new Error(read.sentence);
}
