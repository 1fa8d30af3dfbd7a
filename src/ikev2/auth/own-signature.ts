/** A private key of ours as credential: which one, with which certificates, and the signature (RFC 7296 2.15, 3.6, 3.8). */
import { signatureAlgorithm } from "../../credentials/algorithm-identifier.ts";
import type { OwnKey } from "../../credentials/own-key.ts";
import { algorithmName } from "../../crypto/signature/key-algorithm.ts";
import { encodeDigitalSignature } from "../../wire/ikev2/auth/digital-signature.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { authMethod, certEncoding } from "../../wire/ikev2/registry/identity.ts";
import { signedOctets } from "../psk-auth.ts";
import type { OwnCredentialOf, ProvingMethod } from "./method.ts";
import { chooseSigning, type Signing } from "./signature-schemes.ts";
import { hashNames, type Wishes } from "./wishes.ts";

type Credential = OwnCredentialOf<"key">;

export const ownSignature: ProvingMethod<"key"> = {
  describe: ({ keys }) => keys.map(describeKey).join(" or "),
  doubts,
  prove(sa, credential, signed, wishes, then) {
    const prf = sa.keying?.suite.prf;
    if (prf === undefined) return;
    const choice = choose(credential, wishes);
    if (choice === undefined) return then({ reason: nothingFits(credential, wishes) });
    const { own, signing } = choice;
    const octets = signedOctets(prf, signed);
    const answerAbout = wishes.ocspAnswer ? withIssuer(own) : undefined;
    sa.host.compute(sa, { kind: "sign", key: own.key, scheme: signing.scheme, octets, answerAbout }, (result) => {
      if (result.kind !== "signed") return;
      const data = authData(signing, result.signature);
      const certificates = [...certificatePayloads(own), ...answerPayloads(result.ocspAnswer)];
      then({ payloads: [...certificates, { kind: "AUTH", method: signing.method, data }] });
    });
  },
};

interface Choice {
  readonly own: OwnKey;
  readonly signing: Signing;
}

/** The first key that signs as the peer verifies, of those first that one of the authorities that it names vouches for. */
function choose(credential: Credential, wishes: Wishes): Choice | undefined {
  const possible = credential.keys.flatMap((own): Choice[] => {
    const signing = chooseSigning(own, credential, wishes);
    return signing === undefined ? [] : [{ own, signing }];
  });
  return possible.find(({ own }) => isVouchedFor(own, wishes)) ?? possible[0];
}

function isVouchedFor({ authorities }: OwnKey, wishes: Wishes): boolean {
  for (const each of authorities) if (wishes.authorities.has(each)) return true;
  return false;
}

/** RFC 7296 3.6: ours first, then one payload for each authority on the way; RFC 7670 3.2 for a raw key. */
function certificatePayloads({ key, chain }: OwnKey): Payload[] {
  if (chain.length === 0) return [{ kind: "CERT", encoding: certEncoding.RAW_PUBLIC_KEY, data: key.publicKey.spki }];
  return chain.map(({ der }) => ({ kind: "CERT", encoding: certEncoding.X509_CERTIFICATE_SIGNATURE, data: der }));
}

function withIssuer({ chain: [certificate], issuer }: OwnKey) {
  return certificate === undefined || issuer === undefined ? undefined : { certificate, issuer };
}

/** RFC 4806 3.2: one answer in each payload. */
function answerPayloads(answer: Uint8Array | undefined): Payload[] {
  return answer === undefined ? [] : [{ kind: "CERT", encoding: certEncoding.OCSP_CONTENT, data: answer }];
}

function authData({ method, scheme }: Signing, signature: Uint8Array): Uint8Array {
  if (method !== authMethod.DIGITAL_SIGNATURE) return signature;
  return encodeDigitalSignature({ algorithm: signatureAlgorithm(scheme), signature });
}

function describeKey({ name, chain, key }: OwnKey): string {
  const [own] = chain;
  return own === undefined ? `the key ${name} (${key.publicKey})` : `the certificate ${own.label} (${name})`;
}

function nothingFits({ keys }: Credential, wishes: Wishes) {
  const ours = keys.map(({ key }) => algorithmName(key.publicKey.algorithm));
  const theirs =
    wishes.hashes === undefined ? ["RSA and ECDSA without SIGNATURE_HASH_ALGORITHMS"] : hashNames(wishes.hashes);
  return { code: "no-common-signature", ours, theirs } as const;
}

/** What the peer said of the proofs that it takes, as far as ours may not be among them. */
function doubts({ keys }: Credential, wishes: Wishes): readonly string[] {
  const found: string[] = [];
  if (wishes.authorities.size > 0 && !keys.some((own) => isVouchedFor(own, wishes)))
    found.push(
      `it names ${wishes.authorities.size} authorities (CERTREQ), and none of them stands above our certificate`,
    );
  const takes = wishes.methods?.map(({ method }) => method);
  if (
    takes !== undefined &&
    !takes.some((method) => method === authMethod.DIGITAL_SIGNATURE || (method < 12 && method !== 2))
  )
    found.push("it announces no method that is a signature (SUPPORTED_AUTH_METHODS)");
  return found;
}
