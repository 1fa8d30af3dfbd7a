/** Keys and certificates for ends: an authority of three levels, hosts of every kind of key, made by openssl when first asked for. */
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Certificate } from "../../../src/credentials/certificate.ts";
import { makeOwnKey } from "../../../src/credentials/own-key.ts";
import { makePeerTrust, type PeerTrust, type Trusted } from "../../../src/credentials/peer-trust.ts";
import { type PrivateKey, privateKeyOf } from "../../../src/crypto/signature/private-key.ts";
import type { KeyCredential, RoundDesired, TrustCredential } from "../../../src/sa/desired.ts";
import { authority, Openssl, type OpensslRequest, p256, rsa2048 } from "../credentials/openssl.ts";

let openssl: Openssl | undefined;
const made = new Map<string, Certificate>();

/** The folder in which they are made; gone with the process. */
function folder(): Openssl {
  if (openssl === undefined) {
    openssl = new Openssl();
    const { remove } = openssl;
    process.once("exit", () => remove.call(openssl));
  }
  return openssl;
}

export const keyKinds = {
  rsa: rsa2048,
  p256,
  p384: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
  p521: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
  brainpool: ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"],
  ed25519: ["-algorithm", "ED25519"],
  ed448: ["-algorithm", "ED448"],
} as const;

export type KeyKind = keyof typeof keyKinds;

/** A certificate, made once for each name. */
export function certificate(request: OpensslRequest): Certificate {
  const known = made.get(request.name);
  if (known !== undefined) return known;
  const certificate = folder().issue(request);
  made.set(request.name, certificate);
  return certificate;
}

export function root(name = "root"): Certificate {
  return certificate({ name, subject: `/O=Example/CN=${name}`, extensions: authority });
}

export function middle(): Certificate {
  root();
  return certificate({ name: "middle", issuer: "root", subject: "/O=Example/CN=middle", extensions: authority });
}

/** The certificate of a host `id`, below the root, or below `issuer`. */
export function host(
  id: string,
  kind: KeyKind = "p256",
  { issuer = "root", ...rest }: Partial<OpensslRequest> = {},
): Certificate {
  if (issuer === "middle") middle();
  else root(issuer);
  const request = { name: `${id}-${kind}-${issuer}`, subject: `/O=Example/CN=${id}`, key: keyKinds[kind] };
  return certificate({ ...request, issuer, extensions: [`subjectAltName=DNS:${id}`], ...rest });
}

/** The private key of a certificate that was made here. */
export function keyOf(certificate: Certificate): PrivateKey {
  const [name] = [...made].find(([, one]) => one === certificate) ?? [];
  return privateKeyOf(createPrivateKey(readFileSync(folder().path(`${name}.key`))));
}

/** SignedData without signers around certificates. */
export function pkcs7(certificates: readonly Certificate[]): Buffer {
  const names = certificates.map((one) => [...made].find(([, each]) => each === one)?.[0] ?? "");
  const files = names.flatMap((name) => ["-certfile", `${name}.pem`]);
  folder().run("crl2pkcs7", "-nocrl", ...files, "-outform", "DER", "-out", "wrapped.p7b");
  return folder().read("wrapped.p7b");
}

/** A round in which we sign with the keys of these certificates. */
export function signing(
  certificates: readonly Certificate[],
  options: Partial<KeyCredential> & { readonly others?: readonly Certificate[] } = {},
): RoundDesired<KeyCredential> {
  const { others = [root()], ...rest } = options;
  const keys = certificates.map((one) => makeOwnKey(keyOf(one), one, others, `${one.label}.key`));
  return { credential: { kind: "key", keys, sha1: false, ...rest } };
}

/** A round in which we sign with a key that has no certificate. */
export function signingRaw(certificate: Certificate): RoundDesired<KeyCredential> {
  const keys = [makeOwnKey(keyOf(certificate), undefined, [], "raw.key")];
  return { credential: { kind: "key", keys, sha1: false } };
}

/** A round in which the peer signs, and this is trusted. */
export function trusting(
  trusted: Partial<Trusted> = { authorities: [root()] },
  rest: Partial<PeerTrust> = {},
): RoundDesired<TrustCredential> {
  const nothing: Trusted = { authorities: [], listed: [], keys: [], pins: [] };
  const defaults = { commonName: false, anyPurpose: false, sha1: false, bound: true, revocation: "off" } as const;
  const trust = makePeerTrust({ ...nothing, ...trusted }, { ...defaults, name: "root.pem", ...rest });
  return { credential: { kind: "trust", trust } };
}
